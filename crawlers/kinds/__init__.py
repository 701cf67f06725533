"""The kinds of source: one module a kind, named after it; nothing else in `crawlers` knows one kind from another.

A kind whose pages are fetched has the names of `FetchedKind`, one that is read where it lies those of `ReadKind`.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeAlias

from crawlers.declaration import Declaration, SourceError
from crawlers.fetched_source import FetchedSource
from crawlers.page import Extraction, FetchedPage, Link
from crawlers.reading.batches import Batch

Source: TypeAlias = Declaration
"""What any source's declaration is typed as; of one that is fetched, `FetchedSource`."""


class FetchedKind(Protocol):
    """A kind whose pages are fetched.

    It may also give `request_headers(source) -> dict[str, str]`: what is sent to the source's own hosts besides the
    crawler's headers; it is asked in the process that fetches, and what it gives is not kept. And
    `sites(source) -> list[str]` with `of_site(source, site, sitemaps) -> list[Link]`: start URLs that are sites, and
    what a crawl begins with at each of them, given the sitemaps that its robots.txt names.
    """

    Source: type[FetchedSource]

    def start(self, source: Any) -> list[Link]:
        """What a crawl begins with."""

    def read(self, source: Any, page: FetchedPage) -> Extraction:
        """What a page gives: a pure function, called in worker processes, where it imports what it needs."""


class ReadKind(Protocol):
    """A kind that is read where it lies: nothing is fetched by the crawler."""

    Source: type[Declaration]

    def batches(self, source: Any, project_folder: Path) -> Iterator[Batch]:
        """Its records, some thousands at a time, in an order that is the same each time, and what gave none."""


def kinds() -> list[str]:
    """The kinds that a source may name."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def kind_module(kind: str) -> ModuleType:
    """The module of a kind of source: a `FetchedKind` or a `ReadKind`.

    Raises:
        SourceError: There is none of that name; the message names the nearest.
    """
    if kind in kinds():
        return importlib.import_module(f"{__name__}.{kind.replace('-', '_')}")
    nearest = difflib.get_close_matches(kind, kinds(), 1)
    hint = f'did you mean "{nearest[0]}"?' if nearest else f"known kinds: {', '.join(kinds())}."
    raise SourceError(("kind",), f'kind "{kind}" is not known; {hint}')


def is_fetched(source: Source) -> bool:
    """Whether a source's pages are fetched; else it is read where it lies."""
    return isinstance(source, FetchedSource)


def request_headers(source: Source) -> dict[str, str]:
    """What a source sends to its own hosts besides the crawler's headers; it may hold secrets.

    Raises:
        NotInEnvironment: A variable that a header names is not set. A crawl asks before it begins.
    """
    asked = getattr(kind_module(source.kind), "request_headers", None)
    headers: dict[str, str] = asked(source) if asked is not None else {}
    return headers


def read_source(declared: Mapping[str, Any], position: int = 0) -> Source:
    """Make a source of one `[[source]]` table of the project file.

    Args:
        declared: The table as parsed from TOML or JSON.
        position: Which of the `[[source]]` tables it is, from 0; errors carry it.

    Raises:
        SourceError: It is not valid; `field` is the path of what is wrong, such as `("source", 0, "item")`.
    """
    kind = declared.get("kind", "site")
    try:
        if not isinstance(kind, str):
            raise SourceError(("kind",), f'kind is {kind!r}; write the name of a kind of source, such as "site".')
        source: Source = kind_module(kind).Source.declare(declared)
    except SourceError as error:
        name = declared.get("name")
        where = f'source "{name}"' if isinstance(name, str) and name else f"source {position + 1}"
        raise SourceError(("source", position, *error.field), f"{where}: {error}") from error
    return source
