"""What is the same done twice is tried again where Label Studio's SQLite was locked; an import is not."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from labeling.errors import StudioFailed
from labeling.studio_client import StudioClient

Client = tuple[StudioClient, Counter[str]]


class Locked(BaseHTTPRequestHandler):
    """Answers the first request of each kind as Label Studio does while another one writes."""

    asked: Counter[str]

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked[self.command] += 1
        first = self.asked[self.command] == 1
        body = b"<!doctype html><title>500 | Label Studio</title>" if first else b"{}"
        status = 500 if first else 204 if self.command == "DELETE" else 200
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if first else "application/json")
        self.send_header("Content-Length", str(0 if status == 204 else len(body)))
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(b"" if status == 204 else body)

    do_DELETE = do_PATCH = do_POST = _answer  # noqa: N815  # the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def locked() -> Iterator[Client]:
    """A client of such a server, and how often each kind of request came."""
    asked: Counter[str] = Counter()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Counting", (Locked,), {"asked": asked}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with closing(StudioClient(f"http://127.0.0.1:{server.server_port}", "token")) as client:
        yield client, asked
    server.shutdown()
    server.server_close()


def test_a_task_is_deleted_and_its_overlap_set_though_the_first_try_found_the_database_locked(locked: Client) -> None:
    client, asked = locked
    client.delete_task(7)
    client.set_overlap(7, 2)
    assert asked == {"DELETE": 2, "PATCH": 2}


def test_tasks_are_not_sent_twice(locked: Client) -> None:
    client, asked = locked
    with pytest.raises(StudioFailed, match="could not take in 1 tasks"):
        client.import_tasks(1, [{"data": {"text": "a"}}])
    assert asked == {"POST": 1}
