"""Every trouble of the proving site, as a user sees it: a line here says what becomes of its page.

One project crawls all of it with `tilth crawl`; each test looks at one thing that a user can look at afterwards.
"""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crawlers.browser.executable import BrowserMissing, find_browser
from crawlers.crawl_spec import DEFAULT_LIMITS
from crawlers.extraction.workers import PageReader
from crawlers.kinds import read_source
from crawlers.page import FetchedPage
from crawlers.warc import read_answer
from store.database import Store
from store.label_schema import LabelSchema
from store.pages import pages
from store.records import records
from store.sightings import sightings
from tests.command_line import Ran, done, tilth
from tests.proving_site import POST, ask, proving_site, stats
from tilth.report.facts import ReportFacts, gather_facts

POSTS = 60
TIMEOUT = 4
HEAD = """
[project]
name = "troubles"
contact = "me@example.org"

[schema]
classes = ["a", "b"]

[crawl]
timeout = {timeout}
"""
SHAPE = """
item = "article.post"
key = "::attr(data-post)"
[source.fields]
text = "p.body"
"""
SOURCES = {
    "forum": 'start = ["/", "/huge", "/bomb", "/hang", "/nothing"]\nfollow = "a"' + SHAPE,
    "accents": 'start = ["/latin1"]\nitem = "main"\n[source.fields]\ntext = "p.body"\n',
    "twins": 'start = ["/t/3", "/twin/3"]' + SHAPE,
    "again": 'start = ["/etag/1", "/change/1"]' + SHAPE,
    "map": 'kind = "sitemap"\nstart = ["/sitemap.xml"]' + SHAPE,
    "news": 'kind = "feed"\nstart = ["/feed.xml"]\n',
    "posts": 'kind = "api"\nstart = ["/api/posts"]\nitem = "posts"\nkey = "id"\nnext = "next"\n'
    '[source.fields]\ntext = "body"\n',
    "undrawn": 'start = ["/app"]' + SHAPE,
}
DRAWN = {"drawn": 'start = ["/app", "/inside", "/private/1"]\nrender = "browser"\nwait_for = "article.post"' + SHAPE}


@dataclass(frozen=True)
class Seen:
    """What a user sees of a page of the source "forum".

    Attributes:
        status: In its row.
        error: How the row's sentence begins.
        canary: Whether its post is a record.
        rights: Kinds of evidence that others have not.
        robots: The verdict.
    """

    status: int | None = 200
    error: str | None = None
    canary: bool = False
    rights: frozenset[str] = frozenset()
    robots: str = "allowed"


TROUBLES = {
    "/private/1": Seen(None, "robots: robots.txt disallows http", robots="disallowed", rights=frozenset({"robots"})),
    "/optout/noai": Seen(canary=True, rights=frozenset({"noai", "noimageai"})),
    "/optout/meta": Seen(canary=True, rights=frozenset({"noai"})),
    "/optout/tdm": Seen(canary=True, rights=frozenset({"tdm-reservation"})),
    "/licence/cc-by": Seen(canary=True, rights=frozenset({"licence"})),
    "/busy": Seen(canary=True),
    "/flaky/1": Seen(canary=True),
    "/slow?s=1": Seen(canary=True),
    "/hang": Seen(None, f"timeout: no whole answer within {TIMEOUT} s"),
    "/moved": Seen(301),
    "/loop": Seen(302, "redirect: {site}/loop redirects in a circle"),
    "/inside": Seen(302, "redirect: it leads to {inside}/secret, and "),
    "/metadata": Seen(302, "redirect: it leads to http://169.254.169.254/latest/, and 169.254.169.254 is another host"),
    "/calendar?m=20": Seen(),
    "/huge": Seen(None, "too-large: the body is over 10,485,760 bytes"),
    "/bomb": Seen(200, "too-large: the body unpacks to over 10,485,760 bytes"),
    "/latin1": Seen(),
    "/binary": Seen(200, "not-html: it holds binary data, though it is called HTML"),
    "/empty": Seen(200, "not-html: its body is empty"),
    "/soft404": Seen(200, 'soft-404: the page calls itself "Page not found", though the server answered that it is'),
    "/twin/3": Seen(),
    "/etag/1": Seen(canary=True),
    "/change/1": Seen(),
    "/app": Seen(),
    "/nothing": Seen(404, "status: the server answered 404"),
}
ELSEWHERE = {"/u/NAME", "/sitemap.xml", "/feed.xml", "/api/posts", "/__stats", "/__reset"}
"""What the site's head lists beside these; each has a test of its own, or is no trouble."""
USUAL = {"robots", "ai-agent-disallowed"}


