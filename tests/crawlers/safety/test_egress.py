"""The browser's way out: nobody else's, only to where the gate lets a source go, and never without an end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from scrapy.settings import Settings

from crawlers.page_error import ProxyTrouble, UnsafeAddress
from crawlers.proxies.proxy import Proxy, basic_authorization
from crawlers.safety.egress import Egress, Limits
from crawlers.safety.gate import Gate, named_hosts
from crawlers.safety.of_crawl import limits_of
from tests.crawlers.safety.servers import Authority, listening

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A server of a test: what it was sent, head by head."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def serving(*answers: bytes, then: Serve | None = None) -> AsyncIterator[Server]:
    """A server that gives each answer in turn, on one connection or many, and goes on as `then` says."""
    server, left = Server(), list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while left:
                server.heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(left.pop(0))
                await writer.drain()
            if then is not None:
                await then(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


@asynccontextmanager
async def egress(*named: int, limits: Limits | None = None) -> AsyncIterator[Egress]:
    """An egress whose source `forum` names these ports of 127.0.0.1."""
    gate = Gate({"forum": named_hosts([f"http://127.0.0.1:{port}/" for port in named])})
    out = Egress(gate, limits)
    await out.start()
    try:
        yield out
    finally:
        await out.close()
        gate.close()


async def ask(out: Egress, request: str, *, upstream: Proxy | None = None, password: str | None = None) -> bytes:
    """All that the egress answers to a request head, given without its last blank line."""
    option = out.proxy_option("forum", upstream)
    signed = basic_authorization(option["username"], password or option["password"])
    reader, writer = await asyncio.open_connection("127.0.0.1", int(out.server.rsplit(":", 1)[1]))
    writer.write(f"{request}\r\nProxy-Authorization: {signed}\r\nConnection: close\r\n\r\n".encode())
    try:
        return await asyncio.wait_for(reader.read(-1), 10)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def get(port: int, path: str = "/", host: str = "127.0.0.1") -> str:
    return f"GET http://{host}:{port}{path} HTTP/1.1\r\nHost: {host}:{port}"


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def test_a_request_goes_on_in_the_servers_form_without_what_is_the_proxys() -> None:
    async def work() -> None:
        async with serving(OK) as site, egress(site.port) as out:
            answer = await ask(out, get(site.port, "/a?b=c") + "\r\nX-Own: 1\r\nProxy-Connection: keep-alive")
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b"\r\n\r\nhello")
            head = site.heads[0].lower()
            assert head.startswith(b"get /a?b=c http/1.1\r\n")
            assert f"host: 127.0.0.1:{site.port}\r\n".encode() in head
            assert b"x-own: 1" in head
            assert b"proxy-" not in head

    asyncio.run(work())


def test_nobody_else_on_the_machine_may_use_it() -> None:
    async def work() -> None:
        async with serving(OK) as site, egress(site.port) as out:
            answer = await ask(out, get(site.port), password="guessed")
            assert answer.startswith(b"HTTP/1.1 407 ")
            assert site.heads == []

    asyncio.run(work())


def test_a_host_that_the_source_does_not_name_is_not_reached_by_request_or_tunnel() -> None:
    async def work() -> None:
        async with serving(OK, OK, OK) as site, egress() as out:
            assert await ask(out, get(site.port)) == b""
            assert await ask(out, f"CONNECT localhost:{site.port} HTTP/1.1\r\nHost: x") == b""
            assert await ask(out, f"CONNECT [::ffff:127.0.0.1]:{site.port} HTTP/1.1\r\nHost: x") == b""
            assert site.heads == []
            assert isinstance(out.trouble_of("forum", f"http://127.0.0.1:{site.port}/x"), UnsafeAddress)

    asyncio.run(work())


def test_the_hosts_header_does_not_say_where_a_request_goes() -> None:
    async def work() -> None:
        async with serving(OK) as site, serving(OK) as inside, egress(site.port) as out:
            await ask(out, f"GET http://x@127.0.0.1:{site.port}/ HTTP/1.1\r\nHost: 127.0.0.1:{inside.port}")
            assert len(site.heads) == 1
            assert f"host: 127.0.0.1:{site.port}\r\n".encode() in site.heads[0].lower()
            assert inside.heads == []

    asyncio.run(work())


@pytest.mark.parametrize("target", ["/", "file:///etc/passwd", "https://127.0.0.1/", "http://", "*"])
def test_only_http_urls_are_forwarded(target: str) -> None:
    async def work() -> None:
        async with egress() as out:
            assert not (await ask(out, f"GET {target} HTTP/1.1\r\nHost: x")).startswith(b"HTTP/1.1 2")

    asyncio.run(work())


def test_a_body_without_an_end_is_cut() -> None:
    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x" * 10_000)
            await writer.drain()

    async def work() -> None:
        head = b"HTTP/1.1 200 OK\r\n\r\n"
        async with serving(head, then=endless) as site, egress(site.port, limits=Limits(body_bytes=100_000)) as out:
            assert len(await ask(out, get(site.port))) < 200_000

    asyncio.run(work())


def test_a_tunnel_ends_after_so_many_bytes() -> None:
    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x" * 10_000)
            await writer.drain()

    async def work() -> None:
        async with serving(then=endless) as site, egress(site.port, limits=Limits(tunnel_bytes=100_000)) as out:
            answer = await ask(out, f"CONNECT 127.0.0.1:{site.port} HTTP/1.1\r\nHost: x")
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert len(answer) < 200_000

    asyncio.run(work())


def test_a_tunnel_that_is_used_stays_open_and_one_in_which_nothing_moves_ends() -> None:
    async def one_way(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(8):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.1)
        await asyncio.sleep(5)

    async def work() -> None:
        limits = Limits(idle_seconds=0.3, total_seconds=0.2)
        async with serving(then=one_way) as site, egress(site.port, limits=limits) as out:
            async with asyncio.timeout(3):
                answer = await ask(out, f"CONNECT 127.0.0.1:{site.port} HTTP/1.1\r\nHost: x")
            assert answer.endswith(b"\r\n\r\n" + b"x" * 8)

    asyncio.run(work())


def test_a_page_may_take_as_long_in_the_browser_as_over_http() -> None:
    limits = limits_of(Settings({"DOWNLOAD_TIMEOUT": 90, "DOWNLOAD_MAXSIZE": 5}))
    assert (limits.idle_seconds, limits.body_bytes) == (90, 5) and limits.total_seconds >= 90
    assert limits_of(Settings({"DOWNLOAD_TIMEOUT": 1})).idle_seconds == Limits().idle_seconds


def test_a_server_that_drips_is_cut_when_the_time_is_up() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def work() -> None:
        limits = Limits(idle_seconds=1.0, total_seconds=0.4)
        head = b"HTTP/1.1 200 OK\r\n\r\n"
        async with serving(head, then=drip) as site, egress(site.port, limits=limits) as out:
            async with asyncio.timeout(3):
                answer = await ask(out, get(site.port))
            assert b"x" in answer and not answer.endswith(b"0\r\n\r\n"), "whoever asked must see that it was cut"

    asyncio.run(work())


def test_headers_without_an_end_are_cut() -> None:
    async def work() -> None:
        many = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(200))
        async with serving(many + b"\r\n") as site, egress(site.port) as out:
            assert await ask(out, get(site.port)) == b""

    asyncio.run(work())


def test_so_many_connections_at_once_and_no_more() -> None:
    async def work() -> None:
        async with serving(OK) as site, egress(site.port, limits=Limits(connections=1)) as out:
            _, writer = await asyncio.open_connection("127.0.0.1", int(out.server.rsplit(":", 1)[1]))
            await asyncio.sleep(0.05)
            assert await ask(out, get(site.port)) == b""
            writer.close()

    asyncio.run(work())


ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def test_an_upstream_proxy_is_told_the_address_that_was_checked_and_given_its_password() -> None:
    async def work() -> None:
        async with serving(ESTABLISHED, OK) as proxy, egress(1234) as out:
            upstream = Proxy("http", "127.0.0.1", proxy.port, authorization=basic_authorization("me", "secret"))
            assert (await ask(out, get(1234, "/x"), upstream=upstream)).endswith(b"hello")
            assert proxy.heads[0].startswith(b"CONNECT 127.0.0.1:1234 HTTP/1.1\r\n")
            assert basic_authorization("me", "secret").encode() in proxy.heads[0]
            assert proxy.heads[1].startswith(b"GET /x HTTP/1.1\r\n")
            assert b"Proxy-Authorization" not in proxy.heads[1]

    asyncio.run(work())


def test_an_upstream_proxy_that_looks_up_names_is_told_the_name_once_it_is_checked() -> None:
    async def work() -> None:
        async with serving(OK, OK) as proxy, egress(1234) as out:
            upstream = Proxy("http", "127.0.0.1", proxy.port, looks_up_names=True)
            await ask(out, get(1234, "/x"), upstream=upstream)
            assert proxy.heads[0].startswith(b"GET http://127.0.0.1:1234/x HTTP/1.1\r\n")
            assert await ask(out, get(4321, "/x"), upstream=upstream) == b""
            assert len(proxy.heads) == 1

    asyncio.run(work())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 407 Sign in\r\n\r\n", r"refused the credentials \(407\)"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", r"refused a tunnel \(502\)"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "something that is no HTTP"),
        (b"", "did not answer"),
        (b"y" * 100_000, "did not answer"),
    ],
)
def test_a_proxy_that_lies_is_named_without_its_password(answer: bytes, said: str) -> None:
    async def work() -> None:
        async with serving(answer) as proxy, egress(1234) as out:
            upstream = Proxy("http", "127.0.0.1", proxy.port, authorization=basic_authorization("me", "secret"))
            assert await ask(out, get(1234), upstream=upstream) == b""
            trouble = out.trouble_of("forum", "http://127.0.0.1:1234/")
            assert isinstance(trouble, ProxyTrouble)
            with pytest.raises(ProxyTrouble, match=f"the proxy http://127.0.0.1:{proxy.port} .*{said}"):
                raise trouble

    asyncio.run(work())


def test_an_https_proxy_carries_a_request_when_it_proves_who_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def proxy(connection: socket.socket, _head: bytes) -> None:
        connection.sendall(ESTABLISHED)
        connection.recv(65_536)
        connection.sendall(OK)

    async def work() -> None:
        async with egress(1234) as out:
            for server in (good, other, own):
                upstream = Proxy("https", "localhost", server.port)
                said = await ask(out, get(1234), upstream=upstream)
                if server is good:
                    assert said.endswith(b"hello")
                else:
                    assert said == b""
                    troubles.append(str(out.trouble_of("forum", "http://127.0.0.1:1234/")).partition(" has ")[2])

    ours, troubles = Authority(tmp_path), list[str]()
    monkeypatch.setenv("SSL_CERT_FILE", str(ours.file))
    with ExitStack() as stack:
        good = stack.enter_context(listening(proxy, tls=ours.context("localhost")))
        other = stack.enter_context(listening(proxy, tls=ours.context("elsewhere.example")))
        own = stack.enter_context(listening(proxy, tls=ours.context("localhost", self_signed=True)))
        asyncio.run(work())
    assert all(said.startswith("a certificate that could not be verified (") for said in troubles)
    assert "localhost" in troubles[0] and "self-signed" in troubles[1]
