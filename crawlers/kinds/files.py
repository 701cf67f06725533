"""`files`: records out of files on this machine: tables, JSON, folders of texts or of images."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import field_validator, model_validator

from crawlers.declaration import Declaration, SourceError, Strings
from crawlers.reading.batches import Batch, in_batches
from crawlers.reading.json_pages import why_not_jmespath

__all__ = ["Source", "batches"]


class Source(Declaration):
    """Files, as the project file declares them.

    A row of a table (CSV, TSV, JSON Lines, JSON, Parquet) is a record, a text file (`.txt`, `.md`) is one, an image is
    one. A text's or image's key is its path.

    Attributes:
        files: Files, folders, and patterns such as `texts/**/*.txt`, relative to `root`.
        text: The column with the text.
        key: The column with the row's own id; without it equal texts are one record.
        url: The column that says where a reader finds it.
        columns: The columns to keep as metadata; all others unless given.
        root: What `files` are relative to, itself relative to the project's folder.
        item: JMESPath of the list of rows in a `.json` file; the file itself unless given.
    """

    kind: Literal["files"] = "files"
    files: Strings
    text: str = "text"
    key: str | None = None
    url: str | None = None
    columns: Strings | None = None
    item: str = "@"
    root: str = "."

    @field_validator("files")
    @classmethod
    def _some_files(cls, paths: tuple[str, ...]) -> tuple[str, ...]:
        if not paths:
            raise SourceError(("files",), "files is empty; name at least one file or folder.")
        for place, path in enumerate(paths):
            if not path.strip() or "\0" in path:
                raise SourceError(("files", place), f"path {path!r} names no file.")
        return paths

    @model_validator(mode="after")
    def _item_path(self) -> Self:
        why = why_not_jmespath(self.item)
        if why:
            raise SourceError(("item",), f'item "{self.item}" is not valid JMESPath: {why}.')
        return self


def batches(source: Source, project_folder: Path) -> Iterator[Batch]:
    """The records of all files, in the order of the files' names. Images are put into `media/`.

    Raises:
        NoFiles: A path names no file.
        FilesRefused: Files could not be read as what they are; raised after the records of all others were given.
    """
    from crawlers.reading.file_records import file_records

    yield from in_batches(file_records(source, project_folder))
