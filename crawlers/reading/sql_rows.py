"""The rows of a query's answer, read in pieces from a database that is opened to be read and not written."""

import difflib
import sqlite3
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from crawlers.reading.environment import filled_in
from store.errors import RequestError

ROWS_A_PIECE = 1_000
CONNECT_SECONDS = 10


class QueryFailed(RequestError):
    """A database cannot be read, or does not answer the query."""


def sql_rows(database: str, query: str, wanted: Sequence[str], project_folder: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a query's answer by column, in its order.

    Args:
        database: `sqlite:///path`, `duckdb:///path` or `postgresql://…`.
        query: One SELECT.
        wanted: Columns that the answer must have.
        project_folder: What a database's relative path is relative to.

    Raises:
        QueryFailed: With what the database says.
        NotInEnvironment: A variable that the URL names is not set.
    """
    url = filled_in(database, "database", quoted=True)
    engine = urlsplit(database).scheme
    if engine == "sqlite":
        rows = _sqlite(_file(url, project_folder), query)
    elif engine == "duckdb":
        rows = _duckdb(_file(url, project_folder), query, project_folder)
    else:
        rows = _postgres(url, query)
    with closing(rows):
        names = next(rows)
        _check_columns(names, wanted)
        for row in rows:
            yield dict(zip(names, row, strict=True))


def _file(url: str, project_folder: Path) -> Path | None:
    parts = urlsplit(url)
    path = unquote(parts.netloc + parts.path[1:] if parts.netloc else parts.path[1:])
    return project_folder / Path(path).expanduser() if path else None


def _check_columns(names: Sequence[str], wanted: Sequence[str]) -> None:
    doubled = next((name for name in names if list(names).count(name) > 1), None)
    if doubled is not None:
        raise QueryFailed(f'the answer has two columns "{doubled}"; rename one with AS.')
    for name in wanted:
        if name not in names:
            nearest = difflib.get_close_matches(name, names, 1)
            hint = f'; did you mean "{nearest[0]}"?' if nearest else "."
            listed = ", ".join(f'"{one}"' for one in names[:20])
            raise QueryFailed(f'the answer has no column "{name}" among {listed}{hint}')


def _existing(path: Path | None) -> Path:
    if path is None or not path.is_file():
        raise QueryFailed(f"there is no database {path}; correct database, which is relative to the project.")
    return path


# Each of these gives the columns' names first, then the rows.


def _sqlite(path: Path | None, query: str) -> Generator[Any, None, None]:
    found = _existing(path).resolve()
    uri = f"{found.as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=30)) as db:
            db.execute("PRAGMA query_only = 1")
            db.set_authorizer(_reads_only)
            db.text_factory = lambda said: said.decode("utf-8", "replace")  # old files hold other encodings too
            cursor = db.execute(query)
            if cursor.description is None:
                raise QueryFailed("the query gives no rows; write a SELECT.")
            yield [column[0] for column in cursor.description]
            while rows := cursor.fetchmany(ROWS_A_PIECE):
                yield from rows
    except (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError) as error:
        raise QueryFailed(f"SQLite says of {found.name}: {_first_line(error)}.") from error


READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


# What SQLite asks of itself where a query reads a virtual table, such as json_each or a full-text index; the file is
# open to be read alone, so that neither changes anything in it.
OF_VIRTUAL_TABLES = {(sqlite3.SQLITE_UPDATE, "sqlite_master"), (sqlite3.SQLITE_PRAGMA, "data_version")}


def _reads_only(action: int, first: str | None, second: str | None, *_: Any) -> int:
    if action == sqlite3.SQLITE_FUNCTION and second == "load_extension":
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in READS or (action, first) in OF_VIRTUAL_TABLES else sqlite3.SQLITE_DENY


def _duckdb(path: Path | None, query: str, project_folder: Path) -> Generator[Any, None, None]:
    import duckdb

    found = _existing(path) if path is not None else None
    try:
        with duckdb.connect(str(found) if found else ":memory:", read_only=found is not None) as db:
            db.execute("SET file_search_path = ?", [str(project_folder.resolve())])
            statements = db.extract_statements(query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise QueryFailed("the query must be one SELECT.")
            answer = db.execute(statements[0])
            yield [column[0] for column in answer.description]
            while rows := answer.fetchmany(ROWS_A_PIECE):
                yield from rows
    except duckdb.Error as error:
        raise QueryFailed(f"DuckDB says: {_first_line(error)}.") from error


def _postgres(url: str, query: str) -> Generator[Any, None, None]:
    try:
        import psycopg
    except ImportError as error:
        raise QueryFailed(
            "to read Postgres, psycopg is needed; install the extra: pip install -e '.[postgres]' in tilth's folder."
        ) from error
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS, application_name="tilth") as db:
            db.read_only = True
            with db.cursor(name="tilth") as cursor:  # the server keeps the answer; a named cursor is for a SELECT alone
                cursor.itersize = ROWS_A_PIECE
                cursor.execute(query.strip().rstrip(";"))  # type: ignore[call-overload]
                yield [column.name for column in cursor.description or ()]
                yield from cursor
    except psycopg.Error as error:
        said = _first_line(error)
        raise QueryFailed(f"Postgres says: {said}.") from error


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".!")[:300]
