"""`tilth try URL`: what a source would make of one page, shown before any crawl.

The page is fetched by the crawler itself, into a folder that is thrown away: what is shown is what a crawl would do,
robots.txt, manners, rights and limits included.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tilth.gathering import crawl_options
from tilth.links_seen import LinkSeen, links_seen
from tilth.one_url import only, role_of, source_for
from tilth.project import Project

if TYPE_CHECKING:
    from crawlers.fetched_source import FetchedSource
    from crawlers.frontier.file import Frontier
    from crawlers.outcome import CrawlResult
    from crawlers.page import FetchedPage

PATIENCE = 3.0
"""Seconds over which a host that does not answer is tried again; somebody waits."""
LONGEST_HELD = 30.0
"""Seconds: a host that wants to be left alone for longer is not waited for."""


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
        browser: Look at it in the browser, too, where it is a page that can be drawn.

    Raises:
        RequestError: The URL is none, or there is no such source.
    """
    from crawlers.browser.executable import BrowserMissing

    declared, known = source_for(project, url, source)
    looks, notes = [], []
    with tempfile.TemporaryDirectory(prefix="tilth-try-") as place:
        hosts = project.folder / "frontier.sqlite"
        for rendered in ("http", "browser"):
            if rendered == "browser" and (not browser or role_of(only(declared, url, "http")) != "page"):
                continue
            say(f"Fetching {url} {'in the browser' if rendered == 'browser' else 'over HTTP'}.")
            folder = Path(place) / rendered
            folder.mkdir()
            try:
                looks.append(_look(project, declared, url, rendered, folder, hosts))
            except BrowserMissing as error:
                notes.append(str(error))
            hosts = folder / "frontier.sqlite"
    return Tried(url, declared.name, known, looks, notes)


def _look(project: Project, declared: "FetchedSource", url: str, rendered: str, folder: Path, hosts: Path) -> Look:
    """One way of fetching, in a folder of its own, with what the frontier `hosts` knows of hosts."""
    from crawlers.crawl import crawl
    from crawlers.frontier.file import Frontier
    from crawlers.manners.carry import carry_hosts
    from store.database import Store

    with Frontier(folder / "frontier.sqlite") as frontier:
        carry_hosts(hosts, frontier)
        held = _held(frontier, url)
    if held is not None:
        return Look(rendered, None, None, None, None, None, error=held)
    if (project.folder / "sessions").is_dir():
        shutil.copytree(project.folder / "sessions", folder / "sessions")
    source = only(declared, url, rendered)
    with Store(folder / "tilth.duckdb") as store:
        options = crawl_options(project)
        options["limits"] = replace(options["limits"], patience=PATIENCE)
        result = crawl(store, folder, [source], **options)
        return _what_came(project, declared, source, rendered, folder, store, result)


def _held(frontier: "Frontier", url: str) -> str | None:
    """Why nobody should wait for the host of the URL now; None where it may be asked soon."""
    from crawlers.manners.host_rows import kept_hosts
    from crawlers.scope import canonical_url, host_of

    kept = dict(kept_hosts(frontier)).get(host_of(canonical_url(url) or url))
    left = kept.held_for - max(0.0, time.time() - kept.saved_at) if kept is not None else 0.0
    if kept is None or left <= LONGEST_HELD:
        return None
    return f"busy: {host_of(url)} is left alone for {left:,.0f} s more: {kept.held_why}"


def _what_came(
    project: Project,
    declared: "FetchedSource",
    source: "FetchedSource",
    rendered: str,
    folder: Path,
    store: Any,
    result: "CrawlResult",
) -> Look:
    from crawlers.frontier.file import Frontier
    from crawlers.kinds import kind_module
    from store.pages import pages
    from store.records import records
    from store.rights import decide

    asked = {link.url for link in kind_module(source.kind).start(source)}
    fetched = pages(store).to_pylist()
    # A site whose sitemaps are wanted is no page itself: the first of them was asked for.
    row = next((row for row in fetched if row["url"] in asked), next(iter(fetched), None))
    if row is None:
        said = "; ".join(trouble.message for trouble in result.troubles) or "it was not fetched"
        return Look(rendered, None, None, None, None, None, error=said)
    evidence = _json(row["rights"])
    decision = decide(evidence, project.file.rights.policy, source=source.name)
    found = [
        {"key": one["natural_key"], "text": one["text"], "media": one["media_path"], **_json(one["metadata"])}
        for one in records(store).to_pylist()
    ]
    links: Sequence[LinkSeen] = ()
    if row["warc_file"]:
        with Frontier(folder / "frontier.sqlite") as frontier:
            links = list(links_seen(declared, source, _page(folder, row, role_of(source)), frontier))
    return Look(
        rendered=rendered,
        status=row["status"],
        final_url=row["final_url"],
        seconds=row["seconds"],
        body_bytes=row["body_bytes"],
        robots=row["robots"],
        records=found,
        characters=sum(len(one["text"] or "") for one in found),
        links=links,
        rights=evidence,
        may={name: getattr(decision, name) for name in ("fetch", "label", "publish", "reasons")},
        error=row["error"],
    )


def _page(folder: Path, row: Mapping[str, Any], role: str) -> "FetchedPage":
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
        role=role,
        about={},
        fetched_at=row["fetched_at"],
    )


def _json(kept: str | None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kept) if kept else {}
    return found
