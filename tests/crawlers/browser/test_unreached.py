"""What kept a page from coming into the browser, in the errors that HTTP fetches end with."""

import pytest
from scrapy.exceptions import CannotResolveHostError, DownloadConnectionRefusedError, DownloadFailedError

from crawlers.browser.unreached import of_browser, of_egress
from crawlers.manners.trouble import BROKEN, UNREACHED
from crawlers.page_error import ProxyTrouble, UnsafeAddress


@pytest.mark.parametrize(
    "met",
    [
        ConnectionRefusedError(111, "refused"),
        ConnectionResetError(104, "reset"),
        OSError(113, "no route to host"),
        TimeoutError(),
        CannotResolveHostError("the name is not known"),
        ProxyTrouble("http://p.example:80", "closed"),
    ],
)
def test_whatever_kept_the_egress_from_connecting_is_tried_again_as_over_http(met: Exception) -> None:
    assert isinstance(of_egress(met), UNREACHED + BROKEN)


def test_a_refused_connection_is_called_so_and_an_unsafe_address_stays_one() -> None:
    assert isinstance(of_egress(ConnectionRefusedError()), DownloadConnectionRefusedError)
    unsafe, proxy = UnsafeAddress("it is inside"), ProxyTrouble("p", "closed")
    assert of_egress(unsafe) is unsafe and of_egress(proxy) is proxy


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Page.goto: net::ERR_CONNECTION_REFUSED at http://a/", DownloadConnectionRefusedError),
        ("Page.goto: net::ERR_NAME_NOT_RESOLVED at http://a/", CannotResolveHostError),
        ("Page.goto: net::ERR_EMPTY_RESPONSE at http://a/", DownloadFailedError),
        ("Page.goto: net::ERR_TUNNEL_CONNECTION_FAILED at https://a/", DownloadFailedError),
        ("Page.goto: net::ERR_CONNECTION_TIMED_OUT at https://a/", DownloadFailedError),
        ("Page.goto: net::ERR_CERT_DATE_INVALID at https://a/", None),
        ("Page.goto: net::ERR_TOO_MANY_REDIRECTS at https://a/", None),
        ("Page.goto: something else", None),
    ],
)
def test_what_the_browser_says_of_the_network_is_told_apart(said: str, kind: type[Exception] | None) -> None:
    found = of_browser(said)
    assert found is None if kind is None else isinstance(found, kind)