@dataclass
class Crawled:
    """A project that was crawled, and what the site and the command said."""

    folder: Path
    site: str
    first: Ran
    stats: dict[str, Any]

    def rows(self, source: str, state: str = "first") -> dict[str, dict[str, Any]]:
        """The pages of a source by path: the first fetch of each, or the last."""
        with Store(self.folder / "tilth.duckdb") as store:
            ids = set(
                store.read("SELECT source_id FROM sources WHERE name = $1", [source])["source_id"].to_pylist(),
            )
            rows = [row for row in pages(store).to_pylist() if row["source_id"] in ids]
        ordered = rows if state == "last" else rows[::-1]
        return {row["url"].removeprefix(self.site): row for row in ordered}

    def texts(self, source: str) -> dict[str | None, list[str]]:
        """Its records' texts by key."""
        found: dict[str | None, list[str]] = {}
        with Store(self.folder / "tilth.duckdb") as store:
            for row in records(store).to_pylist():
                if row["source_name"] == source:
                    found.setdefault(row["natural_key"], []).append(row["text"])
        return found

    def facts(self) -> ReportFacts:
        """What the report shows."""
        with Store(self.folder / "tilth.duckdb") as store:
            return gather_facts(store, LabelSchema("text-classification", ("a", "b")))


def browser_is_there() -> bool:
    try:
        find_browser()
    except BrowserMissing:
        return False
    return True


@pytest.fixture(scope="module")
def site(shared: Path) -> Iterator[str]:
    with proving_site(shared, posts=POSTS) as url:
        with urllib.request.urlopen(url + "/bomb", timeout=60) as answer:  # it is packed at the first ask
            answer.read()
        ask(url, "/__reset")
        yield url


