"""robots.txt of a host that a browser is led to, while it cannot be had."""

from pathlib import Path

import pytest

from crawlers.browser.executable import find_browser
from crawlers.crawl import crawl
from crawlers.crawl_spec import RightsSpec
from crawlers.kinds import read_source
from store.database import Store
from store.pages import pages
from tests.crawlers.manners.made_site import Site, in_turn, say


def test_a_page_whose_redirect_leads_to_a_host_without_it_for_now_is_asked_again(
    site: Site, other_site: Site, tmp_path: Path
) -> None:
    if find_browser() is None:
        pytest.skip("needs a Chromium")
    site.answers["/moved"] = say(status=302, headers={"Location": other_site.url("/there")})
    other_site.answers["/robots.txt"] = in_turn(say(status=503), say("User-agent: *\nAllow: /\n", kind="text/plain"))
    source = read_source(
        {"name": "drawn", "start": [site.url("/moved")], "hosts": [other_site.host], "render": "browser"}
    )
    with Store(tmp_path / "tilth.duckdb") as store:
        crawl(store, tmp_path, [source], contact="me@example.org", rights=RightsSpec(tdmrep=False))
        (page,) = pages(store).to_pylist()
    assert (page["error"], page["status"], page["final_url"]) == (None, 200, other_site.url("/there"))
    assert other_site.count() == {"/robots.txt": 2, "/there": 1}
