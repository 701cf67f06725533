"""Bringing records into a project: its sources crawled, files imported."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from store.errors import RequestError
from tilth.project import Project
from tilth.project_file import error_at
from tilth.toml_lines import line_of

if TYPE_CHECKING:
    from crawlers.declaration import Declaration
    from crawlers.outcome import CrawlResult
    from crawlers.watch import Look
    from tilth.cli.console import Advance
    from tilth.cli.live_view import Show


class SourceUnknown(RequestError):
    """The project file declares no source of that name."""


class LabelsUnread(RequestError):
    """Labels were asked for out of what holds none."""


@dataclass(frozen=True)
class Crawled:
    """What a crawl came to, as the command line says it."""

    result: "CrawlResult"
    troubles: list[str]

    @property
    def exit_code(self) -> int:
        """2 when a source as it is declared gave no page at all."""
        return self.result.exit_code

    def lines(self) -> list[str]:
        """The figures."""
        found = self.result
        statuses = ", ".join(f"{count} × {status or 'no whole answer'}" for status, count in found.statuses.items())
        lines = [
            f"{_pages(found.pages)} in {found.seconds:.0f} s{f' ({statuses})' if statuses else ''}; "
            f"{_counted(found.records_new, 'new record')}, {found.records_known} already known."
        ]
        if found.unchanged:
            lines.append(f"{_pages(found.unchanged)} did not change since the last crawl and gave no new record.")
        if found.errors:
            kinds = ", ".join(
                f"{count} {kind}" for kind, count in sorted(found.errors.items(), key=lambda one: (-one[1], one[0]))
            )
            lines.append(f"{_pages(sum(found.errors.values()))} could not be had or read whole: {kinds}.")
        if found.disallowed:
            is_, was = ("is", "was") if found.disallowed == 1 else ("are", "were")
            lines.append(f"{_pages(found.disallowed)} {is_} disallowed by robots.txt and {was} not fetched.")
        return lines

    def as_dict(self) -> dict[str, Any]:
        """The figures for programs."""
        return {
            "pages": self.result.pages,
            "statuses": {str(status): count for status, count in self.result.statuses.items()},
            "records_new": self.result.records_new,
            "records_known": self.result.records_known,
            "unchanged": self.result.unchanged,
            "disallowed": self.result.disallowed,
            "errors": dict(self.result.errors),
            "seconds": self.result.seconds,
            "troubles": self.troubles,
        }


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _pages(count: int) -> str:
    return _counted(count, "page")


def declared_sources(project: Project) -> list["Declaration"]:
    """The sources of the project file, checked.

    Raises:
        ProjectFileError: One is declared wrongly; with the line.
    """
    from crawlers.declaration import SourceError
    from crawlers.kinds import read_source

    sources: list[Declaration] = []
    for position, table in enumerate(project.file.source):
        try:
            source = read_source(table, position)
        except SourceError as error:
            raise error_at(project.file_path, error.field, str(error)) from error
        if any(source.name == other.name for other in sources):
            raise error_at(project.file_path, ("source", position, "name"), f'two sources are named "{source.name}".')
        sources.append(source)
    return sources


def crawl_options(project: Project) -> dict[str, Any]:
    """What the project file says of every crawl, as arguments of `crawlers.crawl.crawl`."""
    from crawlers.crawl_spec import Limits, RightsSpec

    settings = project.file.crawl
    limits = Limits(
        concurrency=settings.concurrency,
        per_host=settings.per_host,
        timeout=settings.timeout,
        max_bytes=int(settings.max_mb * 2**20),
        extract_seconds=settings.extract_seconds,
        workers=settings.workers,
    )
    rights = RightsSpec(project.file.rights.tdmrep, project.file.rights.policy.declared)
    contact, proxies = project.file.project.contact, project.file.proxies
    return {"contact": contact, "limits": limits, "rights": rights, "proxies": proxies}


def crawl_sources(project: Project, name: str | None, show: "Show", say: Any, *, restart: bool = False) -> Crawled:
    """Run the source of that name, or all of them; `restart` forgets first what was fetched of them.

    `show` is told some times a second how the crawl is.

    Raises:
        SourceUnknown: No source has that name.
    """
    from crawlers.crawl import crawl

    chosen = _chosen(project, name)
    with project.open_store() as store:
        result = crawl(
            store,
            project.folder,
            chosen,
            **crawl_options(project),
            restart=restart,
            say=say,
            progress=show,
        )
    return with_lines(project, result)


def watch_feeds(project: Project, name: str | None) -> Iterator["Look"]:
    """Look at the feed of that name, or at all of them, again and again, and give what each look brought.

    Raises:
        NothingToWatch: There is no feed, or `name` names a source of another kind.
        SourceUnknown: No source has that name.
    """
    from crawlers.crawl import crawl
    from crawlers.kinds import feed
    from crawlers.watch import NothingToWatch, Watch, wanted_wait

    chosen = _chosen(project, name)
    feeds = [source for source in chosen if isinstance(source, feed.Source)]
    if name is not None and not feeds:
        raise NothingToWatch(f'source "{name}" is no feed, and only feeds are watched; run: tilth crawl {name}')

    def look(due: Sequence[feed.Source]) -> "CrawlResult":
        with project.open_store() as store:
            return crawl(store, project.folder, due, **crawl_options(project))

    def waits(source: feed.Source) -> float | None:
        with project.open_store() as store:
            return wanted_wait(store, project.folder, source)

    yield from Watch(feeds, look, waits).looks()


def _chosen(project: Project, name: str | None) -> list["Declaration"]:
    sources = declared_sources(project)
    chosen = [source for source in sources if name in (None, source.name)]
    if name is not None and not chosen:
        known = ", ".join(source.name for source in sources) or "none"
        raise SourceUnknown(f'{project.file_path.name}: there is no source "{name}"; declared are: {known}.')
    return chosen


def with_lines(project: Project, result: "CrawlResult") -> Crawled:
    """A crawl's result whose troubles name the lines of the project file."""
    return Crawled(
        result, [_with_line(project, trouble.source, trouble.field, trouble.message) for trouble in result.troubles]
    )