@pytest.fixture(scope="module")
def crawled(site: str, tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    folder = tmp_path_factory.mktemp("troubles")
    sources = SOURCES | (DRAWN if browser_is_there() else {})
    declared = "".join(f'\n[[source]]\nname = "{name}"\n{rest}' for name, rest in sources.items())
    text = HEAD.format(timeout=f"{TIMEOUT}.0") + re.sub(r'(?<=[\[ ])"/', f'"{site}/', declared)
    (folder / "tilth.toml").write_text(text, encoding="utf-8")
    ran = tilth("crawl", project=folder)
    print(ran.out, ran.err)
    return Crawled(folder, site, ran, stats(site))


@pytest.mark.parametrize("path", TROUBLES)
def test_a_trouble_is_kept_as_a_page_that_says_what_happened(crawled: Crawled, path: str) -> None:
    expected, row = TROUBLES[path], crawled.rows("forum")[path]
    port = int(crawled.site.rpartition(":")[2])
    assert (row["status"], row["robots"]) == (expected.status, expected.robots)
    if expected.error is None:
        assert row["error"] is None
    else:
        said = expected.error.format(site=crawled.site, inside=f"http://127.0.0.1:{port + 1}")
        assert row["error"].startswith(said), row["error"]
    kinds = {item["kind"] for item in json.loads(row["rights"])["items"]}
    assert kinds - USUAL == expected.rights - USUAL
    name = path.split("?")[0].strip("/").replace("/", "-")
    shown = [text for found in crawled.texts("forum").values() for text in found if f"canary {name} " in f"{text} "]
    assert shown == ([f"canary {name} sings only here"] if expected.canary else [])


def test_a_page_names_where_its_answer_came_from_and_no_place_that_was_not_gone_to(crawled: Crawled) -> None:
    rows = crawled.rows("forum")
    led = {path: rows[path]["final_url"] for path in ("/moved", "/t/0", "/inside", "/metadata", "/loop", "/private/1")}
    t = crawled.site + "/t/0"
    assert led == {"/moved": t, "/t/0": t, "/inside": None, "/metadata": None, "/loop": None, "/private/1": None}


def test_every_trouble_of_the_site_has_a_line_here(shared: Path) -> None:
    head = (shared / "sites" / "proving_site.py").read_text(encoding="utf-8").split('"""')[1]
    troubles = head.split("Trouble (")[1]
    listed = {
        path.split("?")[0].removesuffix("/N")
        for path in re.findall(r"(?:^    |\s{3,})(/\w[\w/?=-]*)", troubles, re.MULTILINE)
    }
    here = {re.sub(r"/\d+$", "", path.split("?")[0]) for path in TROUBLES}
    assert len(listed) > 20 and listed - here <= ELSEWHERE


def test_the_sites_own_counts_say_that_nothing_was_overstepped(crawled: Crawled) -> None:
    asked = crawled.stats["asks"]
    assert crawled.stats["inside"] == 0
    assert not [path for path in asked if path.startswith(("/private/", "/u/"))]
    assert asked["/robots.txt"] == 1 and set(crawled.stats["agents"]) == {"tilth/0.1.0 (+me@example.org)"}
    assert asked["/flaky/1"] == 3 and asked["/busy"] == 2 and asked["/loop"] == 1 and asked["/hang"] == 1
    assert max(int(path.rpartition("=")[2]) for path in asked if path.startswith("/calendar")) == 20


def test_a_members_page_that_asks_not_to_be_followed_is_not(crawled: Crawled) -> None:
    assert not [path for path in crawled.rows("forum") if path.startswith("/u/")]


def test_the_summary_counts_everything_that_was_not_had(crawled: Crawled) -> None:
    out = crawled.first.out
    assert crawled.first.code == 0
    not_had = out.split(" pages could not be had or read whole: ")[1].splitlines()[0].rstrip(".")
    counts = {kind: int(count) for count, kind in (one.split(" ") for one in not_had.split(", "))}
    away = counts.pop("redirect") + counts.pop("unsafe", 0)  # the browser says of the inside why it may not go there
    assert away == (4 if browser_is_there() else 3)
    assert counts == {"not-html": 2, "too-large": 2, "soft-404": 1, "status": 1, "timeout": 1}
    disallowed = "2 pages are disallowed" if browser_is_there() else "1 page is disallowed"
    assert disallowed in out


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("start = ", "start URL {site}/huge could not be had: the body is over 10,485,760 bytes; if it is meant to"),
        ("start = ", "start URL {site}/bomb could not be had: the body unpacks to over 10,485,760 bytes; if it is"),
        ("start = ", "start URL {site}/hang could not be had: no whole answer within 4 s; check that the site is up"),
        ("start = ", "start URL {site}/nothing answered 404; check the address"),
        ("[[source]]", "1 page is left alone, such as {site}/calendar?m=21: 20 pages in a row like "),
    ],
)
def test_what_a_person_can_do_something_about_is_said_with_its_line(crawled: Crawled, declared: str, said: str) -> None:
    (found,) = [one for one in crawled.first.err.splitlines() if said.format(site=crawled.site) in one]
    named = re.match(r'tilth: tilth\.toml:(\d+): source "forum": ', found)
    assert named is not None, found
    lines = (crawled.folder / "tilth.toml").read_text(encoding="utf-8").splitlines()
    assert lines[int(named[1]) - 1].startswith(declared)


def test_windows_1252_that_only_a_meta_element_declares_is_read(crawled: Crawled) -> None:
    assert crawled.texts("accents") == {None: ["Das Überweisungslimit beträgt 50 €."]}


def test_the_same_post_on_two_pages_is_one_record_with_two_sightings(crawled: Crawled) -> None:
    keys = list(crawled.texts("twins"))
    with Store(crawled.folder / "tilth.duckdb") as store:
        ours = {r["record_id"] for r in records(store).to_pylist() if r["source_name"] == "twins"}
        seen = [row for row in sightings(store).to_pylist() if row["record_id"] in ours]
    assert len(ours) == len(keys) > 0 and len(seen) == 2 * len(keys)


@pytest.mark.parametrize(("source", "number"), [("map", POSTS), ("posts", POSTS), ("news", 50)])
def test_the_posts_come_by_sitemap_api_and_feed_too(crawled: Crawled, source: str, number: int) -> None:
    shown = {text for texts in crawled.texts("forum").values() for text in texts}
    texts = [text for found in crawled.texts(source).values() for text in found]
    assert len(texts) == number and {" ".join(text.split()) for text in texts} <= shown


