"""The end of a page: what it gave, where it leads and that it is done become durable in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crawlers.frontier.file import Frontier
from crawlers.frontier.outbox import Outbox
from crawlers.frontier.passes import Passes
from crawlers.frontier.queue import Fetched, Queue, Wanted
from crawlers.page import FoundRecord


@dataclass(frozen=True)
class Finished:
    """A page that is done.

    Attributes:
        row: Its id among the requests.
        source: The source's name.
        run_id, source_id, page, tally, records: For the outbox.
        fetched: For the next time that it is asked.
        wanted: Where it leads; those that are known are left alone.
        redirected_to: Where the answer came from, if not from its own URL: it is known as fetched, in this pass.
        counts: It was fetched, and so counts against `max_pages`.
    """

    row: int
    source: str
    run_id: str
    source_id: str
    page: Mapping[str, Any]
    tally: Mapping[str, Any]
    records: Sequence[FoundRecord]
    fetched: Fetched
    wanted: Sequence[Wanted] = ()
    redirected_to: Wanted | None = None
    counts: bool = True


def finish(
    frontier: Frontier, done: Finished, number: int, judge: Callable[[Wanted], str | None] | None = None
) -> list[bool]:
    """Keep a page of pass `number`; says of each of `wanted` whether it was queued, as `Queue.add` does.

    Raises:
        LeaseLost: Its request is not in hand of this process, and nothing of it is kept.
    """
    with frontier.transaction():
        Outbox(frontier).add_page(done.run_id, done.source_id, done.page, done.tally, done.records)
        queue = Queue(frontier)
        new = queue.add(done.wanted, number, judge)
        queue.done(done.row, done.fetched)
        if done.redirected_to is not None:
            queue.add_done(done.redirected_to, done.fetched, number)
        if done.counts:
            Passes(frontier).count_page(done.source)
    return new
