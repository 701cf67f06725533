"""`warc`: records out of pages that were kept in WARC files, our own or anybody's; nothing is fetched."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, field_validator, model_validator

from crawlers.declaration import Regexes, SourceError, Strings
from crawlers.import_error import ImportRefused
from crawlers.page import Extraction, FetchedPage, FoundRecord
from crawlers.page_records import PageRecords
from crawlers.reading.batches import NO_TEXT, Batch, NoRecord, in_batches

if TYPE_CHECKING:
    from crawlers.extraction.warc_pages import WarcReading

__all__ = ["Source", "batches", "read"]

SAID = 5


class PagesUnread(ImportRefused):
    """Some pages of WARC files, or what lies behind a damage of a file, could not be read; all others were."""


class Source(PageRecords):
    """WARC files, as the project file declares them.

    Attributes:
        files: Files, folders and patterns such as `archive/*.warc.gz`, relative to the project's folder.
        from_source: Instead of files: the name of a source whose pages this project keeps in `warc/`.
        allow: Regexes, searched in a page's URL: one must match.
        deny: Regexes, searched in a page's URL: none may match.
        workers: How many processes read pages; as many as there are processors unless given.
        extract_seconds: A page that takes longer to read is left out.
    """

    kind: Literal["warc"] = "warc"
    files: Strings = ()
    from_source: str | None = None
    allow: Regexes = ()
    deny: Regexes = ()
    workers: int | None = Field(default=None, ge=1)
    extract_seconds: float = Field(default=10.0, gt=0, strict=False)

    @field_validator("files")
    @classmethod
    def _paths(cls, files: tuple[str, ...]) -> tuple[str, ...]:
        for place, path in enumerate(files):
            if not path.strip() or "\0" in path:
                raise SourceError(("files", place), f"path {path!r} names no file.")
        return files

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.files) == (self.from_source is not None):
            raise SourceError(
                ("files",), 'a warc source needs either files = ["archive/*.warc.gz"] or from_source = "NAME".'
            )
        if "image" in self.fields:
            raise SourceError(
                ("fields", "image"), "images are fetched by a crawl; they are not read out of WARC files."
            )
        return self


def read(source: Source, page: FetchedPage) -> Extraction:
    """The records of a page; what its answer said about its use goes with each, for it is no page of the project."""
    from crawlers.extraction.read_page import read_page
    from crawlers.rights.evidence import page_rights

    found = read_page(source, page)
    rights = page_rights(page.final_url, robots=None, headers=page.headers, markup=found.rights)
    if not rights["items"]:
        return found
    return replace(
        found, records=tuple(replace(one, metadata={**one.metadata, "rights": rights}) for one in found.records)
    )


def batches(source: Source, project_folder: Path) -> Iterator[Batch]:
    """The records of all pages, file by file in the order of their names, some thousands at a time.

    Raises:
        NoFiles: There is no such file.
        PagesUnread: A file breaks off, or pages could not be read; raised after all records that there are were given.
    """
    from crawlers.extraction.warc_pages import WarcReading

    readings = [WarcReading(path) for path in _paths_of(source, project_folder)]
    unread: Counter[str] = Counter()
    yield from in_batches(_records(source, readings, unread))
    troubles = [reading.trouble for reading in readings if reading.trouble]
    troubles += [f"{count} {'page' if count == 1 else 'pages'}: {why}." for why, count in unread.most_common()]
    if troubles:
        more = f" (and {len(troubles) - SAID} more)" if len(troubles) > SAID else ""
        raise PagesUnread(" ".join(troubles[:SAID]) + more)


def _records(source: Source, readings: list[WarcReading], unread: Counter[str]) -> Iterator[FoundRecord | NoRecord]:
    """The records; why pages could not be read is counted in `unread`."""
    from crawlers.extraction.warc_pages import warc_pages
    from crawlers.extraction.workers import PageReader

    allow, deny = ([re.compile(one) for one in patterns] for patterns in (source.allow, source.deny))
    pages = (
        (page.url, page)
        for reading in readings
        for page in warc_pages(reading)
        if (not allow or any(one.search(page.url) for one in allow)) and not any(one.search(page.url) for one in deny)
    )
    with PageReader(source.workers, source.extract_seconds) as reader:
        for url, extraction in reader.read_all(source, pages):
            if extraction.error and extraction.error.startswith("extract: "):
                unread[extraction.error.removeprefix("extract: ")] += 1
            yield from (replace(record, url=record.url or url) for record in extraction.records)
            yield from [NO_TEXT] * extraction.empty


def _paths_of(source: Source, project_folder: Path) -> list[Path]:
    from crawlers.reading.file_records import NoFiles, files_of

    if source.from_source is None:
        return list(files_of(source.files, project_folder))
    own = re.compile(re.escape(source.from_source) + r"-\d{20}-\d+\.warc\.gz")
    found = sorted(path for path in (project_folder / "warc").glob("*.warc.gz") if own.fullmatch(path.name))
    if not found:
        raise NoFiles(f'There are no pages of "{source.from_source}" in {project_folder / "warc"}; crawl it first.')
    return found
