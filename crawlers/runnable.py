"""What keeps a crawl from being run as it is declared, found before anything is asked of anybody."""

import ipaddress
import os
from collections.abc import Sequence
from urllib.parse import urlsplit

from crawlers.fetched_source import FetchedSource
from crawlers.kinds import request_headers
from crawlers.proxies.declaration import ProxiesSection
from crawlers.reading.environment import filled_in
from store.errors import RequestError


class NoSources(RequestError):
    """There is nothing to crawl."""


class NoContact(RequestError):
    """A site's people could not reach whoever crawls it."""


def refuse_what_cannot_run(fetched: Sequence[FetchedSource], *, contact: str, proxies: ProxiesSection) -> None:
    """Raise what a crawl of these sources would break on.

    Raises:
        BrowserMissing: A source is to be drawn by a browser, and there is none.
        NoContact: `contact` is empty, and a source is not on this machine or its network.
        NotInEnvironment: A variable that a source's headers or its login name is not set.
        ProxyError: A variable with the credentials of a proxy is not set.
    """
    if not contact.strip():
        _refuse_strangers(fetched)
    for source in fetched:
        request_headers(source)
        if source.login is not None:
            for name in (source.login.username_env, source.login.password_env):
                filled_in(f"${{{name}}}", f'the login of source "{source.name}"')
    proxies.proxies(os.environ)
    if any(source.render != "http" for source in fetched):
        from crawlers.browser.executable import find_browser

        find_browser()


def _refuse_strangers(fetched: Sequence[FetchedSource]) -> None:
    for source in fetched:
        for place in (*source.start, *(f"//{host}" for host in source.hosts)):
            name = urlsplit(place).hostname or ""
            if not _is_local(name):
                raise NoContact(
                    f'source "{source.name}" is on {name}, whose people must be able to reach you: '
                    "write an e-mail address or a URL as contact under [project] in tilth.toml."
                )


def _is_local(name: str) -> bool:
    try:
        return not ipaddress.ip_address(name).is_global
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
