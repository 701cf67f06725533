"""A crawl while it runs: a table that is drawn again each second, a plain line now and then, or a line of JSON."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from tilth.cli.console import console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from crawlers.live import LiveHost, LiveState

SECONDS_BETWEEN_LINES = 10.0
HOSTS_SHOWN = 12

Show = Callable[["LiveState | None"], None]


@contextmanager
def live_view(*, as_lines: bool = False, quiet: bool = False) -> Iterator[Show]:
    """Gives a function that shows how a crawl is; call it as often as you like.

    Args:
        as_lines: One JSON document a line and second, on standard output.
        quiet: Show nothing, for a caller whose output is one document.
    """
    if as_lines:
        yield _new_ones_only(lambda state: print(json.dumps(asdict(state), ensure_ascii=False), flush=True))
    elif quiet:
        yield lambda _: None
    elif console().is_terminal:
        from rich.live import Live

        with Live(console=console(), transient=True, auto_refresh=False) as live:
            yield _new_ones_only(lambda state: live.update(table(state, time.time()), refresh=True))
    else:
        yield _new_ones_only(_say_now_and_then())


def _new_ones_only(show: Callable[["LiveState"], None]) -> Show:
    last = 0.0

    def look(state: "LiveState | None") -> None:
        nonlocal last
        if state is not None and state.at != last:
            last = state.at
            show(state)

    return look


def _say_now_and_then() -> Callable[["LiveState"], None]:
    due = time.monotonic() + SECONDS_BETWEEN_LINES

    def say(state: "LiveState") -> None:
        nonlocal due
        if time.monotonic() < due or state.ended:
            return
        due = time.monotonic() + SECONDS_BETWEEN_LINES
        print(f"{summary(state)}{held_up(state)}.", file=sys.stderr)  # not on stdout, which may be read by a program

    return say


def summary(state: "LiveState") -> str:
    """The figures of a crawl in one line, without a full stop."""
    parts = [
        f"{state.pages:,} pages ({state.pages_per_second:.1f} a second)",
        f"{state.records:,} records",
        f"{state.waiting:,} waiting",
        f"{state.warc_bytes / 1e6:.1f} MB kept",
    ]
    if state.errors:
        counted = sorted(state.errors.items(), key=lambda one: (-one[1], one[0]))
        parts.append("not had: " + ", ".join(f"{count} {kind}" for kind, count in counted))
    return "; ".join(parts)


def held_up(state: "LiveState") -> str:
    """While a crawl only waits, for whom and why, to go behind its figures; else nothing."""
    waits = [host for host in state.hosts if host.waiting and host.why and not host.closed]
    return f"; {waits[0].host} waits: {waits[0].why}" if waits and not state.in_hand else ""


def table(state: "LiveState", now: float) -> "RenderableType":
    """The figures, and a row for each of the busiest hosts."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("host", "pages", "in hand", "waiting", "s a page", "not had", "next"):
        rows.add_column(name, justify="left" if name in ("host", "next") else "right", overflow="ellipsis")
    for host in state.hosts[:HOSTS_SHOWN]:
        rows.add_row(
            host.host,
            f"{host.pages:,}",
            str(host.in_hand),
            f"{host.waiting:,}",
            f"{host.seconds:.2f}",
            str(host.errors or ""),
            next_of(host, now),
        )
    more = len(state.hosts) - HOSTS_SHOWN
    shown: list[RenderableType] = [Text(summary(state)), rows]
    return Group(*shown, Text(f"and {more} more hosts", style="dim")) if more > 0 else Group(*shown)


def next_of(host: "LiveHost", now: float) -> str:
    """When the host's next page may be asked for, and why it has to wait."""
    if host.closed:
        return f"left for the next crawl: {host.why}" if host.why else "left for the next crawl"
    if host.next_at is None or host.next_at <= now:
        return host.why or ""
    return f"in {host.next_at - now:.0f} s" + (f": {host.why}" if host.why else "")
