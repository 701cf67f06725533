"""One source in the process that fetches: its declaration, its bounds, and how far its pass is."""

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from crawlers.caps import Caps
from crawlers.crawl_spec import SourceSpec
from crawlers.fetched_source import FetchedSource
from crawlers.frontier.file import Frontier
from crawlers.kinds import kind_module, read_source
from crawlers.scope import Scope

IMAGE = "image"


@dataclass
class SourceRun:
    """A source while it is crawled.

    Attributes:
        source_id: Names the declaration.
        module: Of its kind.
        number: Of its pass.
        pages: Fetched in the pass, of those that count against `max_pages`.
        closed: No more of them are taken, for the limit is reached.
        caps: What ends walks without end.
        starts: The hosts of its start pages.
        answered: Those of them that gave a page.
    """

    source: Any
    source_id: str
    module: ModuleType
    scope: Scope
    caps: Caps
    number: int = 1
    pages: int = 0
    closed: bool = False
    starts: frozenset[str] = frozenset()
    answered: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, spec: SourceSpec, frontier: Frontier) -> "SourceRun":
        """Of what the process was told."""
        source = read_source(spec.declared)
        assert isinstance(source, FetchedSource)
        return cls(source, spec.source_id, kind_module(source.kind), Scope(source), Caps(frontier, source))

    @property
    def name(self) -> str:
        """The source's name."""
        return str(self.source.name)

    @property
    def recrawl_after(self) -> float:
        """Seconds after which a known URL is asked again in a new pass."""
        return float(self.source.recrawl_seconds or 0.0)

    def why_not(self, url: str, role: str) -> str | None:
        """Why the source does not go to a URL; None when it does. An image may lie anywhere."""
        return None if role == IMAGE else self.scope.why_not(url, role)
