"""Where Twisted's HTTP client connects to: an address that the gate let through, straight or through a proxy.

From the connection on all goes by Deferreds, without a turn of the event loop between: a server that speaks first may
otherwise have ended the TLS of a connection before its request is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from OpenSSL import SSL
from scrapy.exceptions import CannotResolveHostError
from scrapy.utils.defer import deferred_from_coro
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from crawlers.page_error import ProxyTrouble
from crawlers.proxies.proxy import Proxy
from crawlers.safety.addresses import Address
from crawlers.safety.certificates import Verifying
from crawlers.safety.dial import ENOUGH_FOR_ONE
from crawlers.safety.gate import Gate
from crawlers.safety.tunnel import ANSWER_BYTES, connect_request, tunnel_trouble

Endpoint = Any  # an IStreamClientEndpoint: zope's interfaces are no types
Policy = Any  # an IPolicyForHTTPS
Protocols = Any  # an IProtocolFactory


@implementer(IAgentEndpointFactory)
class Ways:
    """Gives Twisted's `Agent` the endpoint of each URI; made anew for each request.

    Attributes:
        verifying: The verification of the server's certificate, once there is one.
        of_proxy: That of the proxy's own certificate.
    """

    def __init__(
        self,
        reactor: Any,
        gate: Gate,
        source: str | None,
        proxy: Proxy | None,
        policy: Policy,
        *,
        seconds: float,
        bind: tuple[str, int] | None = None,
    ) -> None:
        self.verifying: Verifying | None = None
        self.of_proxy: Verifying | None = None
        self._reactor, self._gate, self._source, self._proxy, self._policy = reactor, gate, source, proxy, policy
        self._seconds, self._bind = seconds, bind

    def endpointForURI(self, uri: URI) -> Endpoint:  # noqa: N802 - Twisted's name
        """As Twisted asks for it."""
        host, port = uri.host.decode("ascii"), uri.port
        way: Endpoint = Checked(self._reactor, self._gate, host, port, self._source, self._seconds, self._bind)
        if self._proxy is not None:
            way = Tunnel(self.to_proxy(), self._gate, host, port, self._source, self._proxy)
        if uri.scheme == b"https":
            creator = self._policy.creatorForNetloc(uri.host, port)
            self.verifying = Verifying(creator, host)
            way = wrapClientTLS(self.verifying, way)  # type: ignore[arg-type]
        return way

    async def judge(self, uri: URI) -> None:
        """Raise `UnsafeAddress` for a URI whose connection is to a proxy that looks names up itself."""
        await self._gate.addresses(uri.host.decode("ascii"), uri.port, self._source)

    def to_proxy(self) -> ToProxy:
        """The proxy itself."""
        assert self._proxy is not None
        if self._proxy.scheme == "https":
            creator = self._policy.creatorForNetloc(self._proxy.host.encode("ascii"), self._proxy.port)
            self.of_proxy = Verifying(creator, self._proxy.host)
        return ToProxy(self._proxy, self._reactor, self._gate, self.of_proxy, self._seconds, self._bind)


@implementer(IStreamClientEndpoint)
@dataclass(frozen=True)
class Checked:
    """A host at the addresses where the source may reach it."""

    reactor: Any
    gate: Gate
    host: str
    port: int
    source: str | None
    seconds: float
    bind: tuple[str, int] | None

    def connect(self, factory: Protocols) -> Deferred[Any]:
        """Look up, judge, connect."""
        return Deferred.fromCoroutine(self._connect(factory))

    async def _connect(self, factory: Protocols) -> Any:
        addresses = await deferred_from_coro(self.gate.addresses(self.host, self.port, self.source))
        return await connect_to(self.reactor, addresses, self.port, factory, self.seconds, self.bind)


@implementer(IStreamClientEndpoint)
@dataclass(frozen=True)
class ToProxy:
    """A proxy, wherever it stands: the project file names it. Two are equal when their proxies are."""

    proxy: Proxy
    reactor: Any = field(compare=False)
    gate: Gate = field(compare=False)
    verifying: Verifying | None = field(compare=False)
    seconds: float = field(compare=False)
    bind: tuple[str, int] | None = field(compare=False)

    def connect(self, factory: Protocols) -> Deferred[Any]:
        """Connect, with TLS to an https proxy."""
        return Deferred.fromCoroutine(self._connect(factory))

    async def _connect(self, factory: Protocols) -> Any:
        way: Endpoint = _Anywhere(self)
        if self.verifying is not None:
            way = wrapClientTLS(self.verifying, way)  # type: ignore[arg-type]
        try:
            return await way.connect(factory)
        except (ConnectError, CannotResolveHostError) as error:
            raise ProxyTrouble(self.proxy.name, "cannot be connected to") from error


@implementer(IStreamClientEndpoint)
@dataclass(frozen=True)
class _Anywhere:
    way: ToProxy

    def connect(self, factory: Protocols) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._connect(factory))

    async def _connect(self, factory: Protocols) -> Any:
        way = self.way
        addresses = await deferred_from_coro(way.gate.anywhere(way.proxy.host))
        return await connect_to(way.reactor, addresses, way.proxy.port, factory, way.seconds, way.bind)


@implementer(IStreamClientEndpoint)
@dataclass(frozen=True)
class Tunnel:
    """A host through a proxy's tunnel, to the address that was checked unless the proxy looks up names."""

    through: ToProxy
    gate: Gate
    host: str
    port: int
    source: str | None
    proxy: Proxy

    def connect(self, factory: Protocols) -> Deferred[Any]:
        """Judge, connect to the proxy, ask for the tunnel."""
        return Deferred.fromCoroutine(self._connect(factory))

    async def _connect(self, factory: Protocols) -> Any:
        addresses = await deferred_from_coro(self.gate.addresses(self.host, self.port, self.source))
        where = self.host if self.proxy.looks_up_names else str(addresses[0])
        asked = connect_request(where, self.port, self.proxy.authorization)
        opening = _Opening(self.proxy.name, asked, factory)
        await self.through.connect(Factory.forProtocol(lambda: opening))
        return await opening.ready


