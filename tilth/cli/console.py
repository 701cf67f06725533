"""How a verb speaks: progress bars when a person watches, plain lines when not, JSON where asked."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Console


@cache
def console() -> "Console":
    """Where everything is printed; rich is imported when the first word is said, not on the way to `--help`."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


class Advance(Protocol):
    """Called as work goes on: how much is done, of how much."""

    def __call__(self, done: int, total: int | None = None) -> None: ...


def say(line: str) -> None:
    """One plain line."""
    console().print(line, markup=False)


def warn(line: str) -> None:
    """One plain line about something that a person should look at, apart from what was done."""
    print(f"tilth: {line}", file=sys.stderr)


def print_json(value: Any) -> None:
    """A report for programs: one JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_rows(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    """A table for people; a number stands to the right."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        number = bool(rows) and all(isinstance(row[place], int | float) for row in rows)
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


@contextmanager
def progress(what: str) -> Iterator[Advance]:
    """A bar while the block runs, when a person watches; else a line at the end of each tenth."""
    if not console().is_terminal:
        yield _plain(what)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console(), transient=True) as bars:
        bar = bars.add_task(what, total=None)

        def advance(done: int, total: int | None = None) -> None:
            bars.update(bar, completed=done, total=total)

        yield advance


def _plain(what: str) -> Advance:
    tenth = -1

    def advance(done: int, total: int | None = None) -> None:
        nonlocal tenth
        if total and total > 0 and 10 * done // total > tenth:
            tenth = 10 * done // total
            # Not on stdout, where --json puts its document.
            print(f"{what}: {done} of {total}", file=sys.stderr)

    return advance
