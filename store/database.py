"""Opening a project's DuckDB file: who may write, migrations, transactions.

DuckDB lets one process write. A `Store` opens the file when it is first used, keeps it while its owner works, and
gives it up on `let_go()`, which belongs before every wait on something outside: a person, a network, a fit.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pyarrow as pa

from store.errors import TilthError

WAIT_SECONDS = 30.0


class StoreHeldElsewhere(TilthError):
    """Another process has the store open."""


class StoreTooNew(TilthError):
    """The store was made by a newer version of tilth."""

    exit_code = 2


class StoreUnreadable(TilthError):
    """The file is not a store, or is damaged."""


class DiskFull(TilthError):
    """There was no room to write; what was committed before is safe."""


def utc_now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


class Store:
    """A project's memory: one DuckDB file.

    Args:
        path: The file; made when it is not there.
        wait: Seconds to wait for another process to give the file up.

    Raises (on first use):
        StoreHeldElsewhere: Another process kept the file for longer than `wait`; the message names it.
        StoreTooNew: A newer version of tilth made it.
        StoreUnreadable: It is not a DuckDB file.
    """

    def __init__(self, path: Path | str, *, wait: float = WAIT_SECONDS) -> None:
        self.path = Path(path)
        self.wait = wait
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._depth = 0

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The open connection; reading needs no more than this."""
        if self._connection is None:
            connection = _connect(self.path, self.wait)
            try:
                _migrate(connection, self.path)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def let_go(self) -> None:
        """Give the file up, so that another process can have it; the next use opens it again.

        Inside a transaction nothing happens: what is half written is not let go.
        """
        if self._connection is not None and not self._depth:
            self._connection.close()
            self._connection = None

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """All that is written inside becomes durable together, or not at all; an inner one joins the outer."""
        connection = self.connection
        if self._depth:
            self._depth += 1
            try:
                yield connection
            finally:
                self._depth -= 1
            return
        connection.begin()
        self._depth = 1
        try:
            yield connection
            with _clear_about_the_disk(self.path):
                connection.commit()
        except BaseException as error:
            self._roll_back(connection)
            if isinstance(error, duckdb.Error) and _speaks_of_a_full_disk(error):
                raise _disk_full(self.path) from error
            raise
        finally:
            self._depth = 0

    def _roll_back(self, connection: duckdb.DuckDBPyConnection) -> None:
        try:
            connection.rollback()
        except duckdb.Error:
            # A failed commit has already ended the transaction; a broken connection is opened anew on the next use.
            connection.close()
            self._connection = None

    def read(self, sql: str, parameters: list[Any] | None = None) -> pa.Table:
        """The rows of a query as an Arrow table, its times in UTC.

        For the modules that own a table; the rest of the house asks those.
        """
        connection = self.connection
        relation = connection.sql(sql, params=parameters) if parameters else connection.sql(sql)
        return _in_utc(relation.to_arrow_table())

    @contextmanager
    def table(self, name: str, batch: pa.Table) -> Iterator[None]:
        """Let queries inside the block see an Arrow table under `name`."""
        self.connection.register(name, batch)
        try:
            yield
        finally:
            if self._connection is not None:
                self._connection.unregister(name)


def _in_utc(table: pa.Table) -> pa.Table:
    # DuckDB names times after the machine's own zone; the moments are the same.
    utc = pa.timestamp("us", tz="UTC")
    fields = [pa.field(f.name, utc) if pa.types.is_timestamp(f.type) and f.type.tz else f for f in table.schema]
    return table.cast(pa.schema(fields))


def _connect(path: Path, wait: float) -> duckdb.DuckDBPyConnection:
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait
    while True:
        try:
            return duckdb.connect(str(path))
        except duckdb.IOException as error:
            message = str(error)
            if "lock" not in message.lower():
                if _speaks_of_a_full_disk(error):
                    raise _disk_full(path) from error
                raise _unreadable(path, message) from error
            if time.monotonic() >= deadline:
                raise StoreHeldElsewhere(
                    f"{path} is in use by {_holder(message)}; wait for it to end, or stop it, and try again."
                ) from error
            time.sleep(0.1)
        except duckdb.Error as error:
            raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, message: str) -> TilthError:
    version = re.search(r"version number (\d+)", message)
    if "newer version" in message.lower() or (version and "can only read" in message):
        return StoreTooNew(f"{path} was made by a newer DuckDB than this tilth uses; upgrade tilth to open it.")
    first = message.splitlines()[0][:200]
    return StoreUnreadable(
        f"{path} cannot be opened as a tilth store ({first}); restore it from a copy or move it away."
    )


def _holder(message: str) -> str:
    found = re.search(r"PID (\d+)", message)
    if not found:
        return "another process"
    pid = int(found.group(1))
    try:
        command = " ".join(" ".join(psutil.Process(pid).cmdline()).split())[:120]
    except psutil.Error:
        return f"process {pid}"
    return f"process {pid} ({command})"


def _speaks_of_a_full_disk(error: BaseException) -> bool:
    message = str(error).lower()
    return "no space left" in message or "disk full" in message or "out of disk" in message


def _disk_full(path: Path) -> DiskFull:
    return DiskFull(
        f"No space left on the disk that holds {path}. What was there is safe; free some room and run the same "
        f"command again."
    )


@contextmanager
def _clear_about_the_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        if _speaks_of_a_full_disk(error):
            raise _disk_full(path) from error
        raise


def migrations() -> list[tuple[int, str]]:
    """The numbered migrations, in order: (number, SQL)."""
    folder = files("store") / "migrations"
    named = sorted((entry.name, entry) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(int(name.split("_")[0]), entry.read_text(encoding="utf-8")) for name, entry in named]


def _migrate(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    steps = migrations()
    newest = steps[-1][0]
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL)"
    )
    present = int(connection.sql("SELECT coalesce(max(number), 0) FROM migrations").fetchall()[0][0])
    if present > newest:
        raise StoreTooNew(
            f"{path} was made by a newer tilth (its tables are version {present}, this one knows {newest}); "
            f"upgrade tilth."
        )
    for number, sql in steps:
        if number > present:
            connection.begin()
            try:
                connection.execute(sql)
                connection.execute("INSERT INTO migrations VALUES (?, ?)", [number, utc_now()])
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
