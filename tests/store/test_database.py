"""Opening the store: who holds it, what is not one, what is too new, what a killed or full write leaves."""

import os
import subprocess
import sys
import time
from datetime import UTC

import duckdb
import pyarrow as pa
import pytest

from store.database import DiskFull, Store, StoreHeldElsewhere, StoreTooNew, StoreUnreadable, migrations, utc_now

HOLD = """
import sys, time
from store.database import Store
store = Store(sys.argv[1])
store.connection
print("held", flush=True)
time.sleep(float(sys.argv[2]))
store.let_go()
print("let go", flush=True)
time.sleep(20)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tilth.duckdb"


@pytest.fixture
def holder(path):
    """Starts a process that keeps the store for some seconds; ended when the test ends."""
    started = []

    def start(seconds):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path), str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def put(store, *names):
    """Write cursors, the smallest rows there are."""
    with store.transaction() as db:
        for name in names:
            db.execute("INSERT INTO cursors VALUES ($1, 'x', $2)", [name, utc_now()])


def kept(store):
    return store.read("SELECT name FROM cursors ORDER BY name")["name"].to_pylist()


def test_whoever_holds_the_store_is_named(path, holder):
    process = holder(30)
    start = time.monotonic()
    with pytest.raises(StoreHeldElsewhere, match=f"process {process.pid} .*python"):
        Store(path, wait=0.5).connection  # noqa: B018
    assert 0.4 < time.monotonic() - start < 10


def test_a_store_that_is_given_up_in_time_is_opened(path, holder):
    holder(1.0)
    with Store(path, wait=30) as store:
        put(store, "mine")
        assert kept(store) == ["mine"]


def test_a_store_let_go_can_be_had_by_another_and_taken_back(path, holder):
    with Store(path) as store:
        put(store, "before")
        store.let_go()
        process = holder(0.0)
        assert process.stdout.readline() == "let go\n"
        put(store, "after")
        assert kept(store) == ["after", "before"]


def test_a_file_that_is_no_store_is_refused_and_left_alone(path):
    path.write_bytes(b"no database at all" * 400)
    before = path.read_bytes()
    with pytest.raises(StoreUnreadable, match="cannot be opened as a tilth store"):
        Store(path).connection  # noqa: B018
    assert path.read_bytes() == before


def test_a_store_of_a_newer_version_is_refused_with_what_to_do(path):
    with Store(path) as store:
        store.connection.execute("INSERT INTO migrations VALUES (9999, $1)", [utc_now()])
    with pytest.raises(StoreTooNew, match=r"version 9999, .*upgrade tilth") as refused:
        Store(path).connection  # noqa: B018
    assert refused.value.exit_code == 2


def test_a_refused_store_is_not_held(path):
    with Store(path) as store:
        store.connection.execute("INSERT INTO migrations VALUES (9999, $1)", [utc_now()])
    with pytest.raises(StoreTooNew):
        Store(path).connection  # noqa: B018
    with duckdb.connect(str(path)) as connection:
        connection.execute("DELETE FROM migrations WHERE number = 9999")
    with Store(path) as store:
        assert kept(store) == []


def test_each_migration_is_applied_once(path):
    for _ in range(2):
        with Store(path) as store:
            applied = store.read("SELECT number FROM migrations ORDER BY number")["number"].to_pylist()
            assert applied == [number for number, _ in migrations()]


def test_a_migration_that_fails_leaves_the_store_as_it_was(path, monkeypatch):
    with Store(path) as store:
        put(store, "kept")
    broken = [*migrations(), (9000, "CREATE TABLE half (x INTEGER); SELECT no_such_function();")]
    monkeypatch.setattr("store.database.migrations", lambda: broken)
    with pytest.raises(duckdb.Error):
        Store(path).connection  # noqa: B018
    monkeypatch.undo()
    with Store(path) as store:
        assert kept(store) == ["kept"]
        assert store.read("SELECT 1 FROM information_schema.tables WHERE table_name = 'half'").num_rows == 0


def test_a_failed_transaction_leaves_nothing(path):
    with Store(path) as store:
        put(store, "before")
        with pytest.raises(ZeroDivisionError), store.transaction():
            put(store, "inside")
            raise ZeroDivisionError
        assert kept(store) == ["before"]
        put(store, "after")
        assert kept(store) == ["after", "before"]


def test_an_inner_transaction_ends_with_the_outer_one(path):
    with Store(path) as store:
        with pytest.raises(ZeroDivisionError), store.transaction():
            with store.transaction():
                put(store, "inner")
            put(store, "outer")
            raise ZeroDivisionError
        assert kept(store) == []
        with store.transaction():
            with store.transaction():
                put(store, "inner")
            put(store, "outer")
        assert kept(store) == ["inner", "outer"]


def test_a_process_killed_inside_a_transaction_leaves_nothing(path):
    script = (
        "import sys; from store.database import Store, utc_now\n"
        "store = Store(sys.argv[1])\n"
        "with store.transaction() as db:\n"
        "    db.execute('INSERT INTO cursors VALUES ($1, $2, $3)', ['half', 'x', utc_now()])\n"
        "    print('written', flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout.readline() == "written\n"
    process.kill()
    process.communicate()
    with Store(path) as store:
        assert kept(store) == []


def test_a_store_is_not_let_go_in_the_middle_of_a_transaction(path):
    with Store(path) as store:
        with store.transaction():
            put(store, "first")
            store.let_go()
            put(store, "second")
        assert kept(store) == ["first", "second"]


def test_times_come_back_in_utc_wherever_the_machine_stands(path, monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        with Store(path) as store:
            now = utc_now()
            with store.transaction() as db:
                db.execute("INSERT INTO cursors VALUES ('a', 'x', $1)", [now])
            column = store.read("SELECT moved_at FROM cursors")["moved_at"]
            assert column.type == pa.timestamp("us", tz="UTC")
            assert column[0].as_py().astimezone(UTC) == now
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_registered_table_is_gone_after_its_block(path):
    with Store(path) as store:
        with store.table("batch", pa.table({"x": [1, 2]})):
            assert store.read("SELECT sum(x) AS s FROM batch")["s"][0].as_py() == 3
        with pytest.raises(duckdb.CatalogException):
            store.read("SELECT * FROM batch")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 12 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk can be mounted by root alone: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_said_and_what_was_there_is_safe(small_disk):
    noise = os.urandom(6_000_000).hex()
    with Store(small_disk / "tilth.duckdb") as store:
        put(store, "before")
        rows = pa.table(
            {"name": [f"n{i}" for i in range(6000)], "value": [noise[i * 2000 : i * 2000 + 2000] for i in range(6000)]}
        )
        with (
            pytest.raises(DiskFull, match=r"No space left on the disk that holds .*free some room"),
            store.transaction() as db,
        ):
            for copy in range(3):
                with store.table("much", rows):
                    db.execute(
                        "INSERT INTO cursors SELECT concat(name, $1), value, $2 FROM much", [f"-{copy}", utc_now()]
                    )
    with Store(small_disk / "tilth.duckdb") as store:
        assert kept(store) == ["before"]
