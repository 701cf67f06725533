"""`sql`: a query on a SQLite, DuckDB or Postgres database, each row of whose answer is a record."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from crawlers.declaration import Declaration, SourceError
from crawlers.reading.batches import Batch, in_batches
from crawlers.reading.environment import names_in

__all__ = ["Source", "batches"]

ENGINES = ("sqlite", "duckdb", "postgresql", "postgres")
WRITE_IT = (
    'write "sqlite:///forum.db", "duckdb:///forum.duckdb" (relative to the project; with four slashes absolute) or '
    '"postgresql://user@host/name"'
)


class Source(Declaration):
    """A query, as the project file declares it. The database is opened to be read, and nothing can be changed in it.

    Attributes:
        database: `sqlite:///path`, `duckdb:///path` (without a path: none, so that the query can read files), or
            `postgresql://user@host/name`, whose password comes from `PGPASSWORD`, `~/.pgpass` or `${NAME}`.
        query: One SELECT.
        text: The column with the text.
        key: The column with the row's own id; without it equal texts are one record.
        url: The column that says where a reader finds it. All other columns are metadata.
    """

    kind: Literal["sql"] = "sql"
    database: str
    query: str
    text: str = "text"
    key: str | None = None
    url: str | None = None

    @field_validator("database")
    @classmethod
    def _database_url(cls, database: str) -> str:
        try:
            parts = urlsplit(database)
            password = parts.password
        except ValueError as error:
            raise SourceError(("database",), f"database is not a URL ({error}); {WRITE_IT}.") from error
        if parts.scheme not in ENGINES:
            raise SourceError(("database",), f'database "{database}" is none that can be read; {WRITE_IT}.')
        if password and not names_in(password):
            raise SourceError(
                ("database",),
                "database holds a password, which does not belong in a project; put it into PGPASSWORD, or into a "
                'variable of the environment and write "${NAME}" for it.',
            )
        if parts.scheme == "sqlite" and len(parts.path) < 2:
            raise SourceError(("database",), f'database "{database}" names no file; {WRITE_IT}.')
        return database

    @model_validator(mode="after")
    def _some_query(self) -> Self:
        if not self.query.strip().rstrip(";"):
            raise SourceError(("query",), "query is empty; write a SELECT.")
        return self


def batches(source: Source, project_folder: Path) -> Iterator[Batch]:
    """The rows of the query's answer as records, in its order.

    Raises:
        QueryFailed: The database cannot be read, or the query is not one that it answers.
        NotInEnvironment: A variable that the database's URL names is not set.
    """
    from crawlers.reading.row_records import row_record
    from crawlers.reading.sql_rows import sql_rows

    wanted = [name for name in (source.text, source.key, source.url) if name is not None]
    rows = sql_rows(source.database, source.query, wanted, project_folder)
    yield from in_batches(
        row_record(position, row, text=source.text, key=source.key, url=source.url, more={})
        for position, row in enumerate(rows)
    )
