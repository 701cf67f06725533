"""The small website that the demo crawls: a village board, served on this machine alone while the demo runs.

Most messages stand in threads; every seventh is on the noticeboard, which a script draws after the page has loaded.
robots.txt disallows `/members-only/`, where posts stand that are not among the messages. What a message is about
stands nowhere on the site; `truth` says it, for annotators that are simulated.
"""

import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

from store.errors import TilthError
from tilth.demo.site.forum import messages
from tilth.demo.site.pages import missing_page, pages

CLASSES = {
    "gardens-and-allotments": "Growing plants: seed, soil and compost, weeds, and what eats or ails what grows.",
    "events-and-volunteering": "What people do together at a set time: fêtes, talks, work parties, who will help.",
    "tools-and-repairs": "Tools and machines, lent or owned, and mending what is broken in house and shed.",
    "food-and-kitchen": "Food from picking to plate: when it is ripe, keeping it, cooking it, where to get it.",
    "animals-and-pets": "Animals, tame, farmed or wild: lost, found, ill, looked after or looked at.",
    "roads-and-travel": "Getting about: roads, parking, buses, trains, bicycles, lifts and journeys.",
    "health-and-care": "Bodies and minds, doctors and chemists, and looking after those who need it.",
    "phones-and-internet": "Telephones, computers, broadband and what goes wrong on them, tricksters too.",
}
"""What a message can be about, with a sentence that says what belongs there."""

NEAR = {
    "gardens-and-allotments": ("food-and-kitchen", "tools-and-repairs"),
    "events-and-volunteering": ("health-and-care", "food-and-kitchen"),
    "tools-and-repairs": ("gardens-and-allotments", "phones-and-internet"),
    "food-and-kitchen": ("gardens-and-allotments", "events-and-volunteering"),
    "animals-and-pets": ("gardens-and-allotments", "health-and-care"),
    "roads-and-travel": ("tools-and-repairs", "health-and-care"),
    "health-and-care": ("roads-and-travel", "events-and-volunteering"),
    "phones-and-internet": ("tools-and-repairs", "roads-and-travel"),
}
"""For each class those that it is easily taken for."""


class SiteNotServed(TilthError):
    """The website cannot listen at the port that was asked for."""


def truth() -> dict[str, str]:
    """The class of each message by its id, which the site gives as `data-post`."""
    return {message.id: message.label for message in messages() if message.label is not None}


def project_toml(url: str) -> str:
    """The two `[[source]]` tables of a project file that crawls the site at `url`: one over HTTP, one in a browser."""
    return f"""
[[source]]
name = "boards"
kind = "site"
start = ["{url}/"]
follow = "a.board, a.thread, a.next"
render = "http"
item = "article.post"
key = "::attr(data-post)"
[source.fields]
text = "p.body"
author = "a.author::text"
posted = "time::attr(datetime)"

[[source]]
name = "noticeboard"
kind = "site"
start = ["{url}/noticeboard/1"]
follow = "a.next"
render = "browser"
wait_for = "article.post"
item = "article.post"
key = "::attr(data-post)"
[source.fields]
text = "p.body"
author = "a.author::text"
posted = "time::attr(datetime)"
"""


class Website:
    """The running site; `stop` it, or use it in a `with`.

    Attributes:
        url: Where it is, without a slash at the end.
    """

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        self._asked: Counter[str] = Counter()
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), _request_class(self._count))
        except OSError as error:
            raise SiteNotServed(
                f"The demo's website cannot listen at 127.0.0.1:{port}: {error.strerror}. Choose another port."
            ) from error
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def asked(self) -> Counter[str]:
        """How often each path was asked for, as it is now."""
        with self._lock:
            return self._asked.copy()

    def stop(self) -> None:
        """Stop listening and give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "Website":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _count(self, path: str) -> None:
        with self._lock:
            self._asked[path] += 1


def serve(port: int = 0) -> Website:
    """Serve the site on 127.0.0.1; port 0 takes any that is free.

    Raises:
        SiteNotServed: The port is in use or may not be had.
    """
    return Website(port)


def _request_class(count: Callable[[str], None]) -> type[BaseHTTPRequestHandler]:
    class Request(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "NetherTilth"
        disable_nagle_algorithm = True
        timeout = 30

        def log_message(self, *args: object) -> None:
            """Say nothing: the demo's own lines are what a person reads."""

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            count(path)
            found = pages().get(path)
            kind, body = found or ("text/html; charset=utf-8", missing_page())
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

    return Request
