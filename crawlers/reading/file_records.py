"""The records of files: rows of tables, whole texts, images."""

import glob
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawlers.file_rows import TABLES, file_rows
from crawlers.import_error import (
    BadRow,
    CellTooLarge,
    EmptyFile,
    ImportRefused,
    MissingColumn,
    NotUtf8,
    UnreadableFile,
)
from crawlers.page import FoundRecord
from crawlers.reading.batches import NO_TEXT, NoRecord
from crawlers.reading.image_files import SUFFIXES as IMAGES
from crawlers.reading.image_files import image_record
from crawlers.reading.json_pages import NotJson, find, read_json, what_it_is
from crawlers.reading.row_records import row_record
from crawlers.reading.values import as_key, clean
from crawlers.tables.json_rows import are_json_lines
from crawlers.tables.lines import opened, unpacking
from crawlers.tables.row import LARGEST_CELL, form_of, missing_column

if TYPE_CHECKING:
    from crawlers.kinds.files import Source

TEXTS = (".txt", ".md", ".markdown")
ABOUT_A_FOLDER = ("readme", "license", "licence", "changelog", "notice")
"""What texts are called that tell of the folder in which they lie, and are none of its texts."""
LARGEST_JSON = 256 * 2**20
"""Bytes: a `.json` file is read whole; what is larger is better written as JSON Lines."""
SAID = 5


class NoFiles(ImportRefused):
    """A path names no file."""


class FilesRefused(ImportRefused):
    """Some of the files could not be read."""


def file_records(source: "Source", project_folder: Path) -> Iterator[FoundRecord | NoRecord]:
    """The records of a source's files; none where a row has no text. A file that is refused stops no other.

    Of a folder that is named as a whole, tables without the column of the text (such as lists of the images beside
    them) and texts about the folder are passed by, as long as other files of it give records.

    Raises:
        NoFiles: A path names no file.
        FilesRefused: At the end, when files were refused.
    """
    refused: list[ImportRefused] = []
    textless: list[tuple[Path, ImportRefused]] = []
    position = 0
    root = project_folder / Path(source.root).expanduser()
    paths = list(files_of(source.files, root))
    named = set(files_of(source.files, root, folders=False))
    for path in paths:
        if path not in named and path.stem.lower() in ABOUT_A_FOLDER and form_of(path) in TEXTS:
            yield NoRecord(f"{_named(path, root)} tells of its folder")
            continue
        try:
            for record in _of_file(source, path, root, project_folder, position):
                position += 1
                yield record
        except ImportRefused as error:
            if path not in named and isinstance(error, MissingColumn) and error.column == source.text:
                textless.append((path, error))
            else:
                refused.append(error)
    if position:
        yield from (NoRecord(f'{_named(path, root)} has no column "{source.text}"') for path, _ in textless)
    else:
        refused += [error for _, error in textless]
    if refused:
        said = " ".join(str(error) for error in refused[:SAID])
        more = f" (and {len(refused) - SAID} more)" if len(refused) > SAID else ""
        raise FilesRefused(f"{len(refused)} of {len(paths)} files were not read: {said}{more}")


def files_of(patterns: tuple[str, ...], root: Path, *, folders: bool = True) -> Iterator[Path]:
    """The files that paths, folders and patterns name, each once; a folder's own are those with a known extension that
    are not hidden.

    Args:
        patterns: Paths, or patterns with `*`, `?` and `**`.
        root: What they are relative to.
        folders: Whether those that lie in named folders are among them.

    Raises:
        NoFiles: One names none.
    """
    seen: set[Path] = set()
    for pattern in patterns:
        whole = Path(pattern).expanduser()
        found = [root / whole] if (root / whole).exists() else _matching(pattern, root)
        files = sorted(file for path in found if folders or path.is_file() for file in _files_in(path))
        if not files and folders:
            raise NoFiles(f'"{pattern}" names no file in {root}; write a path or pattern such as "texts/*.txt".')
        for file in files:
            if file not in seen:
                seen.add(file)
                yield file


def _matching(pattern: str, folder: Path) -> list[Path]:
    return [folder / found for found in glob.glob(str(Path(pattern).expanduser()), root_dir=folder, recursive=True)]  # noqa: PTH207 - absolute patterns too


