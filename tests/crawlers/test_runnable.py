"""What a crawl would break on is said before anything is asked of anybody."""

import pytest

from crawlers.kinds import read_source
from crawlers.proxies.declaration import NO_PROXIES
from crawlers.reading.environment import NotInEnvironment
from crawlers.runnable import refuse_what_cannot_run

LOGIN = {
    "url": "http://127.0.0.1:9/login",
    "username": "#user",
    "password": "#password",
    "submit": "button",
    "username_env": "BOARD_USER",
    "password_env": "BOARD_PASSWORD",
    "done_when": ".avatar",
}


def test_a_login_whose_password_is_not_set_is_refused(monkeypatch):
    monkeypatch.setenv("BOARD_USER", "anna")
    monkeypatch.delenv("BOARD_PASSWORD", raising=False)
    source = read_source({"name": "board", "start": ["http://127.0.0.1:9/"], "render": "browser", "login": LOGIN})
    with pytest.raises(NotInEnvironment, match=r'the login of source "board" needs .* BOARD_PASSWORD'):
        refuse_what_cannot_run([source], contact="", proxies=NO_PROXIES)