class _Opening(Protocol):
    """Asks for a tunnel, and once it stands, hands all that comes through it to the protocol that wanted it."""

    def __init__(self, proxy: str, asked: bytes, factory: Protocols) -> None:
        self.ready: Deferred[Any] = Deferred(lambda _: self._end())
        self._proxy, self._asked, self._factory = proxy, asked, factory
        self._answer = bytearray()
        self._inner: Any = None

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        transport: Any = self.transport
        transport.write(self._asked)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        if self._inner is not None:
            self._inner.dataReceived(data)
            return
        self._answer += data
        head, blank, rest = bytes(self._answer).partition(b"\r\n\r\n")
        if not blank and len(self._answer) < ANSWER_BYTES:
            return
        trouble = tunnel_trouble(head) if blank else "answered without an end when a tunnel was asked for"
        if trouble is not None:
            self._fail(trouble)
            return
        self._inner = self._factory.buildProtocol(None)
        self._inner.makeConnection(self.transport)
        self.ready.callback(self._inner)
        if rest:
            self._inner.dataReceived(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 - Twisted's name
        if self._inner is not None:
            self._inner.connectionLost(reason)
        else:
            what = "sent something that is no TLS" if reason.check(SSL.Error) else "closed the connection"
            self._fail(f"{what} when a tunnel was asked for")

    def _fail(self, trouble: str) -> None:
        if not self.ready.called:
            self.ready.errback(Failure(ProxyTrouble(self._proxy, trouble)))
        self._end()

    def _end(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()


async def connect_to(
    reactor: Any,
    addresses: Sequence[Address],
    port: int,
    factory: Protocols,
    seconds: float,
    bind: tuple[str, int] | None,
) -> Any:
    """Connect to the first address that can be connected to; these are addresses, so nothing is looked up here."""
    for left, address in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
        endpoint = TCP4ClientEndpoint if address.version == 4 else TCP6ClientEndpoint
        limit = min(seconds, ENOUGH_FOR_ONE) if left else seconds
        try:
            return await endpoint(reactor, str(address), port, limit, bind).connect(factory)
        except ConnectError:
            if not left:
                raise
    raise AssertionError("the gate gives at least one address")
