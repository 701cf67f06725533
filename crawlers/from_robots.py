"""Begins where robots.txt says: a source that starts at a site is given the sitemaps that the site's robots.txt names.

A kind of source that wants them has `sites` and `of_site`, as `crawlers.kinds.FetchedKind` says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from scrapy.crawler import Crawler

from crawlers.manners.robots import RobotsAndDelay
from crawlers.page import Link
from crawlers.source_run import SourceRun

Begin = Callable[[SourceRun, Sequence[Link]], None]
"""Queues links as start pages of a source."""


async def begin_at_sites(crawler: Crawler, runs: Sequence[SourceRun], begin: Begin) -> None:
    """Begin at the sites of these sources, each as soon as its robots.txt is known, or cannot be had."""
    robots = crawler.get_downloader_middleware(RobotsAndDelay)

    async def begin_at(run: SourceRun, site: str) -> None:
        named = await robots.sitemaps(site) if robots is not None else ()
        begin(run, run.module.of_site(run.source, site, named))

    wanted = [(run, site) for run in runs if hasattr(run.module, "sites") for site in run.module.sites(run.source)]
    await asyncio.gather(*(begin_at(run, site) for run, site in wanted))
