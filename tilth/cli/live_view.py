"""A crawl while it runs, and a source while it is read: a table that is drawn anew, a line now and then, or JSON."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeAlias

from crawlers.live import LiveHost, LiveState
from crawlers.read_in import Reading
from tilth.cli.console import console

if TYPE_CHECKING:
    from rich.console import RenderableType

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_LOOKS = 1.0
HOSTS_SHOWN = 12

Seen: TypeAlias = LiveState | Reading
Show: TypeAlias = Callable[[Seen], None]


@contextmanager
def live_view(*, as_lines: bool = False, quiet: bool = False) -> Iterator[Show]:
    """Gives a function that shows how a crawl is; call it as often as you like.

    Args:
        as_lines: One JSON document a line and second, on standard output.
        quiet: Show nothing, for a caller whose output is one document.
    """
    if as_lines:
        yield _once_a_second(lambda state: print(json.dumps(asdict(state), ensure_ascii=False), flush=True))
    elif quiet:
        yield lambda _: None
    elif console().is_terminal:
        from rich.live import Live

        with Live(console=console(), transient=True, auto_refresh=False) as live:
            yield _once_a_second(lambda state: live.update(table(state, time.time()), refresh=True))
    else:
        yield _once_a_second(_say_now_and_then())


def _once_a_second(show: Show) -> Show:
    last = 0.0

    def look(state: Seen) -> None:
        nonlocal last
        # A crawl says how it is once a second; a source that is read, after each batch.
        if state.at != last and (isinstance(state, LiveState) or abs(state.at - last) >= SECONDS_BETWEEN_LOOKS):
            last = state.at
            show(state)

    return look


def _say_now_and_then() -> Show:
    due = time.monotonic() + SECONDS_BETWEEN_LINES

    def say(state: Seen) -> None:
        nonlocal due
        if time.monotonic() < due or (isinstance(state, LiveState) and state.ended):
            return
        due = time.monotonic() + SECONDS_BETWEEN_LINES
        print(f"{summary(state)}{held_up(state)}.", file=sys.stderr)  # not on stdout, which may be read by a program

    return say


def summary(state: Seen) -> str:
    """The figures of a crawl, or of the reading of a source, in one line, without a full stop."""
    if isinstance(state, Reading):
        return f"{state.source}: {state.records:,} records ({state.records_per_second:,.0f} a second)"
    parts = [
        f"{state.pages:,} {'page' if state.pages == 1 else 'pages'} ({state.pages_per_second:.1f} a second)",
        f"{state.records:,} {'record' if state.records == 1 else 'records'}",
        f"{state.waiting:,} waiting",
        f"{state.warc_bytes / 1e6:.1f} MB kept",
    ]
    if state.errors:
        counted = sorted(state.errors.items(), key=lambda one: (-one[1], one[0]))
        parts.append("not had: " + ", ".join(f"{count} {kind}" for kind, count in counted))
    return "; ".join(parts)


def held_up(state: Seen) -> str:
    """While a crawl only waits, for whom and why, to go behind its figures; else nothing."""
    if isinstance(state, Reading):
        return ""
    waits = [host for host in state.hosts if host.waiting and host.why and not host.closed]
    return f"; {waits[0].host} waits: {waits[0].why}" if waits and not state.in_hand else ""


def table(state: Seen, now: float) -> "RenderableType":
    """The figures, and a row for each of the busiest hosts."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    if isinstance(state, Reading):
        return Text(summary(state))
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


def next_of(host: LiveHost, now: float) -> str:
    """When the host's next page may be asked for, and why it has to wait."""
    if host.closed:
        return f"left for the next crawl: {host.why}" if host.why else "left for the next crawl"
    if host.next_at is None or host.next_at <= now:
        return host.why or ""
    return f"in {host.next_at - now:.0f} s" + (f": {host.why}" if host.why else "")
