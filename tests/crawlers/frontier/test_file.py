"""Opening the frontier: what keeps it from being used is said, and is never taken for a damage of what is in it."""

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crawlers.frontier import file as file_module
from crawlers.frontier.file import Frontier, FrontierBusy, FrontierUnreadable, FrontierUnusable, NoSpace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "frontier.sqlite"


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file can grow beyond this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another one writes."""
    with Frontier(path) as other, other.transaction():
        other.write("INSERT INTO live VALUES ('a', 'b', 1)")
        yield


def test_a_file_that_is_no_frontier_is_named(path: Path) -> None:
    path.write_bytes(b"not a database, but longer than its header would be" * 10)
    with pytest.raises(FrontierUnreadable, match=r"frontier.sqlite cannot be opened"):
        Frontier(path)


def test_a_file_that_another_process_writes_to_is_opened_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "BUSY_SECONDS", 0.1)
    with held(path), Frontier(path) as ours:
        assert ours.read("SELECT * FROM live") == []


def test_a_file_that_stays_held_is_said_to_be_held(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "BUSY_SECONDS", 0.1)
    with held(path), Frontier(path) as ours, pytest.raises(FrontierBusy, match="is held by another process"):
        ours.write("DELETE FROM live")


def test_a_folder_that_is_not_there_is_no_damage(path: Path) -> None:
    with pytest.raises(FrontierUnusable, match="look at the rights to it and its folder") as caught:
        Frontier(path.parent / "gone" / path.name)
    assert "move it away" not in str(caught.value)


def test_a_write_that_fails_on_a_full_disk_is_want_of_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        free = 0

    Frontier(path).close()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Full)
    with files_up_to(2**10), pytest.raises(NoSpace, match="free some room"), Frontier(path) as ours:
        ours.write("INSERT INTO live VALUES ('a', ?, 1)", ["b" * 2**20])


def test_a_write_that_fails_with_room_left_is_the_disks_trouble(path: Path) -> None:
    Frontier(path).close()
    with files_up_to(2**10), pytest.raises(FrontierUnusable, match="disk I/O error"), Frontier(path) as ours:
        ours.write("INSERT INTO live VALUES ('a', ?, 1)", ["b" * 2**20])
