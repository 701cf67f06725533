"""`render = "auto"`: learns for each kind of page whether the browser gives more than HTTP does.

The first pages of a template are fetched both ways and read by the same function; after that it is the cheaper way that
gave all. Now and then a page is fetched both ways again. What fails, either way, teaches nothing.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from crawlers.browser.template import skeleton, url_pattern
from crawlers.frontier.file import Frontier
from crawlers.page import Extraction, Rendered
from crawlers.recent import Recent

Way = Literal["http", "browser", "both"]

FIRST_PAGES = 3
"""So many pages of a template are compared before it is decided."""
EVERY = 50
"""One page in so many is fetched both ways again."""
KEPT = 10
"""So many comparisons are kept as evidence, the newest."""
MOST_SKELETONS = 8
"""A URL pattern whose pages come in more shapes than this is taken as one template from there on."""
MOST_PATTERNS = 1_000
PATTERNS_COUNTED = 10_000
"""Of so many URL patterns, those that were met last, it is counted how often, and how often in vain."""
FAILURES = 5
"""After so many failures in a row only one page in ten of a pattern is tried both ways, until one works."""


@dataclass(frozen=True)
class Reading:
    """How much a page gave one way: records, characters of their text, and links."""

    records: int
    text: int
    links: int

    @classmethod
    def of(cls, extraction: Extraction) -> Reading:
        """Of what was read."""
        text = sum(len(record.text or "") for record in extraction.records)
        return cls(len(extraction.records), text, len(extraction.links))

    def gives_more_than(self, other: Reading) -> bool:
        """More records, or a tenth more text or links and not only a few words."""
        return (
            self.records > other.records
            or (self.records == other.records and self.text > 1.1 * other.text + 40)
            or (self.records == other.records and self.text >= other.text and self.links > 1.1 * other.links + 1)
        )


@dataclass(frozen=True)
class Compared:
    """A page that was fetched both ways; `at` is in epoch seconds."""

    url: str
    http: Reading
    browser: Reading
    at: float


@dataclass(frozen=True)
class TemplateEvidence:
    """What is known of a kind of page.

    Attributes:
        template: The form of its URLs, `#`, and the skeleton of its HTML.
        compared: Pages fetched both ways, the newest last, ten at most.
        total: How many were in all.
        decision: The way that it is fetched since; None while too few were compared.
    """

    template: str
    compared: tuple[Compared, ...] = ()
    total: int = 0

    @property
    def decision(self) -> Rendered | None:
        """The browser where it gave more on any of the last few pages."""
        last = self.compared[-FIRST_PAGES:]
        if len(last) < FIRST_PAGES:
            return None
        return "browser" if any(each.browser.gives_more_than(each.http) for each in last) else "http"

    def with_page(self, page: Compared) -> TemplateEvidence:
        """And one more page."""
        return TemplateEvidence(self.template, (*self.compared, page)[-KEPT:], self.total + 1)


class Choices:
    """Chooses for the sources of a crawl, and keeps what it learns in the frontier's `templates`.

    Args:
        frontier: Open.
        now: The clock, epoch seconds.
    """

    def __init__(self, frontier: Frontier, now: Callable[[], float] = time.time) -> None:
        self._frontier = frontier
        self._now = now
        self._known: dict[str, dict[str, dict[str, TemplateEvidence]]] = {}
        self._pages: Recent[tuple[str, str], int] = Recent(PATTERNS_COUNTED)
        self._failures: Recent[tuple[str, str], int] = Recent(PATTERNS_COUNTED)

    def choose(self, source: str, url: str) -> Way:
        """How a page is fetched; where it is `http`, `needs_browser` is asked once more when it is there."""
        pattern = url_pattern(url)
        self._pages[source, pattern] = turn = self._pages.get((source, pattern), 0) + 1
        templates = self._of(source)
        shapes = templates.get(pattern, {}).values()
        decisions = {each.decision for each in shapes}
        if not decisions or None in decisions or turn % EVERY == 0:
            if self._failures.get((source, pattern), 0) >= FAILURES and turn % 10:
                return "http"
            return "http" if not shapes and len(templates) >= MOST_PATTERNS else "both"
        # Where shapes differ, which of them it is shows when it is there.
        return "browser" if decisions == {"browser"} else "http"

    def needs_browser(self, source: str, url: str, html: bytes) -> bool:
        """Whether a page that came over HTTP is, or may be, one of those that the browser gives more of."""
        pattern = url_pattern(url)
        if self._failures.get((source, pattern), 0) >= FAILURES:
            return False
        shapes = self._of(source).get(pattern, {})
        known = shapes.get(_shape(shapes, html))
        return bool(shapes) and (known is None or known.decision != "http")

    def learn(self, source: str, url: str, html: bytes, http: Reading, browser: Reading) -> None:
        """Note a page that was fetched both ways without trouble; `html` is as the server sent it."""
        pattern = url_pattern(url)
        self._failures.pop((source, pattern), None)
        shapes = self._of(source)[pattern]
        shape = _shape(shapes, html)
        before = shapes.get(shape) or TemplateEvidence(f"{pattern}#{shape}")
        shapes[shape] = after = before.with_page(Compared(url, http, browser, self._now()))
        self._frontier.write(
            """
            INSERT INTO templates (source, template, evidence)
            VALUES (?, ?, ?)
            ON CONFLICT (source, template) DO UPDATE SET evidence = excluded.evidence
            """,
            (source, after.template, _to_json(after)),
        )

    def failed(self, source: str, url: str) -> None:
        """Note that one of the ways failed, which teaches nothing; after some in a row it is tried less often."""
        key = (source, url_pattern(url))
        self._failures[key] = self._failures.get(key, 0) + 1

    def _of(self, source: str) -> dict[str, dict[str, TemplateEvidence]]:
        if source not in self._known:
            found: dict[str, dict[str, TemplateEvidence]] = defaultdict(dict)
            for each in evidence(self._frontier, source):
                pattern, _, shape = each.template.rpartition("#")
                found[pattern][shape] = each
            self._known[source] = found
        return self._known[source]


def evidence(frontier: Frontier, source: str) -> list[TemplateEvidence]:
    """What is known of the source's pages, for people; the templates with most pages first."""
    rows = frontier.read("SELECT template, evidence FROM templates WHERE source = ?", (source,))
    found = [_from_json(row["template"], row["evidence"]) for row in rows]
    return sorted((each for each in found if each is not None), key=lambda each: (-each.total, each.template))


def better(http: Extraction, browser: Extraction) -> Rendered:
    """Which of two readings of one page is kept."""
    return "browser" if Reading.of(browser).gives_more_than(Reading.of(http)) else "http"


def _shape(shapes: dict[str, TemplateEvidence], html: bytes) -> str:
    shape = skeleton(html)
    return shape if shape in shapes or len(shapes) < MOST_SKELETONS else "other"


def _to_json(template: TemplateEvidence) -> str:
    pages = [
        {"url": each.url, "at": each.at, "http": _numbers(each.http), "browser": _numbers(each.browser)}
        for each in template.compared
    ]
    return json.dumps({"compared": pages, "total": template.total, "decision": template.decision})


def _numbers(reading: Reading) -> Sequence[int]:
    return reading.records, reading.text, reading.links


def _from_json(template: str, kept: str) -> TemplateEvidence | None:
    try:
        found: dict[str, Any] = json.loads(kept)
        pages = tuple(
            Compared(str(each["url"]), Reading(*each["http"]), Reading(*each["browser"]), float(each["at"]))
            for each in found["compared"]
        )
        return TemplateEvidence(template, pages, int(found["total"]))
    except (ValueError, TypeError, KeyError):
        return None  # what cannot be read is learnt again