def _files_in(path: Path) -> Iterator[Path]:
    if path.is_dir():
        known = {*TABLES, *TEXTS, *IMAGES, ".json"}
        yield from (
            file for file in path.rglob("*") if form_of(file) in known and file.is_file() and not _hidden(file, path)
        )
    elif path.is_file():
        yield path


def _hidden(file: Path, folder: Path) -> bool:
    """Whether a system's or a program's own, such as `._a.txt` or `.git/README.md`; patterns leave these out too."""
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _of_file(source: "Source", path: Path, root: Path, folder: Path, position: int) -> Iterator[FoundRecord | NoRecord]:
    named = _named(path, root)
    form = form_of(path)
    try:
        if form in TEXTS:
            yield _text_file(path, named, position)
        elif form in IMAGES:
            yield _image_file(path, named, position, folder)
        else:
            if form == ".json" and source.item == "@" and are_json_lines(path):
                form = ".jsonl"
            for row in _json_rows(source, path) if form == ".json" else _table_rows(source, path, form):
                record = row_record(
                    position, row, text=source.text, key=source.key, url=source.url, more={"file": named}
                )
                position += 1
                yield record
    except OSError as error:
        raise UnreadableFile(f"{named}: the file cannot be read ({error.strerror or error}).") from error


def _named(path: Path, folder: Path) -> str:
    try:
        return clean(path.relative_to(folder).as_posix())
    except ValueError:
        return clean(path.as_posix())


def _table_rows(source: "Source", path: Path, form: str) -> Iterator[Mapping[str, Any]]:
    wanted = [name for name in (source.text, source.key, source.url, *(source.columns or ())) if name is not None]
    for row in file_rows(path, wanted, form=form):
        text = row.cells.get(source.text)
        if text is not None and not isinstance(text, str | int | float | list):
            raise BadRow(f'{row.where}: column "{source.text}" is {type(text).__name__}, not a text.')
        yield _kept(source, row.cells)


def _kept(source: "Source", row: Mapping[str, Any]) -> Mapping[str, Any]:
    if source.columns is None:
        return row
    wanted = {source.text, source.key, source.url, *source.columns}
    return {name: value for name, value in row.items() if name in wanted}


def _json_rows(source: "Source", path: Path) -> Iterator[Mapping[str, Any]]:
    with opened(path) as file, unpacking(path):
        content = file.read(LARGEST_JSON + 1)
    if len(content) > LARGEST_JSON:
        raise CellTooLarge(f"{path}: the file is over {LARGEST_JSON:,} bytes; write it as JSON Lines (.jsonl).")
    try:
        rows = find(source.item, read_json(content))
    except NotJson as error:
        raise BadRow(f"{path}: the file is not JSON: {error}.") from error
    if not isinstance(rows, list):
        raise BadRow(f'{path}: item "{source.item}" finds {what_it_is(rows)}, not a list; name the list of rows.')
    if not rows:
        raise EmptyFile(f"{path}: the file has no rows.")
    for place, row in enumerate(rows):
        where = f"{path}, row {place + 1}"
        if not isinstance(row, dict):
            raise BadRow(f"{where}: it is {what_it_is(row)}, not an object.")
        if isinstance(row.get(source.text), str) and len(row[source.text]) > LARGEST_CELL:
            raise CellTooLarge(f'{where}: "{source.text}" is over {LARGEST_CELL:,} bytes; split it.')
        yield _kept(source, row)
    if not any(source.text in row for row in rows):
        raise missing_column(path, source.text, list(rows[0]))


def _text_file(path: Path, named: str, position: int) -> FoundRecord | NoRecord:
    with opened(path) as file, unpacking(path):
        content = file.read(LARGEST_CELL + 1)
    if len(content) > LARGEST_CELL:
        raise CellTooLarge(f"{named}: the text is over {LARGEST_CELL:,} bytes; split it.")
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise NotUtf8(f"{named}: byte {error.start} of the file is not UTF-8; save it as UTF-8.") from error
    if "\0" in text:
        raise UnreadableFile(f"{named}: it holds NUL bytes, which text never does.")
    words = text.strip()
    return FoundRecord(position, as_key(named), words, {"file": named}) if words else NO_TEXT


def _image_file(path: Path, named: str, position: int, folder: Path) -> FoundRecord:
    from crawlers.extraction.images import NotAnImage

    try:
        return image_record(position, as_key(named), path.read_bytes(), {"file": named}, folder)
    except NotAnImage as error:
        raise UnreadableFile(f"{named}: the image cannot be used: {error}.") from error
