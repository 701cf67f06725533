"""Requests of a spider that knows nothing of tilth: the whole of each is kept, as Scrapy's own queues on disk do."""

from __future__ import annotations

import os
import pickle
import sqlite3
from typing import TYPE_CHECKING

from scrapy import Request, Spider
from scrapy.utils.request import request_from_dict

from crawlers.frontier.queue import Wanted
from crawlers.scope import host_of

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


def kept(request: Request, spider: Spider, crawler: Crawler) -> Wanted:
    """A request for the queue; one with `dont_filter` is a new one each time."""
    prints = crawler.request_fingerprinter
    assert prints is not None
    return Wanted(
        spider.name,
        request.url,
        host_of(request.url),
        priority=request.priority,
        depth=request.meta.get("depth", 0),
        request=pickle.dumps(request.to_dict(spider=spider)),
        fingerprint=os.urandom(16) if request.dont_filter else prints.fingerprint(request)[:16],
    )


def taken(row: sqlite3.Row, spider: Spider) -> Request:
    """The request of a row."""
    request = request_from_dict(pickle.loads(row["request"]), spider=spider)
    request.meta["tries"] = row["tries"]
    return request
