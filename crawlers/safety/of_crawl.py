"""The gate and the egress of a crawl, one of each, made when first asked for."""

from __future__ import annotations

import asyncio
from typing import Any

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.settings import BaseSettings

from crawlers.safety.egress import Egress, Limits
from crawlers.safety.gate import Gate, named_hosts

STRANGER = "safety_stranger"
"""A key of `Request.meta`: the request is for no source, and may go to no host that only a source names."""


def gate_of(crawler: Crawler) -> Gate:
    """The crawl's gate, which knows the hosts that each of the spider's sources names."""
    gate: Gate | None = getattr(crawler, "gate", None)
    if gate is None:
        runs: dict[str, Any] = getattr(crawler.spider, "runs", {})
        gate = Gate({name: named_hosts(_starts(run), run.source.hosts) for name, run in runs.items()})
        crawler.gate = gate  # type: ignore[attr-defined]
        crawler.signals.connect(gate.close, signals.engine_stopped, weak=False)
    return gate


async def egress_of(crawler: Crawler) -> Egress:
    """The crawl's egress, which listens from now on; it is closed with the crawl."""
    making: asyncio.Task[Egress] | None = getattr(crawler, "egress_task", None)
    if making is None:
        making = asyncio.ensure_future(_started(crawler))
        crawler.egress_task = making  # type: ignore[attr-defined]
    return await asyncio.shield(making)


def source_of(request: Request) -> str | None:
    """Whose request it is; None for what the crawl asks on its own account, such as robots.txt."""
    return "" if request.meta.get(STRANGER) else request.meta.get("source")


async def _started(crawler: Crawler) -> Egress:
    egress = Egress(gate_of(crawler), limits_of(crawler.settings))
    await egress.start()
    crawler.signals.connect(egress.close, signals.engine_stopped, weak=False)
    return egress


def limits_of(settings: BaseSettings) -> Limits:
    """What a page may take through the egress: as long and as much as over HTTP."""
    most = settings.getint("DOWNLOAD_MAXSIZE") or Limits.body_bytes
    seconds = settings.getfloat("DOWNLOAD_TIMEOUT")
    return Limits(
        body_bytes=most,
        connect_seconds=max(Limits.connect_seconds, seconds / 2),  # so that the page still hears of it
        idle_seconds=max(Limits.idle_seconds, seconds),
        total_seconds=max(Limits.total_seconds, 2 * seconds),
    )


def _starts(run: Any) -> list[str]:
    return [*run.source.start, *(link.url for link in run.module.start(run.source))]
