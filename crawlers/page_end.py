"""The end of a page: what it gave, where it leads and that it is done are kept together, whatever it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scrapy import Request

from crawlers.frontier.file import Frontier
from crawlers.frontier.finish import Finished, finish
from crawlers.frontier.queue import Queue, Wanted, fingerprint
from crawlers.page import Extraction, Link
from crawlers.page_row import PageEnd, page_row, to_remember
from crawlers.reading.values import clean
from crawlers.scope import host_of
from crawlers.source_run import IMAGE, SourceRun
from store.errors import TilthError


@dataclass(frozen=True)
class Kept:
    """A page that is done.

    Attributes:
        error: Why it could not be had or read.
        records: How many it gave.
        counts: It counts against `max_pages`.
        seconds: That the answer took.
        new: What it led to that was not known.
        too_deep: How many new links lie deeper than the source goes.
    """

    error: str | None
    records: int
    counts: bool
    seconds: float | None
    new: Sequence[Wanted]
    too_deep: int


class PageEnds:
    """Keeps the pages of a crawl.

    Args:
        frontier: Where they are kept, until the store has them.
        run_id: Names the crawl.
    """

    def __init__(self, frontier: Frontier, run_id: str) -> None:
        self._frontier = frontier
        self._queue = Queue(frontier)
        self._run_id = run_id

    def keep(self, run: SourceRun, request: Request, end: PageEnd) -> Kept:
        """Keep a page; one that gave something unfit to be kept is kept without it, and with an error that says so.

        Raises:
            sqlite3.Error, TilthError: The frontier cannot be written.
        """
        known = request.meta["known"]
        end = replace(end, error=clean(end.error)) if end.error else end
        try:
            return self._keep(run, request, end, page_row(request, run.source_id, end, known))
        except (sqlite3.Error, TilthError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a page gave, it is that page's trouble alone
            why = end.error or f"extract: {type(error).__name__}: {clean(' '.join(str(error).split()))[:200]}"
            bare = PageEnd(why, page=end.page)
            return self._keep(run, request, bare, page_row(request, run.source_id, bare, known, rights=False))

    def _keep(self, run: SourceRun, request: Request, end: PageEnd, row: Mapping[str, Any]) -> Kept:
        meta, extraction = request.meta, end.extraction
        known = meta["known"]
        refused = meta.get("robots") == "disallowed" or (end.error or "").startswith("rights: ")
        links, too_deep = self._in_bounds(run, extraction, meta["depth"])
        done = Finished(
            row=meta["frontier_id"],
            source=run.name,
            run_id=self._run_id,
            source_id=run.source_id,
            page=row,
            tally={
                "items": extraction.items,
                "empty": extraction.empty,
                "unmatched": dict(extraction.unmatched),
                "role": meta["role"],
                "nofollow": extraction.nofollow,
            },
            records=extraction.records,
            fetched=to_remember(row, run.source_id, end, known),
            wanted=[wanted_by(run, link, meta["depth"] + 1) for link in links],
            redirected_to=_redirected_to(run, request, row),
            counts=meta["role"] != IMAGE and not refused,
        )
        with self._frontier.transaction():
            queued = finish(self._frontier, done, run.number, run.caps.judge)
            new = [wanted for wanted, is_new in zip(done.wanted, queued, strict=True) if is_new]
            first = known.fetched_at is None and row["status"] is not None and 200 <= row["status"] < 300
            if first and end.error is None and run.source.extract and meta["role"] == "page":
                run.caps.learn(meta["asked"], [wanted.url for wanted in new], extraction.records)
        return Kept(end.error, len(extraction.records), done.counts, row["seconds"], new, too_deep)

    def _in_bounds(self, run: SourceRun, extraction: Extraction, depth: int) -> tuple[list[Link], int]:
        """The links that the source goes to, and how many others lie too deep and are not known."""
        links = [link for link in extraction.links if run.why_not(link.url, link.role) is None]
        if depth < run.source.max_depth:
            return links, 0
        away = [link for link in links if link.role != IMAGE]  # an image belongs to its page
        images = [link for link in links if link.role == IMAGE]
        if run.source.max_depth == 0:  # the start pages alone are what is wanted
            return images, 0
        return images, sum(self._queue.known(run.name, link.role, link.url) is None for link in away)


def wanted_by(run: SourceRun, link: Link, depth: int) -> Wanted:
    """A link as a request of a source."""
    return Wanted(run.name, link.url, host_of(link.url), link.role, link.about, link.priority, depth)


def _redirected_to(run: SourceRun, request: Request, row: Mapping[str, Any]) -> Wanted | None:
    """Where an answer came from, if not from the URL that was asked: it need not be asked for itself as well."""
    final, meta = row["final_url"], request.meta
    if final is None or row["status"] is None or not 200 <= row["status"] < 300:
        return None
    if fingerprint(meta["role"], final) == fingerprint(meta["role"], row["url"]):
        return None
    return wanted_by(run, Link(final, meta["role"], about=meta["about"]), meta["depth"])
