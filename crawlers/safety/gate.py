"""The gate that every request passes: a host's name is looked up once, its addresses are judged, and these are used.

Nothing is looked up a second time between the judgement and the connection, so an answer that changes (DNS rebinding)
changes nothing.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from urllib.parse import urlsplit

from scrapy.exceptions import CannotResolveHostError

from crawlers.page_error import UnsafeAddress
from crawlers.safety.addresses import METADATA, Address, why_not

Named = frozenset[tuple[str, int]]
"""The hosts, each with its port, that a source may reach wherever they are."""

Lookup = Callable[[str], Awaitable[tuple[Address, ...]]]
"""Gives the addresses of a name in the order of preference; raises `OSError` when there are none."""

PORTS = {"http": 80, "https": 443}
LOOKUP_SECONDS = 20.0
KEPT_SECONDS = 60.0
MOST_KEPT = 10_000
MOST_ADDRESSES = 8
"""A name may have hundreds; a request tries no more than these."""


def named_hosts(urls: Iterable[str], hosts: Iterable[str] = ()) -> Named:
    """The hosts that a source names: of its start URLs, and of its `hosts`, which without a port mean 80 and 443."""
    named: set[tuple[str, int]] = set()
    for url in urls:
        parts = urlsplit(url)
        if parts.hostname and parts.scheme in PORTS:
            named.add((parts.hostname, parts.port or PORTS[parts.scheme]))
    for host in hosts:
        parts = urlsplit(f"//{host}")
        if parts.hostname:
            named |= {(parts.hostname, port) for port in ([parts.port] if parts.port else PORTS.values())}
    return frozenset(named)


class SystemLookup:
    """Asks the machine's own resolver, in threads: it knows `/etc/hosts` and every old way to write an address."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="lookup")

    async def __call__(self, host: str) -> tuple[Address, ...]:
        """The addresses of a name."""
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(self._threads, _getaddrinfo, host)
        return tuple(dict.fromkeys(ip_address(str(row[4][0])) for row in rows))

    def close(self) -> None:
        """Let the threads go, without waiting for a resolver that does not answer."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Gate:
    """Says of a host and port which addresses a source's request may go to.

    A host that the source names may be anywhere: a literal address as it is written, a name where its first answer of
    this crawl was. So a named host of the open Internet cannot turn to the inside later, and no name leads to a link
    or a cloud's metadata.

    Attributes:
        named: By source.
    """

    def __init__(
        self,
        named: Mapping[str, Named],
        lookup: Lookup | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.named = dict(named)
        self._named_by_any: Named = frozenset().union(*self.named.values())
        self._lookup: Lookup = lookup or SystemLookup()
        self._clock = clock
        self._kept: dict[str, tuple[float, tuple[Address, ...]]] = {}
        self._asking: dict[str, asyncio.Task[tuple[Address, ...]]] = {}
        self._first: dict[tuple[str, int], frozenset[Address]] = {}

    async def addresses(self, host: str, port: int, source: str | None) -> tuple[Address, ...]:
        """Where a request of `source` to the host may connect to: at least one address, at most `MOST_ADDRESSES`.

        Without a source it is what the crawl asks on its own account, once a request of some source has passed: then
        the hosts are named that any source names.

        Raises:
            UnsafeAddress: None of the host's addresses is global, and the source does not name it.
            CannotResolveHostError: The host's name is not known.
        """
        host = _plain(host)
        of_source = self._named_by_any if source is None else self.named.get(source, frozenset())
        is_named = (host, port) in of_source
        literal = _literal(host)
        if literal is not None:
            found: tuple[Address, ...] = (literal,)
            allowed = frozenset(found) if is_named else frozenset()
        else:
            found = await self._addresses_of(host)
            allowed = self._first_answer(host, port, found) if is_named else frozenset()
        reasons = {address: why_not(address) for address in found}
        good = tuple(address for address, reason in reasons.items() if reason is None or address in allowed)
        if not good:
            address, reason = next(iter(reasons.items()))
            raise UnsafeAddress(_refusal(host, port, address, reason or "unknown"))
        return good[:MOST_ADDRESSES]

    async def anywhere(self, host: str) -> tuple[Address, ...]:
        """All addresses of a host that the project file itself names, such as a proxy.

        Raises:
            CannotResolveHostError: Its name is not known.
        """
        literal = _literal(_plain(host))
        return (literal,) if literal is not None else (await self._addresses_of(_plain(host)))[:MOST_ADDRESSES]

    async def why_not(self, url: str, source: str | None) -> str | None:
        """Why no request of `source` may go to the URL; None when it may. A name that is not known is no danger."""
        try:
            parts = urlsplit(url)
            if parts.scheme not in PORTS or not parts.hostname:
                return "it is no http or https URL"
            await self.addresses(parts.hostname, parts.port or PORTS[parts.scheme], source)
        except UnsafeAddress as refusal:
            return str(refusal)
        except CannotResolveHostError:
            return None
        except ValueError:
            return "its host cannot be read"
        return None

    def close(self) -> None:
        """End what looks names up."""
        if isinstance(self._lookup, SystemLookup):
            self._lookup.close()

    def _first_answer(self, host: str, port: int, found: tuple[Address, ...]) -> frozenset[Address]:
        inside = frozenset(
            address for address in found if why_not(address) and not address.is_link_local and address not in METADATA
        )
        return self._first.setdefault((host, port), inside)

    async def _addresses_of(self, host: str) -> tuple[Address, ...]:
        at, kept = self._kept.get(host, (0.0, ()))
        if kept and self._clock() - at < KEPT_SECONDS:
            return kept
        if host not in self._asking:
            task = asyncio.ensure_future(self._ask(host))
            self._asking[host] = task
            task.add_done_callback(lambda _: self._asking.pop(host, None))
        # One look-up serves all who wait for it, so none of them may cancel it for the others.
        return await asyncio.shield(self._asking[host])

    async def _ask(self, host: str) -> tuple[Address, ...]:
        try:
            found = await asyncio.wait_for(self._lookup(host), LOOKUP_SECONDS)
        except TimeoutError as error:
            raise CannotResolveHostError(f"no answer about the name {host} within {LOOKUP_SECONDS:g} s") from error
        except (OSError, UnicodeError) as error:
            raise CannotResolveHostError(f"the name {host} is not known") from error
        if not found:
            raise CannotResolveHostError(f"the name {host} has no address")
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[host] = (self._clock(), found)
        return found


def _getaddrinfo(host: str) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str | int, ...]]]:
    return list(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))  # type: ignore[arg-type]


def _plain(host: str) -> str:
    host = host.strip("[]").lower()
    if not host or ("%" in host and ":" not in host) or any(ord(letter) <= 32 for letter in host):
        raise CannotResolveHostError(f"{host!r} is no host's name")
    return host


def _literal(host: str) -> Address | None:
    """The address that a host is when it is written in the usual way; every other way goes through the resolver."""
    try:
        return ip_address(host.replace("%25", "%", 1) if ":" in host else host)
    except ValueError:
        return None


def _refusal(host: str, port: int, address: Address, reason: str) -> str:
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    where = f"{shown} is" if str(address) == host else f"{shown} is at {address}, which is"
    return f'{where} {reason}; if it belongs to the source, add hosts = ["{shown}"] to it'
