"""Scrapy's HTTP/1.1 download handler, which connects to no address but those that the gate let through.

Every request comes by here, redirects, retries and robots.txt too. Reading of answers stays Scrapy's: its body cap
counts as the bytes come, and its time limit is one for the whole exchange, which no drip can stretch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from OpenSSL import SSL
from scrapy import Request
from scrapy.core.downloader.handlers.http11 import (
    HTTP11DownloadHandler,
    _LenientHTTP11ClientProtocol,
    _LenientHTTPClientParser,
    _ScrapyAgent,
)
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadConnectionRefusedError, DownloadFailedError, DownloadTimeoutError
from scrapy.http import Response
from scrapy.utils._download_handlers import normalize_bind_address, wrap_twisted_exceptions
from scrapy.utils.defer import deferred_from_coro, deferred_to_future, maybe_deferred_to_future
from scrapy.utils.httpobj import urlparse_cached
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure
from twisted.web._newclient import (
    BadHeaders,
    ParseError,
    RequestNotSent,
    RequestTransmissionFailed,
    ResponseNeverReceived,
)
from twisted.web.client import URI, Agent, HTTPConnectionPool, ProxyAgent, _HTTP11ClientFactory
from twisted.web.http_headers import Headers

from crawlers.page_error import KeptConnectionBroke, ProxyTrouble, UntrustedServer
from crawlers.proxies.proxy import Proxy
from crawlers.safety.endpoints import Ways
from crawlers.safety.gate import Gate
from crawlers.safety.of_crawl import gate_of, source_of

HEADER_BYTES = 256 * 1024
"""Of one answer, all lines before its body together."""
CLOSE_SECONDS = 1.0
REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS"})


class TooManyHeaders(Exception):
    """An answer's headers have no end."""


class SafeDownloadHandler(HTTP11DownloadHandler):
    """For Scrapy's handlers of `http` and `https`; a request's source is `meta["source"]`.

    A request with `meta["proxy"]`, the name of a proxy of `crawler.proxies`, leaves through that one.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._gate = gate_of(crawler)
        # One pool a source: what one may reach because it names it is no connection for another.
        self._pools: dict[tuple[str | None, Proxy | None], HTTPConnectionPool] = {}

    async def download_request(self, request: Request) -> Response:
        """Fetch it.

        Raises:
            UnsafeAddress: The host is at no address that the request's source may reach.
            UntrustedServer: The server cannot prove who it is.
            ProxyTrouble: The proxy did not do its part.
            KeptConnectionBroke: The server had ended a connection that was kept; another try makes a new one.
        """
        source, proxy = source_of(request), self._proxy(request)
        agent = _CheckedAgent(
            gate=self._gate,
            source=source,
            proxy=proxy,
            contextFactory=self._contextFactory,
            bindAddress=self._bind_address,
            pool=self._pool_of(source, proxy),
            maxsize=self._default_maxsize,
            warnsize=self._default_warnsize,
            fail_on_dataloss=self._fail_on_dataloss,
            crawler=self._crawler,
            tls_verbose_logging=self._tls_verbose_logging,
        )
        try:
            with wrap_twisted_exceptions():
                response: Response = await maybe_deferred_to_future(agent.download_request(request))
        except KeptConnectionBroke:
            raise
        except ProxyTrouble as error:
            raise _of_proxys_certificate(agent) or error from error
        except (DownloadFailedError, DownloadConnectionRefusedError, DownloadTimeoutError) as error:
            raise _plainly(error, request, agent) from error
        if proxy is not None and agent.is_forwarded and response.status == 407:
            raise ProxyTrouble(proxy.name, "refused the credentials (407)")
        return response

    async def close(self) -> None:
        """Close the connections that are kept for further requests."""
        await super().close()
        closing = DeferredList([pool.closeCachedConnections() for pool in self._pools.values()])
        with suppress(TimeoutError):
            await asyncio.wait_for(deferred_to_future(closing), CLOSE_SECONDS)

    def _proxy(self, request: Request) -> Proxy | None:
        name = request.meta.get("proxy")
        if name is None:
            return None
        proxy: Proxy | None = getattr(self._crawler, "proxies", {}).get(name)
        if proxy is None:
            raise ProxyTrouble(name.rpartition("@")[2], "is not one of the project's")
        return proxy

    def _pool_of(self, source: str | None, proxy: Proxy | None) -> HTTPConnectionPool:
        key = (source, proxy)
        if key not in self._pools:
            from twisted.internet import reactor

            pool = HTTPConnectionPool(reactor, persistent=True)
            pool.maxPersistentPerHost = self._pool.maxPersistentPerHost
            # By itself it would send a request once more, which takes no turn of its host.
            pool.retryAutomatically = False
            pool._factory = _BoundedFactory
            self._pools[key] = pool
        return self._pools[key]


class _CheckedAgent(_ScrapyAgent):
    """Scrapy's exchange over connections of ours."""

    def __init__(self, *, gate: Gate, source: str | None, proxy: Proxy | None, **rest: Any) -> None:
        super().__init__(**rest)
        self.proxy = proxy
        self.ways: Ways | None = None
        self.is_forwarded = False
        self._gate, self._source = gate, source

    def _get_agent(self, request: Request, timeout: float) -> Any:
        from twisted.internet import reactor

        bind = normalize_bind_address(request.meta.get("bindaddress") or self._bindAddress)
        self.ways = ways = Ways(
            reactor, self._gate, self._source, self.proxy, self._contextFactory, seconds=timeout, bind=bind
        )
        plain = urlparse_cached(request).scheme == "http"
        self.is_forwarded = plain and self.proxy is not None and self.proxy.looks_up_names
        if self.is_forwarded:
            return _ForwardingAgent(ways, reactor, self._pool)
        agent: Agent = Agent.usingEndpointFactory(reactor, ways, self._pool)  # type: ignore[no-untyped-call]
        return agent


