"""`tilth try URL`: what a source would make of one page, shown before any crawl.

The page is fetched by the crawler itself, into a folder that is thrown away: what is shown is what a crawl would do,
robots.txt, manners, rights and limits included.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from store.errors import RequestError
from tilth.gathering import SourceUnknown, crawl_options, declared_sources
from tilth.project import Project

if TYPE_CHECKING:
    from crawlers.fetched_source import FetchedSource
    from crawlers.frontier.file import Frontier
    from crawlers.outcome import CrawlResult
    from crawlers.page import Extraction, FetchedPage

# fmt: off
SHARED_KEYS = frozenset((
    "follow", "allow", "deny", "hosts", "wait_for", "steps", "login", "item", "key", "fields", "images",
    "min_image_side", "proxy", "proxy_country",
))
# fmt: on
"""What a page is read and followed by, whichever kind of source leads to it."""
PATIENCE = 3.0
"""Seconds over which a host that does not answer is tried again; somebody waits."""


class NotFetched(RequestError):
    """A source whose kind reads what lies here, not pages."""


@dataclass(frozen=True)
class LinkSeen:
    """A link of the page, and why a crawl would leave it; None: it would follow it."""

    url: str
    why_not: str | None


@dataclass(frozen=True)
class Look:
    """What one way of fetching gave.

    Attributes:
        rendered: `http` or `browser`.
        characters: Of all texts of its records.
        rights: What the page, its headers and its host say, as found.
        may: What the project's policy allows: fetch, label, publish.
        error: What went wrong, as the crawl would keep it.
    """

    rendered: str
    status: int | None
    final_url: str | None
    seconds: float | None
    body_bytes: int | None
    robots: str | None
    records: Sequence[Mapping[str, Any]] = ()
    characters: int = 0
    links: Sequence[LinkSeen] = ()
    rights: Mapping[str, Any] = field(default_factory=dict)
    may: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class Tried:
    """What was seen of a URL, over HTTP and in the browser where there is one."""

    url: str
    source: str
    declared: bool
    looks: Sequence[Look]
    notes: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)

    @property
    def verdict(self) -> str:
        """Which way of fetching gives more, in a sentence."""
        found = {look.rendered: look for look in self.looks if look.error is None}
        if len(found) < 2:
            return ""
        http, browser = found["http"], found["browser"]
        if browser.characters > 1.1 * http.characters or len(browser.records) > len(http.records):
            return 'The browser sees more of this page than HTTP does: render = "browser", or "auto".'
        return 'HTTP sees as much of this page as the browser does: render = "http" is enough, and quicker.'


def try_url(
    project: Project, url: str, *, source: str | None = None, browser: bool = True, say: Callable[[str], None]
) -> Tried:
    """Fetch `url` as a source would, and say what it would make of it; nothing of the project is changed.

    Args:
        source: The source's name; without it the first whose bounds hold the URL, else one that takes the main text.
        browser: Look at it in the browser, too.

    Raises:
        RequestError: The URL is none, or there is no such source.
    """
    from crawlers.browser.executable import BrowserMissing

    declared, known = _source_for(project, url, source)
    looks, notes = [], []
    for rendered in ("http", "browser") if browser else ("http",):
        say(f"Fetching {url} {'in the browser' if rendered == 'browser' else 'over HTTP'}.")
        try:
            looks.append(_look(project, _only(declared, url, rendered), rendered))
        except BrowserMissing as error:
            notes.append(str(error))
    return Tried(url, declared.name, known, looks, notes)


def _source_for(project: Project, url: str, name: str | None) -> tuple["FetchedSource", bool]:
    from crawlers.fetched_source import FetchedSource
    from crawlers.scope import Scope, canonical_url

    sources = declared_sources(project)
    for one in sources:
        if name == one.name:
            if not isinstance(one, FetchedSource):
                raise NotFetched(f'source "{name}" is of kind "{one.kind}", which fetches no pages; crawl it at once.')
            return one, True
    if name is not None:
        known = ", ".join(one.name for one in sources) or "none"
        raise SourceUnknown(f'{project.file_path.name}: there is no source "{name}"; declared are: {known}.')
    where = canonical_url(url) or url
    for one in sources:
        if isinstance(one, FetchedSource) and one.kind == "site" and Scope(one).why_not(where) is None:
            return one, True
    return _fetched({"name": "try", "kind": "site", "start": [url]}), False


def _fetched(declared: Mapping[str, Any]) -> "FetchedSource":
    from crawlers.fetched_source import FetchedSource
    from crawlers.kinds import read_source

    source = read_source(declared)
    assert isinstance(source, FetchedSource)
    return source


def _only(source: "FetchedSource", url: str, rendered: str) -> "FetchedSource":
    """The source, to fetch this one URL in this way."""
    from crawlers.scope import canonical_url

    declared = source.declared()
    starts = {canonical_url(one) for one in declared.get("start", ())}
    # A page that a sitemap or a feed leads to is read by the same keys as a site's.
    if source.kind != "site" and canonical_url(url) not in starts:
        declared = {key: value for key, value in declared.items() if key in (*SHARED_KEYS, "name")} | {"kind": "site"}
    if rendered == "http":
        declared = {key: value for key, value in declared.items() if key not in ("wait_for", "steps", "login")}
    if "start" in type(source).model_fields:
        declared["start"] = [url]
    return _fetched(declared | {"render": rendered, "max_pages": 1, "max_depth": 0})


def _look(project: Project, source: "FetchedSource", rendered: str) -> Look:
    from crawlers.crawl import crawl
    from store.database import Store

    with tempfile.TemporaryDirectory(prefix="tilth-try-") as place:
        folder = Path(place)
        if (project.folder / "sessions").is_dir():
            shutil.copytree(project.folder / "sessions", folder / "sessions")
        with Store(folder / "tilth.duckdb") as store:
            options = crawl_options(project)
            options["limits"] = replace(options["limits"], patience=PATIENCE)
            result = crawl(store, folder, [source], **options)
            return _what_came(project, source, rendered, folder, store, result)


def _what_came(
    project: Project, source: "FetchedSource", rendered: str, folder: Path, store: Any, result: "CrawlResult"
) -> Look:
    from crawlers.scope import canonical_url
    from store.pages import pages
    from store.records import records
    from store.rights import decide

    asked = {canonical_url(one) for one in source.start}
    row = next((row for row in reversed(pages(store).to_pylist()) if row["url"] in asked), None)
    if row is None:
        said = "; ".join(trouble.message for trouble in result.troubles) or "it was not fetched"
        return Look(rendered, None, None, None, None, None, error=said)
    evidence = _json(row["rights"])
    decision = decide(evidence, project.file.rights.policy, source=source.name)
    found = [
        {"key": one["natural_key"], "text": one["text"], "media": one["media_path"], **_json(one["metadata"])}
        for one in records(store).to_pylist()
    ]
    return Look(
        rendered=rendered,
        status=row["status"],
        final_url=row["final_url"],
        seconds=row["seconds"],
        body_bytes=row["body_bytes"],
        robots=row["robots"],
        records=found,
        characters=sum(len(one["text"] or "") for one in found),
        links=list(_links(source, folder, row)) if row["warc_file"] else (),
        rights=evidence,
        may={name: getattr(decision, name) for name in ("fetch", "label", "publish", "reasons")},
        error=row["error"],
    )


def _links(source: "FetchedSource", folder: Path, row: Mapping[str, Any]) -> Iterator[LinkSeen]:
    """First what the source would follow, then what it would leave and why, each URL once."""
    from crawlers.frontier.file import Frontier
    from crawlers.scope import Scope

    page = _page(folder, row)
    scope = Scope(source)
    wanted = [link.url for link in _extraction(source, page).links]
    with Frontier(folder / "frontier.sqlite") as frontier:
        disallowed = _disallowed(frontier, wanted)
    why = {url: scope.why_not(url) or ("robots.txt disallows it" if url in disallowed else None) for url in wanted}
    for url, nofollow in _anchors(page):
        unwanted = "follow does not select it" if source.follow else "the source has no follow"
        why.setdefault(url, 'it is marked rel="nofollow"' if nofollow else unwanted)
    yield from (LinkSeen(url, None) for url, reason in why.items() if reason is None)
    yield from (LinkSeen(url, reason) for url, reason in why.items() if reason is not None)


def _disallowed(frontier: "Frontier", urls: Sequence[str]) -> set[str]:
    """Those that the robots.txt files which the look has fetched disallow."""
    from crawlers.manners.host_files import root_of
    from crawlers.manners.robots_file import RobotsFile

    kept = frontier.read("SELECT host, body FROM host_files WHERE path = '/robots.txt' AND error IS NULL")
    rules = {row["host"]: RobotsFile.read(row["body"] or b"") for row in kept}
    return {url for url in urls if root_of(url) in rules and not rules[root_of(url)].allows(url)}


def _page(folder: Path, row: Mapping[str, Any]) -> "FetchedPage":
    from crawlers.page import FetchedPage
    from crawlers.warc import read_answer

    headers, body = read_answer(folder / row["warc_file"], row["warc_offset"])
    return FetchedPage(
        url=row["url"],
        final_url=row["final_url"] or row["url"],
        status=row["status"],
        headers=headers,
        body=body,
        rendered=row["rendered"],
        role="page",
        about={},
        fetched_at=row["fetched_at"],
    )


def _extraction(source: "FetchedSource", page: "FetchedPage") -> "Extraction":
    from crawlers.extraction.workers import PageReader

    with PageReader(workers=1) as reader:
        return reader.submit(source, page).result()


def _anchors(page: "FetchedPage") -> Iterator[tuple[str, bool]]:
    """Every link that a reader of the page could click, and whether it is marked as one not to follow."""
    from parsel import Selector

    from crawlers.extraction.html_text import html_text, why_not_html
    from crawlers.scope import canonical_url

    if why_not_html(page.content_type, page.body):
        return
    text = html_text(page.content_type, page.body)
    for anchor in Selector(text=text or "<html></html>", type="html").css("a[href]"):
        try:
            url = canonical_url(urljoin(page.final_url, anchor.attrib["href"].strip()))
        except ValueError:
            continue
        if url is not None and urlsplit(url).hostname:
            yield url, "nofollow" in anchor.attrib.get("rel", "").lower().split()


def _json(kept: str | None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kept) if kept else {}
    return found
