"""Sessions: kept for their owner alone, and which cookies go where."""

import stat
from pathlib import Path
from typing import Any

import pytest

from crawlers.browser.login import logged_out
from crawlers.browser.sessions import Sessions, cookies_for
from crawlers.browser.steps import Login


def cookie(name: str, domain: str = "forum.example", path: str = "/", **more: Any) -> dict[str, Any]:
    return {"name": name, "value": "1", "domain": domain, "path": path, "expires": -1, "secure": False} | more


def test_a_session_is_kept_for_the_next_run_and_its_owner_alone(tmp_path: Path) -> None:
    state = {"cookies": [cookie("a")], "origins": []}
    Sessions(tmp_path).begin("forum", state)
    path = tmp_path / "sessions" / "forum.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert Sessions(tmp_path).state("forum") == state
    assert list(path.parent.iterdir()) == [path]


def test_a_session_that_is_over_is_forgotten_but_not_one_that_began_since(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path)
    sessions.begin("forum", {"cookies": [cookie("a")]})
    first = sessions.number("forum")
    sessions.begin("forum", {"cookies": [cookie("b")]})
    sessions.end("forum", first)
    assert sessions.state("forum") is not None
    sessions.end("forum", sessions.number("forum"))
    assert sessions.state("forum") is None and Sessions(tmp_path).state("forum") is None


@pytest.mark.parametrize("content", ["", "[]", '{"cookies": 3}', "\x00"])
def test_a_session_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "sessions").mkdir()
    (tmp_path / "sessions" / "forum.json").write_text(content)
    assert Sessions(tmp_path).state("forum") is None


@pytest.mark.parametrize(
    ("kept", "url", "goes"),
    [
        (cookie("a"), "http://forum.example/t/1", True),
        (cookie("a"), "http://forum.example:8080/", True),
        (cookie("a"), "http://other.example/", False),
        (cookie("a"), "http://www.forum.example/", False),
        (cookie("a", ".forum.example"), "http://www.forum.example/", True),
        (cookie("a", ".forum.example"), "http://notforum.example/", False),
        (cookie("a", path="/t"), "http://forum.example/t/1", True),
        (cookie("a", path="/t"), "http://forum.example/team", False),
        (cookie("a", secure=True), "http://forum.example/", False),
        (cookie("a", secure=True), "https://forum.example/", True),
        (cookie("a", expires=99.0), "http://forum.example/", False),
        (cookie("a", expires=101.0), "http://forum.example/", True),
    ],
)
def test_a_cookie_goes_where_a_browser_would_send_it(kept: dict[str, Any], url: str, goes: bool) -> None:
    assert cookies_for({"cookies": [kept]}, url, now=100.0) == ({"a": "1"} if goes else {})


def test_a_page_says_that_its_session_is_over_by_its_address_or_by_what_it_shows() -> None:
    login = Login(
        url="https://forum.example/login",
        username="#u",
        password="#p",
        submit="button",
        username_env="U",
        password_env="P",
        done_when=".me",
        logged_out_when="a.sign-in",
    )
    assert logged_out(login, "https://forum.example/login?back=/t/1", "<p>in</p>")
    assert logged_out(login, "https://forum.example/t/1", "<a class=sign-in>sign in</a>")
    assert not logged_out(login, "https://forum.example/t/1", "<b class=me>me</b>")
