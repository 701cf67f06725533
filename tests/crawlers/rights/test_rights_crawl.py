"""Rights from a real crawl to a real release: what sites say is in the pages' rows, and the release heeds it."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from crawlers.crawl import crawl
from crawlers.crawl_spec import RightsSpec
from crawlers.kinds import read_source
from store.database import Store
from store.labels import write_labels
from store.pages import pages
from store.records import records
from store.release.build import Release, build_release
from store.release.facts import ReleaseFacts
from store.rights import RightsPolicy
from store.snapshots import take_snapshot
from tests.crawlers.manners.made_site import Site, say
from tests.store.labelled_store import AT, SCHEMA, label_rows

POST = {"item": "article.post", "key": "::attr(data-post)", "fields": {"text": "p.body"}}
RESERVED = json.dumps([{"location": "/open/", "tdm-reservation": 0}, {"location": "/*", "tdm-reservation": 1}])


def gather(project: Path, starts: list[str], rights: RightsSpec | None = None, **declared: Any) -> Store:
    """A store with what a crawl of these pages brought."""
    source = read_source({"name": "forum", "start": starts, "follow": "a.none", **POST, **declared})
    store = Store(project / "tilth.duckdb")
    crawl(store, project, [source], contact="me@example.org", rights=rights or RightsSpec())
    return store


def said(store: Store) -> dict[str, set[tuple[str, str, str]]]:
    """By path: the evidence of the page."""
    found = {}
    for row in pages(store).to_pylist():
        items = json.loads(row["rights"])["items"]
        found["/" + row["url"].split("/", 3)[3]] = {(one["kind"], one["value"], one["where"]) for one in items}
    return found


def released(store: Store, folder: Path) -> Release:
    """The release of all records, labelled."""
    ids = records(store)["record_id"].to_pylist()
    write_labels(store, label_rows(ids, [0] * len(ids)))
    taken = take_snapshot(store, SCHEMA, at=AT)
    return build_release(store, taken.snapshot_id, folder, ReleaseFacts("f", "", "mit", ("en",), SCHEMA))


def post(name: str, head: str = "") -> str:
    body = f'<article class="post" data-post="{name}"><p class="body">canary {name} sings</p></article>'
    return f"<html><head>{head}</head><body>{body}</body></html>"


def test_what_the_proving_site_says_is_kept_and_its_opt_outs_are_not_published(
    proving_site: str, tmp_path: Path
) -> None:
    paths = ["/t/0", "/optout/noai", "/optout/meta", "/optout/tdm", "/licence/cc-by", "/private/1"]
    store = gather(tmp_path / "project", [proving_site + path for path in paths])
    evidence = said(store)
    assert ("noai", "noai", "X-Robots-Tag") in evidence["/optout/noai"]
    assert ("noimageai", "noimageai", "X-Robots-Tag") in evidence["/optout/noai"]
    assert ("noai", "noai", "meta robots") in evidence["/optout/meta"]
    assert ("tdm-reservation", "1", "header") in evidence["/optout/tdm"]
    cc_by = "https://creativecommons.org/licenses/by/4.0/"
    assert ("licence", cc_by, "link rel=license") in evidence["/licence/cc-by"]
    assert ("licence", cc_by, "JSON-LD CreativeWork") in evidence["/licence/cc-by"]
    assert evidence["/private/1"] == {("robots", "disallowed", "robots.txt")}
    # GPTBot alone is shut out of the whole site: that is kept, and one company's agent is no opt-out.
    assert evidence["/t/0"] == {("robots", "allowed", "robots.txt"), ("ai-agent-disallowed", "GPTBot", "robots.txt")}

    release = released(store, tmp_path / "out")
    texts = " ".join(pq.read_table(release.folder / "data" / "train-00000-of-00001.parquet")["text"].to_pylist())
    assert (release.held_back, release.because) == (3, {"noai": 2, "noimageai": 1, "tdm-reservation": 1})
    assert "canary licence-cc-by" in texts and "optout" not in texts
    store.let_go()
    with urllib.request.urlopen(proving_site + "/__stats") as answer:
        asks = json.load(answer)["asks"]
    assert (asks["/.well-known/tdmrep.json"], asks["/robots.txt"]) == (1, 1)


def test_a_tdm_file_and_preferences_of_header_and_robots_txt_are_kept(site: Site, tmp_path: Path) -> None:
    site.robots("User-agent: *\nDisallow: /x\nContent-Usage: /a train-ai=n\n")
    site.answers["/.well-known/tdmrep.json"] = say(RESERVED, kind="application/json")
    site.answers["/a/1"] = say(post("a"))
    site.answers["/open/1"] = say(post("open"), headers={"Content-Usage": "train-ai=y"})
    site.answers["/open/2"] = say(post("two", '<meta name="tdm-reservation" content="1">'))
    store = gather(tmp_path / "project", [site.url(path) for path in ("/a/1", "/open/1", "/open/2")])
    evidence, allowed = said(store), ("robots", "allowed", "robots.txt")
    assert evidence["/a/1"] == {
        allowed,
        ("aipref", "train-ai=n", "robots.txt"),
        ("tdm-reservation", "1", "tdmrep.json"),
    }
    assert evidence["/open/1"] == {
        allowed,
        ("aipref", "train-ai=y", "Content-Usage header"),
        ("tdm-reservation", "0", "tdmrep.json"),
    }
    assert evidence["/open/2"] == {
        allowed,
        ("tdm-reservation", "1", "meta"),
        ("tdm-superseded", "0", "tdmrep.json"),
    }
    assert released(store, tmp_path / "out").because == {"tdm-reservation": 2, "aipref": 1}
    store.let_go()


def test_a_policy_that_forbids_to_fetch_asks_only_for_what_it_may_and_keeps_the_evidence(
    site: Site, tmp_path: Path
) -> None:
    site.robots("User-agent: *\nAllow: /\n")
    site.answers["/.well-known/tdmrep.json"] = say(RESERVED, kind="application/json")
    site.answers["/open/1"] = say(post("open"))
    strict = RightsSpec(policy=RightsPolicy(forbids={"tdm-reservation": "fetch"}).declared)
    store = gather(tmp_path / "project", [site.url("/closed/1"), site.url("/open/1")], strict)
    rows = {row["url"]: row for row in pages(store).to_pylist()}
    refused = rows[site.url("/closed/1")]
    assert (refused["status"], rows[site.url("/open/1")]["status"]) == (None, 200)
    assert refused["error"].startswith("rights: text and data mining is reserved (TDMRep)")
    assert ("tdm-reservation", "1", "tdmrep.json") in said(store)["/closed/1"]
    store.let_go()
    assert site.count()["/closed/1"] == 0
    assert site.count()["/.well-known/tdmrep.json"] == 1


@pytest.mark.parametrize("switched_off", [True, False])
def test_no_tdm_file_is_asked_for_where_it_is_switched_off_and_one_that_fails_stops_nothing(
    site: Site, tmp_path: Path, switched_off: bool
) -> None:
    site.answers["/.well-known/tdmrep.json"] = say("broken", status=500)
    site.answers["/open/1"] = say(post("open"))
    store = gather(tmp_path / "project", [site.url("/open/1")], RightsSpec(tdmrep=not switched_off))
    kinds = {kind for kind, _, _ in said(store)["/open/1"]}
    store.let_go()
    assert records(store).num_rows == 1
    store.let_go()
    assert ("tdm-unreachable" in kinds) is not switched_off
    assert site.count()["/.well-known/tdmrep.json"] == (0 if switched_off else 1)


def test_the_tdm_file_is_not_asked_for_where_robots_txt_disallows_it(site: Site, tmp_path: Path) -> None:
    site.robots("User-agent: *\nDisallow: /\nAllow: /open/\n")
    site.answers["/open/1"] = say(post("open"))
    store = gather(tmp_path / "project", [site.url("/open/1")])
    assert ("tdm-unreachable", "robots.txt disallows it", "tdmrep.json") in said(store)["/open/1"]
    store.let_go()
    assert site.count() == {"/robots.txt": 1, "/open/1": 1}
