"""The kind `sql`: the rows of a query as records; nothing in the database can be changed by it."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from crawlers.declaration import SourceError
from crawlers.kinds import sql
from crawlers.page import FoundRecord
from crawlers.reading.environment import NotInEnvironment
from crawlers.reading.sql_rows import QueryFailed

QUERY = "SELECT id, body AS text, born FROM posts WHERE id > 0 ORDER BY id"
ROWS = [(0, "none", None), (1, "one", "2026-01-01"), (2, "two", None), (3, "", None)]
CREATE = "CREATE TABLE posts (id INTEGER, body TEXT, born TEXT)"
ADMIN = "postgres"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A Postgres of its own on a free port, with the table in it; gives its URL."""
    programs = [*Path("/usr/lib/postgresql").glob("*/bin"), *filter(None, [shutil.which("pg_ctl")])]
    if not programs:
        pytest.skip("needs PostgreSQL's server (apt-get install postgresql)")
    at = Path(programs[0]).parent if Path(programs[0]).is_file() else Path(programs[0])
    psycopg = pytest.importorskip("psycopg")
    import socket

    # Not among pytest's folders, which nobody but their owner may enter: the server refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="tilth-postgres-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    other: dict[str, Any] = {}
    if os.getuid() == 0:
        other = {"user": ADMIN, "group": ADMIN, "extra_groups": []}
        shutil.chown(folder, ADMIN, ADMIN)

    def run(*command: str) -> None:
        subprocess.run([str(at / command[0]), *command[1:]], check=True, capture_output=True, cwd=folder, **other)

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", "tilth", "-A", "trust", "--no-sync")
    listen = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    run("pg_ctl", "-D", data, "-o", listen, "-l", str(folder / "log"), "-w", "start")
    url = f"postgresql://tilth@127.0.0.1:{port}/postgres"
    try:
        with psycopg.connect(url) as db:
            db.execute(CREATE)
            db.cursor().executemany("INSERT INTO posts VALUES (%s, %s, %s)", ROWS)
        yield url
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "duckdb", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind with the same table."""
    if request.param == "postgres":
        return request.getfixturevalue("postgres")
    if request.param == "duckdb":
        with duckdb.connect(str(tmp_path / "d.duckdb")) as db:
            db.execute(CREATE)
            db.executemany("INSERT INTO posts VALUES (?, ?, ?)", ROWS)
        return "duckdb:///d.duckdb"
    with sqlite3.connect(tmp_path / "a b.db") as lite:
        lite.execute(CREATE)
        lite.executemany("INSERT INTO posts VALUES (?, ?, ?)", ROWS)
    lite.close()
    return "sqlite:///a b.db"


def read(folder: Path, database: str, query: str = QUERY, **more: object) -> list[FoundRecord]:
    declared = sql.Source.declare({"name": "s", "database": database, "query": query, "key": "id", **more})
    return [record for batch in sql.batches(declared, folder) for record in batch]


def test_each_row_is_a_record(tmp_path: Path, database: str) -> None:
    found = read(tmp_path, database)
    assert [(r.natural_key, r.text, r.metadata) for r in found] == [
        ("1", "one", {"born": "2026-01-01"}),
        ("2", "two", {}),
    ]


def test_an_answer_of_many_rows_comes_whole_and_in_order(tmp_path: Path, database: str) -> None:
    many = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 11999)"
        " SELECT i AS id, 'text ' || i AS text FROM n",
        "duckdb": "SELECT i AS id, 'text ' || i AS text FROM range(12000) t(i)",
        "postgresql": "SELECT i AS id, 'text ' || i AS text FROM generate_series(0, 11999) t(i);",
    }[database.split(":")[0]]
    assert [record.natural_key for record in read(tmp_path, database, many)] == [str(n) for n in range(12_000)]


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM posts",
        "UPDATE posts SET id = 9 RETURNING id, body AS text",
        "DROP TABLE posts",
        "SELECT 1 AS id, 'x' AS text; DELETE FROM posts",
        "CREATE TABLE other AS SELECT * FROM posts",
        "COPY posts TO 'stolen.csv'",
        "ATTACH 'other.db' AS other",
        "PRAGMA user_version = 7",
    ],
)
def test_nothing_can_be_changed(tmp_path: Path, database: str, query: str) -> None:
    before = read(tmp_path, database)
    with pytest.raises(QueryFailed):
        read(tmp_path, database, query)
    assert read(tmp_path, database) == before
    assert not list(tmp_path.glob("stolen*")) and not list(tmp_path.glob("other*"))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM nope", "nope"),
        ("SELECT id, body FROM posts", 'the answer has no column "text" among "id", "body"'),
        ("SELECT id, id, body AS text FROM posts", 'the answer has two columns "id"; rename one with AS'),
    ],
)
def test_a_query_that_is_not_answered_is_said(tmp_path: Path, database: str, query: str, said: str) -> None:
    with pytest.raises(QueryFailed, match=r"^\S") as raised:
        read(tmp_path, database, query)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_values_of_every_type_become_metadata(tmp_path: Path) -> None:
    query = (
        "SELECT 1 AS id, 'x' AS text, TIMESTAMP '2026-01-02 03:04:05' AS at, 1.50::DECIMAL(5, 2) AS cost, [1, 2] AS l,"
        " {'a': 'b'} AS s, 'x'::BLOB AS bytes, NULL AS nothing, 'nan'::DOUBLE AS nan,"
        " 170141183460469231731::HUGEINT AS h"
    )
    (record,) = read(tmp_path, "duckdb:///", query)
    assert record.metadata == {
        "at": "2026-01-02T03:04:05",
        "cost": "1.50",
        "l": [1, 2],
        "s": {"a": "b"},
        "h": "170141183460469231731",
    }


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ('SELECT key AS id, value AS text FROM json_each(\'["a", "b"]\')', ["a", "b"]),
        ("SELECT rowid AS id, body AS text FROM docs", ["one word", "two words"]),
        ("SELECT rowid AS id, body AS text FROM docs WHERE docs MATCH 'words' ORDER BY rank", ["two words"]),
        ("SELECT id, snippet(docs, 0, '', '', '', 9) AS text FROM t JOIN docs ON docs.rowid = t.id", ["one word"]),
        ("SELECT id, CAST(x'636166e9' AS TEXT) AS text FROM t", ["caf\ufffd"]),
    ],
)
def test_sqlite_reads_virtual_tables_and_text_of_other_encodings(tmp_path: Path, query: str, texts: list[str]) -> None:
    with sqlite3.connect(tmp_path / "d.db") as db:
        db.executescript(
            "CREATE VIRTUAL TABLE docs USING fts5(body); INSERT INTO docs VALUES ('one word'), ('two words');"
            "CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1);"
        )
    db.close()
    before = (tmp_path / "d.db").read_bytes()
    assert [record.text for record in read(tmp_path, "sqlite:///d.db", query)] == texts
    assert (tmp_path / "d.db").read_bytes() == before


@pytest.mark.parametrize(
    "query",
    [
        "UPDATE sqlite_master SET sql = '' RETURNING 1 AS id, 'x' AS text",
        "INSERT INTO docs(docs) VALUES ('rebuild') RETURNING 1 AS id, 'x' AS text",
        "SELECT 1 AS id, load_extension('x') AS text",
        "CREATE TEMP TABLE other AS SELECT 1",
    ],
)
def test_sqlite_changes_nothing_by_way_of_a_virtual_table(tmp_path: Path, query: str) -> None:
    with sqlite3.connect(tmp_path / "d.db") as db:
        db.execute("CREATE VIRTUAL TABLE docs USING fts5(body)")
    db.close()
    before = (tmp_path / "d.db").read_bytes()
    with pytest.raises(QueryFailed):
        read(tmp_path, "sqlite:///d.db", query)
    assert (tmp_path / "d.db").read_bytes() == before


def test_duckdb_reads_files_of_the_project_where_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_text("id,text\n1,one\n")
    assert [record.text for record in read(tmp_path, "duckdb:///", "SELECT * FROM 'posts.csv'")] == ["one"]


@pytest.mark.parametrize("url", ["sqlite:///none.db", "duckdb:///none.duckdb"])
def test_a_database_that_is_not_there_is_not_made(tmp_path: Path, url: str) -> None:
    with pytest.raises(QueryFailed, match="there is no database"):
        read(tmp_path, url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", ["sqlite", "duckdb"])
def test_a_file_that_is_no_database_is_said(tmp_path: Path, engine: str) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database" * 100)
    with pytest.raises(QueryFailed, match=r"not a( valid DuckDB)? database"):
        read(tmp_path, f"{engine}:///x.db")


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(QueryFailed, match=r"Postgres says: .*refused"):
        read(tmp_path, "postgresql://u@127.0.0.1:1/x")


def test_a_password_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(NotInEnvironment, match="database needs the environment variable NOT_SET_HERE"):
        read(tmp_path, "postgresql://u:${NOT_SET_HERE}@127.0.0.1:1/x")
    monkeypatch.setenv("NOT_SET_HERE", "p@ss/w:rd")
    with pytest.raises(QueryFailed) as raised:
        read(tmp_path, "postgresql://u:${NOT_SET_HERE}@127.0.0.1:1/x")
    assert "127.0.0.1" in str(raised.value)  # what is in the password does not end it early
    assert "p@ss" not in str(raised.value)


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"database": "mysql://h/x"}, ("database",), "is none that can be read"),
        ({"database": "sqlite://"}, ("database",), "names no file"),
        ({"database": "postgresql://u:secret@h/x"}, ("database",), "does not belong in a project"),
        ({"query": " ; "}, ("query",), "query is empty"),
    ],
)
def test_a_wrong_declaration_is_said_with_its_key(wrong: dict, field: tuple, said: str) -> None:
    with pytest.raises(SourceError) as raised:
        sql.Source.declare({"name": "s", "database": "sqlite:///x.db", "query": QUERY, **wrong})
    assert raised.value.field == field
    assert said in str(raised.value)
    assert "secret@" not in str(raised.value)
