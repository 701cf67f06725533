"""A project: its folder, what its file declares, and the parts that the verbs work with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from store.errors import SchemaError
from store.label_schema import LabelSchema
from tilth.project_file import FILE_NAME, ProjectFile, error_at, read_project_file

if TYPE_CHECKING:
    from store.database import Store


@dataclass(frozen=True)
class Project:
    """A folder with a `tilth.toml`; all of a project's state is in it."""

    folder: Path

    @cached_property
    def file(self) -> ProjectFile:
        """What `tilth.toml` declares."""
        return read_project_file(self.file_path)

    @property
    def file_path(self) -> Path:
        """Where `tilth.toml` lies."""
        return self.folder / FILE_NAME

    @cached_property
    def schema(self) -> LabelSchema:
        """The label schema."""
        return self.file.label_schema

    @contextmanager
    def open_store(self) -> Iterator["Store"]:
        """The project's memory, with the schema known to it and its pages decided about; given up at the end.

        Raises:
            ProjectFileError: A class that is in use was taken out of the schema.
        """
        from store.database import Store
        from store.page_decisions import refresh_rights
        from store.schemas import use_schema

        policy = self.file.rights.policy
        with Store(self.folder / "tilth.duckdb") as store:
            try:
                use_schema(store, self.schema)
            except SchemaError as error:
                raise error_at(self.file_path, ("schema", "classes"), str(error)) from error
            refresh_rights(store, policy)
            yield store