def _with_line(project: Project, source: str, field: tuple[str | int, ...], message: str) -> str:
    position = next((i for i, table in enumerate(project.file.source) if table.get("name") == source), None)
    if position is None:
        return message
    line = line_of(project.file_path.read_text(encoding="utf-8"), ("source", position, *field))
    return f"{project.file_path.name}:{line}: {message}" if line else message


def import_records(
    project: Project,
    place: str,
    *,
    text: str,
    label: str | None,
    key: str | None,
    split: str | None,
    annotator: str | None,
    name: str | None,
    query: str | None,
    advance: "Advance",
) -> Iterator[str]:
    """Bring in what is at a place, whole or not at all, and say what came of it; the arguments name its columns.

    Raises:
        LabelsUnread: A column of labels, splits or annotators was named, and the place is no file of rows.
    """
    from crawlers.files import import_file
    from crawlers.import_place import import_source, source_at
    from labeling.resolve import resolve_labels

    found_source = source_at(place, name=name, text=text, key=key, query=query)
    if found_source is not None:
        if label or split or annotator:
            raise LabelsUnread(
                "Labels, splits and annotators are read out of CSV, TSV, JSON Lines and Parquet files alone; save them "
                "as one of these, or leave --label, --split and --annotator out."
            )
        with project.open_store() as store:
            read = import_source(store, project.folder, found_source)
        yield f"{read.new + read.known} records: {read.new} new, {read.known} known."
        yield from (said for _, said in read.gave_none())
        return
    with project.open_store() as store:
        found = import_file(
            store,
            Path(place),
            project.schema,
            text_column=text,
            label_column=label,
            id_column=key,
            split_column=split,
            annotator_column=annotator,
            source_name=name,
            progress=advance,
        )
        yield f"{found.rows} rows: {found.new} new records, {found.known} known; {found.labels} labels."
        if found.labels:
            resolve_labels(store, project.schema)
