"""A row of the frontier as a request of Scrapy's."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from typing import TYPE_CHECKING, Any

from scrapy import Request

from crawlers.browser.page import browser_meta, session_meta
from crawlers.frontier.queue import Fetched
from crawlers.source_run import SourceRun

if TYPE_CHECKING:
    from crawlers.spider import CrawlSpider


def page_request(spider: CrawlSpider, run: SourceRun, row: sqlite3.Row) -> Request:
    """The request, over HTTP or by the browser; where the last answer is kept, only for what changed since."""
    known = Fetched(**{field.name: row[field.name] for field in dataclasses.fields(Fetched)})
    meta: dict[str, Any] = {
        "source": run.name,
        "role": row["role"],
        "about": json.loads(row["about"]) if row["about"] else {},
        "asked": row["url"],
        "depth": row["depth"],
        "tries": row["tries"],
        "known": known,
        "rights": {},
    }
    render = run.source.render if row["role"] == "page" else "http"
    if render == "auto":
        render = meta["render"] = spider.choices.choose(run.name, row["url"])
    meta |= browser_meta(run.source) if render == "browser" else session_meta(run.source)
    headers = _if_changed(known) if render != "browser" and spider.reading.has_copy(run, known) else {}
    return Request(row["url"], callback=spider.parse, errback=spider.failed, meta=meta, headers=headers)


def _if_changed(known: Fetched) -> dict[str, str]:
    validators = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
    return {name: value for name, value in validators.items() if value}
