"""What a crawl came to: the figures, and the troubles in words that a person can act on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crawlers.drain import Drained
from crawlers.frontier.skipped import SCOPE, kind_and_words
from crawlers.read_in import ReadIn
from crawlers.reading.batches import NO_TEXT
from crawlers.remedies import NOT_AS_DECLARED, READ_AS_IT_STANDS, of_proxy, of_start
from crawlers.scope import canonical_url, host_of


@dataclass(frozen=True)
class Trouble:
    """Something about a source that is not as its declaration expects.

    Attributes:
        source: Its name.
        message: What, where, and what to do.
        refused: The source cannot be crawled as it is declared: no start page could be had.
        field: The key of the declaration that it is about, for the line in the project file; () when it is none.
    """

    source: str
    message: str
    refused: bool = False
    field: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class CrawlResult:
    """The figures of a crawl.

    Attributes:
        pages: How many pages the crawl kept, those that failed or were not allowed among them.
        statuses: Pages by HTTP status; those that were asked for and never answered under None.
        records_new: Records that the store did not have.
        records_known: Records that were met again.
        disallowed: Pages that robots.txt disallows: noted, not fetched.
        errors: Pages by kind of error.
        left_over: Pages that an earlier crawl had fetched and that this one brought in.
        seconds: How long it took.
        troubles: What a person should look at, worst first.
        unchanged: Pages that are as they were at the last crawl, and were not read again.
    """

    pages: int
    statuses: Mapping[int | None, int]
    records_new: int
    records_known: int
    disallowed: int
    errors: Mapping[str, int]
    left_over: int
    seconds: float
    troubles: tuple[Trouble, ...]
    unchanged: int = 0

    @property
    def exit_code(self) -> int:
        """2 where the request is wrong: a source of which no start page could be had; else 0."""
        return 2 if any(trouble.refused for trouble in self.troubles) else 0


TOLD = 5


@dataclass
class SourceTally:
    """What is counted of one source while its pages come in."""

    source: Any
    starts: dict[str, str | None] = field(default_factory=dict)  # URL: what was wrong, None: a page was had
    html_pages: int = 0
    without_items: str | None = None  # a page on which nothing matched
    items: int = 0
    empty: int = 0
    unmatched: Counter[str] = field(default_factory=Counter)
    in_part: int = 0  # pages of which not all could be read
    in_part_such_as: dict[str, str] = field(default_factory=dict)  # the first of them: why
    sitemaps: int = 0
    others: int = 0  # pages beside sitemaps, whatever became of them
    unchanged: int = 0
    nofollow: int = 0  # pages that ask for none of their links to be followed
    nofollow_such_as: str | None = None

    def hear(self, page: Mapping[str, Any], tally: Mapping[str, Any]) -> None:
        """Count one page."""
        error = page["error"]
        role = tally.get("role", "page")
        if error and error.split(":", 1)[0] in NOT_AS_DECLARED and (page["depth"] or tally["items"]):
            self.in_part += 1
            if len(self.in_part_such_as) < TOLD:
                self.in_part_such_as[page["url"]] = error.split(": ", 1)[1]
            error = None
        if page["depth"] == 0:
            self.starts[page["url"]] = error
        self.sitemaps += role.endswith("sitemap")
        self.others += not role.endswith("sitemap")
        self.unchanged += page.get("unchanged") is not None
        if not _was_read(error) or page.get("unchanged") or role not in ("page", "api") or (page["status"] or 0) >= 300:
            return
        self.html_pages += 1
        if tally.get("nofollow"):
            self.nofollow += 1
            self.nofollow_such_as = self.nofollow_such_as or page["url"]
        self.items += tally["items"]
        self.empty += tally["empty"]
        self.unmatched.update(tally["unmatched"])
        if not tally["items"] and self.without_items is None:
            self.without_items = page["url"]

    def troubles(self) -> list[Trouble]:
        """What to tell a person about this source."""
        parts = [self._start_troubles(), self._in_part_troubles(), self._item_troubles(), self._field_troubles()]
        parts.append(self._nofollow_troubles())
        return [trouble for part in parts for trouble in part]

    def _start_troubles(self) -> list[Trouble]:
        name = self.source.name
        failed = {url: error for url, error in self.starts.items() if error and not _was_read(error)}
        refused = bool(self.starts) and len(failed) == len(self.starts)
        written = {canonical_url(url): position for position, url in enumerate(self.source.start)}
        return [
            Trouble(
                name,
                f'source "{name}": start URL {url} {of_start(url, error)}',
                refused,
                _start_field(written.get(url)),
            )
            for url, error in sorted(failed.items())
        ]

    def _in_part_troubles(self) -> list[Trouble]:
        name, found = self.source.name, sorted(self.in_part_such_as.items())
        said = [Trouble(name, f'source "{name}": {url}: {why}.') for url, why in found]
        if self._names_no_page() and not found:
            message = "its sitemaps name no page that it goes to; look at them, and at allow, deny and changed_since."
            said.append(Trouble(name, f'source "{name}": {message}', field=("start",)))
        if self.in_part > len(found):
            rest = _pages(self.in_part - len(found))
            said.append(Trouble(name, f'source "{name}": {rest} more could be read only in part.'))
        return said

    def _names_no_page(self) -> bool:
        source = self.source
        if source.kind != "sitemap" or self.sitemaps >= source.max_pages or not source.max_depth:
            return False
        return None in self.starts.values() and not self.others and not self.unchanged

    def _item_troubles(self) -> list[Trouble]:
        source = self.source
        said: list[Trouble] = []
        if source.item is None:
            if self.empty:
                message = f"no main text was found on {_pages(self.empty)} of {self.html_pages}; they gave no record."
                said.append(Trouble(source.name, f'source "{source.name}": {message}'))
            return said
        if self.html_pages and not self.items:
            hint = (
                ""
                if source.render == "browser" or source.kind == "api"
                else '; where scripts draw the items, write render = "browser"'
            )
            message = (
                f'item selector "{source.item}" matched nothing on {_pages(self.html_pages)}, such as '
                f"{self.without_items}. Check it against the source of such a page{hint}."
            )
            said.append(Trouble(source.name, f'source "{source.name}": {message}', field=("item",)))
        if self.empty:
            selector = source.fields.get("text")
            message = (
                f'{self.empty} of {self.items} items have no text by "{selector}" and gave no record; '
                "check the selector under [source.fields]."
            )
            said.append(Trouble(source.name, f'source "{source.name}": {message}', field=("fields", "text")))
        return said

    def _nofollow_troubles(self) -> list[Trouble]:
        if not self.nofollow:
            return []
        name, ask = self.source.name, "asks" if self.nofollow == 1 else "ask"
        message = (
            f"{_pages(self.nofollow)}, such as {self.nofollow_such_as}, {ask} for no link to be followed (robots: "
            "nofollow), and none was; where you may, name the pages behind as start."
        )
        return [Trouble(name, f'source "{name}": {message}', field=("follow",))]

    def _field_troubles(self) -> list[Trouble]:
        said = []
        for name in self.source.fields.keys() | {"key"}:
            selector = self.source.key if name == "key" else self.source.fields[name]
            if name == "text" or not self.items or self.unmatched[name] < self.items:
                continue
            what = "key" if name == "key" else f"field {name}"
            message = (
                f'{what}: selector "{selector}" matched nothing in all {self.items} items; correct it or take it out.'
            )
            path = ("key",) if name == "key" else ("fields", name)
            said.append(Trouble(self.source.name, f'source "{self.source.name}": {message}', field=path))
        return sorted(said, key=lambda trouble: trouble.field)


class Outcome:
    """Hears what is drained and adds it up."""

    def __init__(self, run_id: str, sources: Sequence[Any]) -> None:
        self.run_id = run_id
        self._tallies = {source.name: SourceTally(source) for source in sources}
        self._told: list[Trouble] = []
        self._statuses: Counter[int | None] = Counter()
        self._errors: Counter[str] = Counter()
        self._disallowed = self._left_over = self._unchanged = self._set_aside = 0
        self.pages = self.new = self.known = 0

    def hear_read(self, read: ReadIn) -> None:
        """Count a source that was read and not fetched."""
        self.new += read.new
        self.known += read.known
        if read.refused:
            self._told.append(Trouble(read.source, read.refused, refused=True))
        for why, said in read.gave_none():
            message = f'source "{read.source}": {said}'
            self._told.append(Trouble(read.source, message, field=("text",) if why == NO_TEXT.why else ()))

    def hear_skipped(self, source: str, skipped: Sequence[tuple[str, int, str]]) -> None:
        """Tell what a source left alone: why, how many pages for that, and one of them."""
        for why, count, url in skipped:
            kind, said = kind_and_words(why)
            if kind == SCOPE:
                continue  # the declaration says so
            field: tuple[str | int, ...] = (kind,) if kind.startswith("max_") else ()
            said += f" ({kind})" if field else ""
            pages = f"{_pages(count)} {'is' if count == 1 else 'are'}"
            self._told.append(
                Trouble(source, f'source "{source}": {pages} left alone, such as {url}: {said}.', field=field)
            )

    def hear_too_deep(self, links: Mapping[str, int]) -> None:
        """Tell how many links of each source lie deeper than it goes."""
        for source, count in links.items():
            deepest = self._tallies[source].source.max_depth
            deeper = "link deeper" if count == 1 else "links deeper"
            message = f"{count:,} {deeper} than max_depth = {deepest} {'was' if count == 1 else 'were'} left alone."
            self._told.append(Trouble(source, f'source "{source}": {message}', field=("max_depth",)))

    def hear_closed(self, closed: Mapping[str, str]) -> None:
        """Tell which hosts were left for the next crawl: the host, and why."""
        for name, tally in self._tallies.items():
            for position, start in enumerate(tally.source.start):
                why = closed.get(host_of(start))
                if why is None or any(error is None for error in tally.starts.values()):
                    continue
                remedy = of_proxy(why)
                what = f"start URL {start} could not be had, for {why}{f'; {remedy}' if remedy else ''}"
                message = f'source "{name}": {what}; the next crawl tries it again.'
                self._told.append(Trouble(name, message, refused=True, field=("start", position)))
                break

    def hear_left(self, source: str, waiting: Mapping[str, int], closed: Mapping[str, str]) -> None:
        """Tell what a source has left for the next crawl: how many URLs on which closed hosts, and why; most first."""
        told = {
            host_of(start) for t in self._told if t.refused and t.source == source for start in self._starts(source)
        }
        left = sorted((-count, host) for host, count in waiting.items() if host in closed and host not in told)
        for count, host in left[:TOLD]:
            urls = f"{-count:,} {'URL' if count == -1 else 'URLs'} on {host} {'is' if count == -1 else 'are'}"
            message = f'source "{source}": {urls} left for the next crawl, for {closed[host]}.'
            self._told.append(Trouble(source, message))
        if rest := left[TOLD:]:
            message = f"{-sum(count for count, _ in rest)} URLs on {len(rest)} more hosts are left for the next crawl."
            self._told.append(Trouble(source, f'source "{source}": {message}'))

    def _starts(self, source: str) -> Sequence[str]:
        return tuple(self._tallies[source].source.start)

    def hear(self, drained: Drained) -> None:
        """Count a batch that is in the store."""
        self.new += drained.new
        self.known += drained.known
        for url, why in drained.set_aside.items():
            self._set_aside += 1
            if self._set_aside <= TOLD:
                message = f"{url} was fetched, but {why}; its bytes are kept, and the next crawl reads it again."
                self._told.append(Trouble(drained.source_name, f'source "{drained.source_name}": {message}'))
        for waiting in drained.pages:
            if waiting.run_id != self.run_id:
                self._left_over += 1
                continue
            self.pages += 1
            page = waiting.page
            self._tallies[drained.source_name].hear(page, waiting.tally)
            if page["robots"] == "disallowed":
                self._disallowed += 1
                continue
            kind = (page["error"] or "").split(":", 1)[0]
            if kind != "rights":  # it was not asked for
                self._statuses[page["status"]] += 1
            self._unchanged += page.get("unchanged") is not None
            if kind:
                self._errors[kind] += 1

    def result(self, seconds: float) -> CrawlResult:
        """All of it."""
        troubles = [trouble for tally in self._tallies.values() for trouble in tally.troubles()] + self._told
        return CrawlResult(
            pages=self.pages,
            statuses=dict(self._statuses),
            records_new=self.new,
            records_known=self.known,
            disallowed=self._disallowed,
            errors=dict(self._errors),
            left_over=self._left_over,
            seconds=seconds,
            troubles=tuple(sorted(troubles, key=lambda trouble: not trouble.refused)),
            unchanged=self._unchanged,
        )


def _was_read(error: str | None) -> bool:
    return error is None or error.split(":", 1)[0] in READ_AS_IT_STANDS


def _start_field(position: int | None) -> tuple[str | int, ...]:
    return ("start",) if position is None else ("start", position)


def _pages(count: int) -> str:
    return f"{count:,} page" if count == 1 else f"{count:,} pages"
