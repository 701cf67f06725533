"""Fetching over HTTP: only to where the gate lets a source go, from servers that prove who they are, with an end."""

import gzip
import json
import os
import socket
import subprocess
import sys
import time
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import brotli
import pytest

from tests.crawlers.safety.servers import Authority, Behave, answer, listening, sends

ROOT = Path(__file__).resolve().parents[3]
OK = answer(b"hello")


def words(text: str) -> list[str]:
    return text.split()


def fetch(requests: dict[str, str], **told: Any) -> dict[str, Any]:
    """What came of each URL, by its name."""
    return fetch_all([{"name": name, "url": url} for name, url in requests.items()], **told)


def fetch_all(
    requests: list[dict[str, Any]], *, environment: dict[str, str] | None = None, **told: Any
) -> dict[str, Any]:
    """What came of each request, by its name, fetched by Scrapy in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crawlers.safety.fetching"],
        input=json.dumps(told | {"requests": requests}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
        env=os.environ | (environment or {}),
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def url(port: int, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
    return f"{scheme}://{host}:{port}{path}"


def test_no_way_of_writing_a_host_leads_inside_unless_the_source_names_it_so() -> None:
    with listening(sends(OK)) as site, listening(sends(OK)) as inside, listening(sends(OK), host="127.0.0.2") as other:
        moved = [
            answer(b"", f"Location: {url(inside.port)}", status=f"{code} Moved") for code in (301, 302, 303, 307, 308)
        ]
        with ExitStack() as stack:
            movers = [stack.enter_context(listening(sends(move))) for move in moved]
            asked = {f"redirect {number}": url(mover.port) for number, mover in enumerate(movers)}
            asked |= {
                form: url(inside.port, host=form)
                for form in words("""127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.0.0.1 0177.0.0.1 017700000001
                127.0.0.1. 127.0.0.1.. localhost LOCALHOST localhost. [::1] [::ffff:127.0.0.1] [::ffff:7f00:1]
                [0:0:0:0:0:ffff:7f00:1] [::127.0.0.1] [64:ff9b::7f00:1] [::] [::1%25lo] 0.0.0.0 0 127.255.255.254
                １２７.０.０.１ ①②⑦.⓪.⓪.① 127。0。0。1 inside.test""")
            }
            asked["user info"] = f"http://127.0.0.1:{site.port}@127.0.0.1:{inside.port}/"
            asked["user info, encoded"] = f"http://127.0.0.1%3A{site.port}%40127.0.0.1:{inside.port}/"
            asked["backslash"] = f"http://127.0.0.1:{inside.port}\\@127.0.0.1:{site.port}/"
            asked["another address"] = url(other.port, host="127.0.0.2")
            asked["the named host, written otherwise"] = url(site.port, host="0x7f.1")
            asked["another scheme"] = f"file:///etc/passwd#{inside.port}"
            asked["named"] = url(site.port)
            said = fetch(
                asked,
                start=[url(site.port), *(url(mover.port) for mover in movers)],
                names={"inside.test": [["127.0.0.1"]]},
                settings={"DNS_TIMEOUT": 5},
            )
        assert (inside.visits, other.visits) == (0, 0)
        assert site.visits == 1
        got = {name for name, result in said.items() if "error" not in result}
        assert got == {"named"}
        assert said["127.0.0.1"]["error"].startswith(f"unsafe: 127.0.0.1:{inside.port} is loopback;")
        assert said["redirect 1"]["error"].startswith("unsafe: ")


def test_the_address_that_was_checked_is_the_one_that_is_connected_to() -> None:
    with listening(sends(OK)) as site, listening(sends(OK), host="127.0.0.2", port=site.port) as other:
        names = {"app.test": [["127.0.0.1"], ["127.0.0.2"]]}
        said = fetch({"page": url(site.port, host="app.test")}, start=[url(site.port, host="app.test")], names=names)
        assert (said["page"]["status"], site.visits, other.visits) == (200, 1, 0)


def test_a_connection_that_is_kept_for_one_source_is_not_anothers() -> None:
    def keeps(connection: socket.socket, _head: bytes) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            if not connection.recv(65_536):
                return

    with listening(keeps) as site:
        requests = [
            {"name": "ours", "url": url(site.port)},
            {"name": "theirs", "url": url(site.port, "/2"), "meta": {"source": "other"}},
        ]
        said = fetch_all(requests, start=[url(site.port)], settings={"CONCURRENT_REQUESTS": 1})
        assert said["ours"]["status"] == 200
        assert said["theirs"]["error"].startswith("unsafe: ")


def test_a_server_must_prove_who_it_is(tmp_path: Path) -> None:
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    ours, other = Authority(tmp_path), Authority(other_folder)
    shown = {
        "good": ours.context("localhost"),
        "expired": ours.context("localhost", days=(-30, -2)),
        "not yet": ours.context("localhost", days=(2, 30)),
        "other name": ours.context("elsewhere.example"),
        "self-signed": ours.context("localhost", self_signed=True),
        "unknown authority": other.context("localhost"),
        "address": ours.context("127.0.0.1"),
    }
    with ExitStack() as stack:
        hosts = {name: stack.enter_context(listening(sends(OK), tls=context)) for name, context in shown.items()}
        hosts["no TLS"] = stack.enter_context(listening(sends(b"SSH-2.0-OpenSSH_9\r\n"), speaks_first=True))
        asked = {name: url(server.port, host="localhost", scheme="https") for name, server in hosts.items()}
        asked["address"] = url(hosts["address"].port, scheme="https")
        said = fetch(asked, start=list(asked.values()), environment={"SSL_CERT_FILE": str(ours.file)})
    assert said["good"]["status"] == said["address"]["status"] == 200
    errors = {
        name: result["error"].replace(str(hosts[name].port), "PORT")
        for name, result in said.items()
        if "error" in result
    }
    assert errors.pop("expired").startswith("tls: the certificate of localhost:PORT expired on 20")
    assert errors.pop("not yet").startswith("tls: the certificate of localhost:PORT is not valid before 20")
    assert errors.pop("no TLS").startswith("tls: localhost:PORT speaks no TLS that can be agreed on (")
    assert errors == {
        "other name": "tls: the certificate of localhost:PORT names other hosts",
        "self-signed": "tls: the certificate of localhost:PORT is signed by itself",
        "unknown authority": "tls: the certificate of localhost:PORT is signed by an authority "
        "that this machine does not know",
    }


def drips(head: bytes) -> Behave:
    def behave(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"x")
            time.sleep(0.1)

    return behave


def floods(head: bytes, part: bytes) -> Behave:
    def behave(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(part)

    return behave


def silent(connection: socket.socket, _head: bytes) -> None:
    connection.recv(1)


def test_no_server_can_hold_a_fetch_for_longer_or_fill_it_with_more_than_it_may() -> None:
    zeros = bytes(20_000_000)
    packed = {
        "gzip": gzip.compress(zeros),
        "deflate": zlib.compress(zeros),
        "br": brotli.compress(zeros),
        "gzip, gzip": gzip.compress(gzip.compress(zeros)),
        "br, gzip": gzip.compress(brotli.compress(zeros)),
        "zstd": zstd(zeros),
    }
    behaviours: dict[str, Behave] = {
        "never answers": silent,
        "drips its head": drips(b"HTTP/1.1 200 OK\r\nX-Long: "),
        "drips its body": drips(b"HTTP/1.1 200 OK\r\n\r\n"),
        "says how much": sends(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"),
        "floods": floods(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536),
        "floods in chunks": floods(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        ),
        "many headers": floods(b"HTTP/1.1 200 OK\r\n", b"X-One: " + b"y" * 1000 + b"\r\n"),
        "one long header": floods(b"HTTP/1.1 200 OK\r\nX-One: ", b"y" * 65_536),
        "always continues": floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        "breaks off": sends(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        "closes": sends(),
        "is no HTTP": sends(b"SSH-2.0-OpenSSH_9\r\n"),
        **{name: sends(answer(body, f"Content-Encoding: {name}")) for name, body in packed.items()},
    }
    with ExitStack() as stack:
        asked = {name: url(stack.enter_context(listening(does)).port) for name, does in behaviours.items()}
        began = time.monotonic()
        settings = {"DOWNLOAD_TIMEOUT": 4, "CONCURRENT_REQUESTS": 32}
        said = fetch(asked, start=list(asked.values()), settings=settings)
        took = time.monotonic() - began
    kinds = {name: result.get("error", "no error").split(":")[0] for name, result in said.items()}
    assert kinds == {
        "never answers": "timeout",
        "drips its head": "timeout",
        "drips its body": "timeout",
        "says how much": "too-large",
        "floods": "too-large",
        "floods in chunks": "too-large",
        "many headers": "connection",
        "one long header": "connection",
        "always continues": "connection",
        "breaks off": "connection",
        "closes": "connection",
        "is no HTTP": "connection",
        **dict.fromkeys(packed, "too-large"),
    }
    assert "the headers of the answer are over" in said["many headers"]["error"]
    assert "twisted" not in str(said)
    assert took < 30


def zstd(body: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd as coding
    else:
        from backports import zstd as coding
    return bytes(coding.compress(body))


@pytest.mark.parametrize("tunnelled", [True, False])
def test_a_proxy_carries_a_request_once_its_host_is_checked(tunnelled: bool) -> None:
    def proxy(connection: socket.socket, head: bytes) -> None:
        if tunnelled:
            connection.sendall(b"HTTP/1.1 200 Go on\r\n\r\n")
            connection.recv(65_536)
        connection.sendall(OK)

    with listening(proxy) as server, listening(sends(OK)) as inside:
        option = {"scheme": "http", "host": "127.0.0.1", "port": server.port, "looks_up_names": not tunnelled}
        meta = {"proxy": f"http://127.0.0.1:{server.port}"}
        requests = [
            {"name": "page", "url": "http://app.test:81/x", "meta": meta},
            {"name": "inside", "url": url(inside.port), "meta": meta},
        ]
        said = fetch_all(
            requests,
            proxies=[option | {"authorization": "Basic c2VjcmV0"}],
            start=["http://app.test:81/"],
            names={"app.test": [["10.1.2.3"]]},
        )
        assert said["page"]["body"] == "hello"
        assert said["inside"]["error"].startswith("unsafe: ")
        assert (server.visits, inside.visits) == (1, 0)
        wanted = b"CONNECT 10.1.2.3:81 HTTP/1.1\r\n" if tunnelled else b"GET http://app.test:81/x HTTP/1.1\r\n"
        assert server.heads[0].startswith(wanted)
        assert b"Basic c2VjcmV0" in server.heads[0]


def test_a_proxy_that_lies_is_named_and_its_password_is_not(tmp_path: Path) -> None:
    def tunnels(then: Behave) -> Behave:
        def behave(connection: socket.socket, head: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 Go on\r\n\r\n")
            then(connection, head)

        return behave

    authority = Authority(tmp_path)
    forged = authority.context("app.test")

    def forges(connection: socket.socket, _head: bytes) -> None:
        with forged.wrap_socket(connection, server_side=True) as spoken:
            spoken.recv(65_536)

    lies: dict[str, Behave] = {
        "407": sends(b"HTTP/1.1 407 Sign in\r\n\r\n"),
        "502": sends(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"),
        "no HTTP": sends(b"SSH-2.0-OpenSSH_9\r\n\r\n"),
        "closes": sends(),
        "hangs": silent,
        "endless": floods(b"HTTP/1.1 200 OK\r\n", b"X-One: " + b"y" * 1000 + b"\r\n"),
        "nonsense in the tunnel": tunnels(sends(b"nonsense\r\n\r\n" * 10)),
        "closes the tunnel": tunnels(sends()),
        "hangs in the tunnel": tunnels(silent),
        "another certificate": tunnels(forges),
    }
    with ExitStack() as stack:
        stand = {name: stack.enter_context(listening(does)) for name, does in lies.items()}
        gone = stack.enter_context(listening(silent)).port
        stack.close()
        stand = {name: stack.enter_context(listening(does)) for name, does in lies.items()}
        ports = {name: server.port for name, server in stand.items()} | {"is not there": gone}
        secret = {"scheme": "http", "host": "127.0.0.1", "authorization": "Basic c2VjcmV0"}
        requests = [
            {"name": name, "url": "https://app.test/", "meta": {"proxy": f"http://127.0.0.1:{port}"}}
            for name, port in ports.items()
        ]
        said = fetch_all(
            requests,
            proxies=[secret | {"port": port} for port in ports.values()],
            start=["https://app.test/"],
            names={"app.test": [["10.1.2.3"]]},
            settings={"DOWNLOAD_TIMEOUT": 1.5},
        )
    errors = {name: result["error"] for name, result in said.items()}
    assert errors.keys() == ports.keys()
    assert "c2VjcmV0" not in str(said)
    for name, port in ports.items():
        assert f"the proxy http://127.0.0.1:{port}" in errors[name], name
    assert (
        "leads to a server that cannot prove who it is: the certificate of app.test is"
        in (errors["another certificate"])
    )
    assert all(error.startswith("proxy: ") for error in errors.values())


@pytest.mark.parametrize("forwards", [False, True])
def test_an_https_proxy_is_spoken_to_by_tls_and_must_prove_who_it_is(tmp_path: Path, forwards: bool) -> None:
    def proxy(connection: socket.socket, _head: bytes) -> None:
        if not forwards:
            connection.sendall(b"HTTP/1.1 200 Go on\r\n\r\n")
            connection.recv(65_536)
        connection.sendall(OK)

    folders = [tmp_path / name for name in ("ours", "others")]
    for folder in folders:
        folder.mkdir()
    ours, others = map(Authority, folders)
    shown = {
        "trusted": ours.context("localhost"),
        "unknown": others.context("localhost"),
        "other name": ours.context("elsewhere.example"),
    }
    with ExitStack() as stack:
        ports = {name: stack.enter_context(listening(proxy, tls=tls)).port for name, tls in shown.items()}
        ports["no TLS"] = stack.enter_context(listening(sends(b"SSH-2.0-OpenSSH_9\r\n"), speaks_first=True)).port
        requests = [
            {"name": name, "url": "http://app.test/", "meta": {"proxy": f"https://localhost:{port}"}}
            for name, port in ports.items()
        ]
        said = fetch_all(
            requests,
            proxies=[
                {"scheme": "https", "host": "localhost", "port": port, "looks_up_names": forwards}
                for port in ports.values()
            ],
            start=["http://app.test/"],
            names={"app.test": [["10.1.2.3"]]},
            environment={"SSL_CERT_FILE": str(ours.file)},
        )
    assert said["trusted"]["body"] == "hello"
    errors = {name: said[name]["error"].replace(str(port), "PORT") for name, port in ports.items() if name != "trusted"}
    assert errors.pop("no TLS").startswith("proxy: the proxy https://localhost:PORT sent something that is no TLS")
    has = "proxy: the proxy https://localhost:PORT has a certificate that"
    assert errors == {
        "unknown": f"{has} is signed by an authority that this machine does not know",
        "other name": f"{has} names other hosts",
    }


def test_a_kept_connection_that_the_server_has_ended_is_not_used_again_behind_the_turns() -> None:
    def once(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        connection.recv(65_536)  # the next request is read, and never answered

    with listening(once) as server:
        requests = [{"name": str(number), "url": url(server.port)} for number in range(2)]
        said = fetch_all(requests, start=[url(server.port)], settings={"CONCURRENT_REQUESTS": 1})
        assert server.visits == 1
    assert said["0"]["body"] == "hello"
    assert said["1"]["error"] == "connection: the server ended a kept connection when a request was sent on it"


def test_a_name_that_turns_inside_between_two_requests_leads_nowhere() -> None:
    nowhere = ["3ffe::1"]  # given to nobody, and global by the registries
    with listening(sends(OK)) as inside:
        asked = {name: url(inside.port, host=f"{name}.test") for name in ("turns", "named", "mixed")}
        names = {"turns.test": [nowhere, ["127.0.0.1"]], "named.test": [nowhere, ["127.0.0.1"]]}
        names["mixed.test"] = [[*nowhere, "127.0.0.1"], ["127.0.0.1", *nowhere]]
        requests = [{"name": f"{name} {turn}", "url": each} for turn in (1, 2, 3) for name, each in asked.items()]
        said = fetch_all(
            requests, start=[asked["named"]], names=names, settings={"CONCURRENT_REQUESTS": 1, "DOWNLOAD_TIMEOUT": 2}
        )
        assert inside.visits == 0
    kinds = {name: result["error"].split(":")[0] for name, result in said.items()}
    assert kinds["turns 2"] == kinds["turns 3"] == kinds["named 2"] == kinds["named 3"] == "unsafe"
    assert "unsafe" not in {kinds["turns 1"], kinds["named 1"], kinds["mixed 1"], kinds["mixed 2"]}
