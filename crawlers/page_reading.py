"""From an answer to what became of its page: read anew, unchanged, or an error."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from crawlers.browser.both_ways import better_way
from crawlers.browser.choice import Choices
from crawlers.extraction.whole_characters import whole
from crawlers.extraction.workers import PageReader
from crawlers.frontier.queue import Fetched
from crawlers.media import write_media
from crawlers.page import Extraction, FetchedPage
from crawlers.page_row import PageEnd, fetched_page
from crawlers.source_run import IMAGE, SourceRun
from crawlers.warc import read_answer

SMALL = 64 * 2**10
"""Bytes. A page up to this whose records nobody wants now is read here: that takes less than the way to a reader and
back, and whatever its markup, less time than anybody would notice."""


class PageReading:
    """Has answers read.

    Args:
        folder: The project's, with `warc/` and `media/`.
        reader: Reads pages in processes of their own.
        choices: What is known of the pages of sources with `render = "auto"`.
    """

    def __init__(self, folder: Path, reader: PageReader, choices: Choices) -> None:
        self._folder = folder
        self._reader = reader
        self._choices = choices

    async def read(self, crawler: Crawler, run: SourceRun, request: Request, response: Response) -> PageEnd:
        """What became of a page that was answered.

        Raises:
            OSError: An image or an earlier answer could not be written or read.
        """
        known: Fetched = request.meta["known"]
        page = fetched_page(request, response)
        same_reading = known.source_id == run.source_id and known.gave_records is not None
        if page.status == 304 and known.warc_file is not None:
            if same_reading:
                return PageEnd(unchanged="validator")
            page = self._from_warc(known, page)
        elif not 200 <= page.status < 300:
            return PageEnd(f"status: the server answered {page.status}", page=page)
        elif same_reading and hashlib.sha256(page.body).hexdigest() == known.body_hash:
            return PageEnd(unchanged="body", page=page)
        extraction = await self._extraction(run, page)
        if request.meta.get("render", "browser") != "browser":
            page, extraction = await better_way(
                crawler, self._choices, run.source, request, page, extraction, self._reader.read
            )
        error = extraction.error or request.meta.get("browser_notes", {}).get("waiting")
        if not run.source.extract:
            extraction = dataclasses.replace(extraction, records=(), text_hash=None)
        unchanged = None
        if same_reading and error is None and extraction.text_hash and extraction.text_hash == known.text_hash:
            unchanged, extraction = "text", dataclasses.replace(extraction, records=())
        if page.role == IMAGE:
            write_media(self._folder, extraction.records, page.body)
        return PageEnd(error, unchanged, page, extraction)

    def has_copy(self, run: SourceRun, known: Fetched) -> bool:
        """Whether an answer that says only that nothing changed would do."""
        if known.warc_file is None or known.gave_records is None:
            return False
        return known.source_id == run.source_id or (self._folder / known.warc_file).is_file()

    async def _extraction(self, run: SourceRun, page: FetchedPage) -> Extraction:
        if run.source.extract or len(page.body) > SMALL:
            return await self._reader.read(run.source, page)
        found: Extraction = run.module.read(run.source, page)
        return whole(found)

    def _from_warc(self, known: Fetched, page: FetchedPage) -> FetchedPage:
        assert known.warc_file is not None and known.warc_offset is not None
        headers, body = read_answer(self._folder / known.warc_file, known.warc_offset)
        return dataclasses.replace(page, headers=headers, body=body)
