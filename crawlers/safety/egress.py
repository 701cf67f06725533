"""The only way out of the browser: a forward proxy on this machine that lets through what the gate lets through.

Chromium asks it for each request (HTTP by absolute URL, all else by CONNECT), so that images, frames, WebSockets
and workers meet the same check as pages do, and no name is looked up anywhere else. It listens on 127.0.0.1 at a port
and with a password that are new at every start.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict
from urllib.parse import urlsplit

import h11

from crawlers.page_error import UnsafeAddress
from crawlers.proxies.proxy import Proxy, basic_authorization
from crawlers.safety.dial import Streams, dial
from crawlers.safety.gate import PORTS, Gate

log = logging.getLogger(__name__)

OF_ONE_HOP = frozenset(
    {
        b"connection",
        b"proxy-connection",
        b"proxy-authorization",
        b"proxy-authenticate",
        b"keep-alive",
        b"te",
        b"trailer",
    }
    | {b"upgrade"}
)
"""Headers that are about one connection and go no further (RFC 9110, 7.6.1)."""
CHUNK = 65_536
MOST_TROUBLES = 1_000

Headers = list[tuple[bytes, bytes]]


class ProxyOption(TypedDict):
    """What Playwright calls `proxy`, of a browser or a context."""

    server: str
    username: str
    password: str
    bypass: str


@dataclass(frozen=True)
class Limits:
    """What one page can make the egress do.

    Attributes:
        connections: So many at once; a further one is closed.
        header_bytes: Of one request or answer.
        body_bytes: Of one answer over plain HTTP.
        upload_bytes: Of one request over plain HTTP.
        tunnel_bytes: Of one tunnel, both ways together; the pages of a browser may share one.
        connect_seconds: Until a connection stands.
        idle_seconds: Between two reads; of a tunnel, on either side.
        total_seconds: Of one exchange over plain HTTP in all.
    """

    connections: int = 256
    header_bytes: int = 65_536
    body_bytes: int = 50 * 2**20
    upload_bytes: int = 10 * 2**20
    tunnel_bytes: int = 2**30
    connect_seconds: float = 10.0
    idle_seconds: float = 30.0
    total_seconds: float = 180.0


@dataclass(frozen=True)
class Way:
    """Whose requests they are, and the proxy they go on to, if any."""

    source: str
    upstream: Proxy | None


class TooMuch(Exception):
    """More bytes came than may."""


class _Flow:
    """What goes through a tunnel, both ways: so many bytes, and no longer still than so many seconds."""

    def __init__(self, most_bytes: int, idle_seconds: float) -> None:
        self._left, self._idle_seconds = most_bytes, idle_seconds
        self._moved_at = asyncio.get_running_loop().time()

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """What one side says next; raises `TooMuch`, or `TimeoutError` when neither side says anything."""
        now = asyncio.get_running_loop().time
        while True:
            try:
                async with asyncio.timeout_at(self._moved_at + self._idle_seconds):
                    chunk = await reader.read(CHUNK)
            except TimeoutError:
                if now() >= self._moved_at + self._idle_seconds:
                    raise
                continue  # the other side has spoken since
            self._moved_at = now()
            self._left -= len(chunk)
            if self._left < 0:
                raise TooMuch
            return chunk


class Egress:
    """A forward proxy for browsers of this process.

    Attributes:
        troubles: By source and `host:port`, why its last request did not get out: `UnsafeAddress` where it may not go
            there, else what stood in the way, such as a `ProxyTrouble`.
        requests: How many requests and tunnels were let through.
    """

    def __init__(self, gate: Gate, limits: Limits | None = None) -> None:
        self.troubles: OrderedDict[tuple[str, str], Exception] = OrderedDict()
        self.requests = 0
        self._gate = gate
        self._limits = limits or Limits()
        self._ways: dict[Way, tuple[str, str]] = {}
        self._by_key: dict[str, Way] = {}
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, limit=CHUNK)

    async def close(self) -> None:
        """Stop listening and cut what is open."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        self._server = None

    @property
    def server(self) -> str:
        """`http://127.0.0.1:PORT`."""
        assert self._server is not None, "the egress has not started"
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def proxy_option(self, source: str, upstream: Proxy | None = None) -> ProxyOption:
        """Playwright's `proxy` for a browser context: its requests are judged as the source's, and leave through
        `upstream` where there is one."""
        way = Way(source, upstream)
        if way not in self._ways:
            username, password = secrets.token_hex(8), secrets.token_hex(24)
            self._ways[way] = (username, password)
            self._by_key[basic_authorization(username, password)] = way
        username, password = self._ways[way]
        return {"server": self.server, "username": username, "password": password, "bypass": "<-loopback>"}

    def trouble_of(self, source: str, url: str) -> Exception | None:
        """Why the last request of the source to the URL's host and port did not get out.

        The browser itself says ERR_EMPTY_RESPONSE or ERR_TUNNEL_CONNECTION_FAILED, whatever the reason was.
        """
        parts = urlsplit(url)
        return self.troubles.get((source, f"{parts.hostname}:{parts.port or PORTS.get(parts.scheme)}"))

    def launch_args(self) -> tuple[str, ...]:
        """Chromium's arguments that leave it no other way out, also outside every context."""
        from crawlers.safety.chromium import chromium_safety_args

        return (f"--proxy-server={self.server}", *chromium_safety_args())

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= self._limits.connections:
            writer.transport.abort()
            return
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """All requests of one connection; whatever goes wrong ends the connection, and nothing else."""
        client = h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.header_bytes)
        try:
            while await self._one(client, reader, writer):
                client.start_next_cycle()
            writer.close()
        except (h11.ProtocolError, OSError, TimeoutError, TooMuch, UnsafeAddress, EOFError) as error:
            log.debug("The egress cut a connection: %s: %s", type(error).__name__, error)
        except Exception as error:  # noqa: BLE001 - a name that is not known, a proxy that lies: the page hears of it
            log.debug("The egress could not connect: %s: %s", type(error).__name__, error)
        finally:
            if not writer.is_closing():
                writer.transport.abort()

    async def _one(self, client: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection can take another."""
        request = await _next(client, reader, self._limits.idle_seconds)
        if not isinstance(request, h11.Request):
            return False
        way = self._who(request.headers)
        if way is None:
            challenge = [
                ("Proxy-Authenticate", 'Basic realm="tilth"'),
                ("Content-Length", "0"),
                ("Connection", "close"),
            ]
            writer.write(client.send(h11.Response(status_code=407, headers=challenge)) or b"")
            await writer.drain()
            return False
        if request.method == b"CONNECT":
            await self._tunnel(client, request, way, Streams(reader, writer))
            return False
        async with asyncio.timeout(self._limits.total_seconds):
            await self._forward(client, request, way, Streams(reader, writer))
        return client.our_state is h11.DONE and client.their_state is h11.DONE

    def _who(self, headers: Iterable[tuple[bytes, bytes]]) -> Way | None:
        given = next((value for name, value in headers if name == b"proxy-authorization"), b"")
        found = None
        for key, way in self._by_key.items():
            if hmac.compare_digest(key.encode(), given):
                found = way
        return found

    async def _dial(self, host: str, port: int, way: Way, *, tunnel: bool) -> Streams:
        place = (way.source, f"{host}:{port}")
        try:
            streams = await dial(
                self._gate, host, port, way.source, way.upstream, tunnel=tunnel, seconds=self._limits.connect_seconds
            )
        except Exception as error:
            self.troubles[place] = error
            if len(self.troubles) > MOST_TROUBLES:
                self.troubles.popitem(last=False)
            raise
        self.troubles.pop(place, None)
        self.requests += 1
        return streams

    async def _tunnel(self, client: h11.Connection, request: h11.Request, way: Way, page: Streams) -> None:
        parts = urlsplit(b"//" + request.target)
        if not parts.hostname or not parts.port:
            raise h11.RemoteProtocolError("a tunnel leads to host:port")
        away = await self._dial(parts.hostname.decode("ascii"), parts.port, way, tunnel=True)
        try:
            page.writer.write(client.send(h11.Response(status_code=200, headers=[])) or b"")
            sent_early, _ = client.trailing_data
            if sent_early:
                away.writer.write(sent_early)
            flow = _Flow(self._limits.tunnel_bytes, self._limits.idle_seconds)
            pumps = [
                asyncio.ensure_future(self._pump(page.reader, away.writer, flow)),
                asyncio.ensure_future(self._pump(away.reader, page.writer, flow)),
            ]
            try:
                await asyncio.gather(*pumps)
            finally:
                for pump in pumps:
                    pump.cancel()
        finally:
            away.writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: _Flow) -> None:
        while chunk := await flow.read(reader):
            writer.write(chunk)
            async with asyncio.timeout(self._limits.idle_seconds):
                await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def _forward(self, client: h11.Connection, request: h11.Request, way: Way, page: Streams) -> None:
        parts = urlsplit(request.target)
        if parts.scheme != b"http" or not parts.hostname:
            raise h11.RemoteProtocolError("only http URLs are forwarded; everything else asks for a tunnel")
        host, port = parts.hostname.decode("ascii"), parts.port or 80
        plainly = way.upstream is not None and way.upstream.looks_up_names
        away = await self._dial(host, port, way, tunnel=not plainly)
        try:
            server = h11.Connection(h11.CLIENT, max_incomplete_event_size=self._limits.header_bytes)
            netloc = parts.netloc.rpartition(b"@")[2]
            path = (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
            target = b"http://" + netloc + path if plainly else path
            headers: Headers = [(b"Host", netloc), *_onward(request.headers, b"host"), (b"Connection", b"close")]
            if plainly and way.upstream is not None and way.upstream.authorization is not None:
                headers.append((b"Proxy-Authorization", way.upstream.authorization.encode()))
            asked = h11.Request(method=request.method, target=target, headers=headers)
            away.writer.write(server.send(asked) or b"")
            await self._relay(client, page.reader, server, away.writer, self._limits.upload_bytes)
            await self._answer(server, away.reader, client, page.writer)
        finally:
            away.writer.transport.abort()

    async def _answer(
        self, server: h11.Connection, reader: asyncio.StreamReader, client: h11.Connection, writer: asyncio.StreamWriter
    ) -> None:
        answer = await _next(server, reader, self._limits.idle_seconds)
        while isinstance(answer, h11.InformationalResponse):
            answer = await _next(server, reader, self._limits.idle_seconds)
        if not isinstance(answer, h11.Response):
            raise EOFError("the server closed without an answer")
        headers = _onward(answer.headers, b"transfer-encoding")
        onward = h11.Response(status_code=answer.status_code, reason=answer.reason, headers=headers)
        writer.write(client.send(onward) or b"")
        await self._relay(server, reader, client, writer, self._limits.body_bytes)

    async def _relay(
        self,
        given: h11.Connection,
        reader: asyncio.StreamReader,
        taker: h11.Connection,
        writer: asyncio.StreamWriter,
        most: int,
    ) -> None:
        """Pass a body on as it comes."""
        while not isinstance(event := await _next(given, reader, self._limits.idle_seconds), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise EOFError("the body broke off")
            most -= len(event.data)
            if most < 0:
                raise TooMuch
            writer.write(taker.send(h11.Data(data=event.data)) or b"")
            async with asyncio.timeout(self._limits.idle_seconds):
                await writer.drain()
        writer.write(taker.send(h11.EndOfMessage()) or b"")
        await writer.drain()


def _onward(headers: Iterable[tuple[bytes, bytes]], *without: bytes) -> Headers:
    """The headers that go further than one hop; those that `Connection` names do not."""
    given = list(headers)
    named = {word.strip().lower() for name, value in given if name == b"connection" for word in value.split(b",")}
    return [(name, value) for name, value in given if name not in OF_ONE_HOP | named | set(without)]


async def _next(connection: h11.Connection, reader: asyncio.StreamReader, idle: float) -> object:
    """The next event of what the other side sends."""
    while (event := connection.next_event()) is h11.NEED_DATA:
        if connection.they_are_waiting_for_100_continue:
            raise h11.RemoteProtocolError("nobody may wait for 100 Continue here", error_status_hint=417)
        async with asyncio.timeout(idle):
            connection.receive_data(await reader.read(CHUNK))
    return event