def test_what_only_scripts_draw_needs_the_browser_and_is_said_to(crawled: Crawled) -> None:
    assert crawled.texts("undrawn") == {}
    (said,) = [line for line in crawled.first.err.splitlines() if 'source "undrawn"' in line]
    assert 'item selector "article.post" matched nothing on 1 page' in said and 'render = "browser"' in said


def test_the_browser_draws_the_app_and_goes_nowhere_it_may_not(crawled: Crawled) -> None:
    if not browser_is_there():
        pytest.skip("there is no browser")
    rows = crawled.rows("drawn")
    assert rows["/app"]["rendered"] == "browser" and rows["/app"]["error"] is None
    assert sum(len(found) for found in crawled.texts("drawn").values()) == 20
    assert rows["/inside"]["error"].startswith(("redirect: it leads to ", "unsafe: 127.0.0.1:"))
    assert rows["/private/1"]["robots"] == "disallowed"
    assert crawled.texts("drawn").keys().isdisjoint({"inside", "private-1"})


def test_status_says_what_may_not_be_published_and_why(crawled: Crawled) -> None:
    counts = json.loads(done("status", "--json", project=crawled.folder))["counts"]
    assert {name: count for name, count in counts.items() if name.startswith("records ") and "waiting" not in name} == {
        "records not to be published": 3,
        "records because of noai": 2,
        "records because of noimageai": 1,
        "records because of tdm-reservation": 1,
    }


def test_the_report_shows_each_kind_of_trouble_and_counts_a_move_as_none(crawled: Crawled) -> None:
    facts = crawled.facts()
    told = {row["kind"]: row["pages"] for row in facts.troubled_pages if row["source_name"] == "forum"}
    assert told == {"redirect": 3, "not-html": 2, "too-large": 2, "robots": 1, "soft-404": 1, "status": 1, "timeout": 1}
    (forum,) = [row for row in facts.crawl if row["source"] == "forum"]
    assert (forum["failed"], forum["disallowed"]) == (10, 1)


def test_the_next_crawl_asks_whether_a_page_changed_and_knows_what_a_changed_one_was(crawled: Crawled) -> None:
    (before,) = crawled.texts("again")["change-1"]
    given = stats(crawled.site)["not_modified"]
    ran = tilth("crawl", "again", project=crawled.folder)
    assert ran.code == 0
    assert stats(crawled.site)["not_modified"] == given + 1
    assert "; 1 new record, 0 already known." in ran.out
    assert "1 page did not change since the last crawl and gave no new record." in ran.out
    rows = crawled.rows("again", "last")
    assert (rows["/etag/1"]["status"], rows["/etag/1"]["unchanged"]) == (304, "validator")
    with Store(crawled.folder / "tilth.duckdb") as store:
        ours = [row for row in records(store).to_pylist() if row["source_name"] == "again"]
    new = next(row for row in ours if row["supersedes"])
    old = next(row for row in ours if row["record_id"] == new["supersedes"])
    assert (old["natural_key"], old["text"]) == ("change-1", before) and new["text"] != before
    (row,) = [row for row in crawled.facts().crawl if row["source"] == "again"]
    assert row["failed"] == 0


def test_no_page_takes_longer_to_read_than_its_limit(crawled: Crawled) -> None:
    shape = {"name": "forum", "start": [crawled.site + "/"], "follow": "a", **POST}
    whole_page = {"name": "whole", "start": [crawled.site + "/"]}
    slowest = ("", 0.0)
    with PageReader(1, DEFAULT_LIMITS.extract_seconds) as reader:
        for path, row in crawled.rows("forum").items():
            if row["body_hash"] is None:
                continue
            headers, body = read_answer(crawled.folder / row["warc_file"], row["warc_offset"])
            page = FetchedPage(
                url=row["url"],
                final_url=row["final_url"],
                status=row["status"],
                headers=headers,
                body=body,
                rendered="http",
                role="page",
                about={},
                fetched_at=row["fetched_at"],
            )
            for declared in (shape, whole_page):
                began = time.monotonic()
                found = reader.submit(read_source(declared), page).result()
                slowest = max(slowest, (path, time.monotonic() - began), key=lambda one: one[1])
                assert "took longer" not in (found.error or ""), path
    print(f"the slowest page is {slowest[0]}: {slowest[1]:.2f} s")
    assert slowest[1] < DEFAULT_LIMITS.extract_seconds