class _ForwardingAgent(ProxyAgent):
    """Asks a proxy by absolute URL; the password is in what is sent, and in no request that others see."""

    def __init__(self, ways: Ways, reactor: Any, pool: HTTPConnectionPool | None) -> None:
        way = ways.to_proxy()
        super().__init__(way, reactor, pool)  # type: ignore[no-untyped-call]
        self._ways, self._authorization = ways, way.proxy.authorization

    def request(self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: Any = None) -> Any:
        return Deferred.fromCoroutine(self._request(method, uri, headers, bodyProducer))

    async def _request(self, method: bytes, uri: bytes, headers: Headers | None, body: Any) -> Any:
        await deferred_from_coro(self._ways.judge(URI.fromBytes(uri)))
        signed = headers.copy() if headers is not None else Headers()
        if self._authorization is not None:
            signed.setRawHeaders("Proxy-Authorization", [self._authorization])
        return await super().request(method, uri, signed, body)


class _BoundedParser(_LenientHTTPClientParser):
    """Counts the bytes before a body; those of a 100 Continue too, so that an endless row of these ends."""

    _taken = 0

    def lineReceived(self, line: bytes) -> None:  # noqa: N802 - Twisted's name
        self._taken += len(line) + 2
        if self._taken > HEADER_BYTES:
            raise TooManyHeaders
        super().lineReceived(line)


class _BoundedProtocol(_LenientHTTP11ClientProtocol):
    _was_used = False

    def request(self, request: Any) -> Deferred[Any]:
        answer = super().request(request)
        if self._parser is not None:
            self._parser.__class__ = _BoundedParser
        if self._was_used and request.method in REPEATABLE and request.bodyProducer is None:
            answer.addErrback(_of_kept_connection)
        self._was_used = True
        return answer


def _of_kept_connection(failure: Failure) -> Failure:
    error = failure.value
    if not isinstance(error, RequestNotSent | RequestTransmissionFailed | ResponseNeverReceived):
        return failure
    if any(isinstance(each, Failure) and each.check(CancelledError) for each in getattr(error, "reasons", ())):
        return failure
    return Failure(KeptConnectionBroke("the server ended a kept connection when a request was sent on it"))


class _BoundedFactory(_HTTP11ClientFactory):
    noisy = False

    def buildProtocol(self, _: IAddress | None) -> _BoundedProtocol:  # noqa: N802 - Twisted's name
        return _BoundedProtocol(self._quiescentCallback)  # type: ignore[no-untyped-call]


def _plainly(error: Exception, request: Request, agent: _CheckedAgent) -> Exception:
    """What made an exchange fail, where Twisted wraps the reason more than once; of a proxy, with its name."""
    host, proxy = urlparse_cached(request).netloc.rpartition("@")[2], agent.proxy
    verifying = agent.ways.verifying if agent.ways else None
    if verifying is not None and verifying.trouble is not None:
        said = f"the certificate of {host} {verifying.trouble}"
        return UntrustedServer(said) if proxy is None else of_certificate(proxy, said)
    reasons = list(_reasons(error))
    if any(isinstance(reason, TooManyHeaders) for reason in reasons):
        return DownloadFailedError(f"the headers of the answer are over {HEADER_BYTES:,} bytes")
    spoken = next((reason for reason in reasons if isinstance(reason, SSL.Error)), None)
    if proxy is not None:
        what = "sent something that is no TLS" if spoken else "gave no whole answer"
        return _of_proxys_certificate(agent) or ProxyTrouble(proxy.name, f"{what} when {host} was asked through it")
    if spoken is not None:
        return UntrustedServer(f"{host} speaks no TLS that can be agreed on ({_of_openssl(spoken)})")
    if reasons[1:] and not isinstance(error, DownloadTimeoutError | DownloadConnectionRefusedError):
        return DownloadFailedError(_of_twisted(reasons[-1]))
    return error


def _of_twisted(error: BaseException) -> str:
    if isinstance(error, ParseError | BadHeaders):
        return "what the server answered is no HTTP"
    if isinstance(error, ConnectionDone | ConnectionLost | ConnectionAborted):
        return "the server ended the connection without a whole answer"
    return str(error) or type(error).__name__


def of_certificate(proxy: Proxy, said: str) -> ProxyTrouble:
    """That a server asked through a proxy cannot prove who it is, or that the proxy answers in its place."""
    return ProxyTrouble(proxy.name, f"leads to a server that cannot prove who it is: {said}", perhaps_the_hosts=True)


def _of_proxys_certificate(agent: _CheckedAgent) -> ProxyTrouble | None:
    verifying = agent.ways.of_proxy if agent.ways else None
    if agent.proxy is None or verifying is None or verifying.trouble is None:
        return None
    return ProxyTrouble(agent.proxy.name, f"has a certificate that {verifying.trouble}")


def _reasons(error: BaseException) -> Iterator[BaseException]:
    """The exceptions inside an exception, to any depth, the outermost first."""
    yield error
    inner = [each.value for each in getattr(error, "reasons", ()) if isinstance(each, Failure)]
    cause = [error.__cause__] if error.__cause__ is not None else []
    for each in (*inner, *cause):
        if each is not None:
            yield from _reasons(each)


def _of_openssl(error: SSL.Error) -> str:
    stack = error.args[0] if error.args else ()
    return str(stack[-1][-1]) if stack else "no reason given"
