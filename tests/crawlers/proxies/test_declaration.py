"""What `[proxies]` may say: no secret, no protocol that is not spoken."""

from typing import Any

import pytest
from pydantic import ValidationError

from crawlers.proxies.declaration import ProxiesSection, ProxyError


def section(**proxy: Any) -> ProxiesSection:
    return ProxiesSection.model_validate({"pool": [{"url": "http://proxy.example:3128"} | proxy]})


def test_credentials_come_from_the_environment_and_are_shown_nowhere() -> None:
    declared = section(username_env="NAME", password_env="PASSWORD", country="DE")
    (proxy,) = declared.proxies({"NAME": "me", "PASSWORD": "secret"})
    assert (proxy.name, proxy.country, proxy.authorization) == ("http://proxy.example:3128", "de", "Basic bWU6c2VjcmV0")
    assert "bWU6" not in f"{proxy!r} {proxy} {declared.declared()}"


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(
        ProxyError, match=r"http://proxy.example:3128 takes its credentials from PASSWORD, which is not set"
    ):
        section(username_env="NAME", password_env="PASSWORD").proxies({"NAME": "me"})


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ({"url": "http://me:secret@proxy.example:1"}, "credentials do not belong into the file"),
        ({"url": "socks5://proxy.example:1080"}, "SOCKS proxies are not spoken to"),
        ({"url": "ftp://proxy.example"}, "must be written as"),
        ({"url": "proxy.example:80"}, "must be written as"),
        ({"url": "http://proxy.example:99999"}, "it is no URL"),
        ({"url": "http://proxy.example/path"}, "has no path"),
        ({"country": "Germany"}, "two letters"),
        ({"username_env": "NAME"}, "go together"),
    ],
)
def test_what_cannot_be_meant_is_refused(proxy: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        section(**proxy)


def test_what_was_declared_is_read_back() -> None:
    declared = section(looks_up_names=True, country="fr")
    assert ProxiesSection.model_validate(declared.declared()) == declared
    assert ProxiesSection().declared() == {}
