"""Connecting to where the gate lets a request go, straight or through a proxy, as asyncio streams."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from crawlers.page_error import ProxyTrouble
from crawlers.proxies.proxy import Proxy
from crawlers.safety.addresses import Address
from crawlers.safety.gate import Gate
from crawlers.safety.tunnel import ANSWER_BYTES, connect_request, tunnel_trouble

ENOUGH_FOR_ONE = 5.0
"""Seconds for an address that has others after it."""


@dataclass(frozen=True)
class Streams:
    """Both ends of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


async def dial(
    gate: Gate, host: str, port: int, source: str | None, proxy: Proxy | None, *, tunnel: bool, seconds: float
) -> Streams:
    """Connect to `host:port` for `source`; with a proxy, to the proxy, and through it where a `tunnel` is wanted.

    Raises:
        UnsafeAddress: The host is at no address that the source may reach.
        CannotResolveHostError: Its name is not known.
        ProxyTrouble: The proxy did not do its part.
        OSError, TimeoutError: The host cannot be connected to.
    """
    addresses = await gate.addresses(host, port, source)
    if proxy is None:
        return await _any_of(addresses, port, seconds)
    try:
        streams = await _to_proxy(gate, proxy, seconds)
    except (OSError, TimeoutError) as error:
        raise ProxyTrouble(proxy.name, _why_not(error)) from error
    if not tunnel:
        return streams
    where = host if proxy.looks_up_names else str(addresses[0])
    try:
        async with asyncio.timeout(seconds):
            streams.writer.write(connect_request(where, port, proxy.authorization))
            answer = await streams.reader.readuntil(b"\r\n\r\n")
    except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError) as error:
        streams.writer.transport.abort()
        raise ProxyTrouble(proxy.name, "did not answer when a tunnel was asked for") from error
    trouble = tunnel_trouble(answer[:ANSWER_BYTES])
    if trouble:
        streams.writer.transport.abort()
        raise ProxyTrouble(proxy.name, trouble)
    return streams


def _why_not(error: OSError | TimeoutError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that could not be verified ({error.verify_message})"
    return "sent something that is no TLS" if isinstance(error, ssl.SSLError) else "cannot be connected to"


async def _to_proxy(gate: Gate, proxy: Proxy, seconds: float) -> Streams:
    # The project file names its proxies, so they may stand anywhere.
    addresses = await gate.anywhere(proxy.host)
    secure = ssl.create_default_context() if proxy.scheme == "https" else None
    return await _any_of(addresses, proxy.port, seconds, secure, proxy.host if secure else None)


async def _any_of(
    addresses: Iterable[Address],
    port: int,
    seconds: float,
    secure: ssl.SSLContext | None = None,
    name: str | None = None,
) -> Streams:
    """The first of the addresses that can be connected to."""
    left = list(addresses)
    while True:
        address = left.pop(0)
        try:
            async with asyncio.timeout(min(seconds, ENOUGH_FOR_ONE) if left else seconds):
                opened = await asyncio.open_connection(str(address), port, ssl=secure, server_hostname=name)
                return Streams(*opened)
        except (OSError, TimeoutError):
            if not left:
                raise
