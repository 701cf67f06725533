"""Publishing to a folder: whole or not at all, and never over what is not ours."""

import shutil
from pathlib import Path

import pytest

from store.database import Store
from store.labels import write_labels
from store.release.build import NotARelease, Release, build_release, read_release
from store.release.facts import ReleaseFacts
from store.release.folder import publish_to_folder
from store.release.placing import FolderOccupied, FolderUnwritable
from store.releases import releases
from store.snapshots import take_snapshot
from tests.store.labelled_store import AT, SCHEMA, fill, label_rows

pytestmark = pytest.mark.integration
FACTS = ReleaseFacts("forum", "Messages.", "CC-BY-4.0", ("en",), SCHEMA)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "project" / "tilth.duckdb")


@pytest.fixture
def ids(store) -> list[str]:
    return fill(store, 20)


@pytest.fixture
def release(store, ids) -> Release:
    return built(store, "first")


def built(store: Store, name: str) -> Release:
    """The release of the labels as they are now, in the project's folder."""
    folder = store.path.parent / "releases" / name
    return build_release(store, take_snapshot(store, SCHEMA, at=AT).snapshot_id, folder, FACTS)


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_folder_holds_the_bytes_of_the_release_and_nothing_else_is_left(store, release, tmp_path):
    done = publish_to_folder(store, release, tmp_path / "out" / "forum")
    assert done.changed
    assert bytes_of(tmp_path / "out" / "forum") == bytes_of(release.folder)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["forum"]
    (row,) = releases(store).to_pylist()
    assert (row["target"], row["state"]) == (str(tmp_path / "out" / "forum"), "published")
    assert row["content_hash"] == release.content_hash


def test_publishing_again_touches_nothing(store, release, tmp_path):
    out = tmp_path / "out"
    publish_to_folder(store, release, out)
    before, rows = {p: p.stat().st_mtime_ns for p in [out, *out.rglob("*")]}, releases(store)
    assert not publish_to_folder(store, release, out).changed
    assert {p: p.stat().st_mtime_ns for p in [out, *out.rglob("*")]} == before
    assert releases(store).equals(rows)


def test_an_earlier_release_is_replaced_and_what_others_put_there_stays(store, ids, release, tmp_path):
    out = tmp_path / "out"
    publish_to_folder(store, release, out)
    (out / ".git").mkdir()
    (out / ".git" / "HEAD").write_text("ref", encoding="utf-8")
    (out / "data" / "notes.txt").write_text("mine", encoding="utf-8")
    write_labels(store, label_rows(ids[:9], [2] * 9), withdrawn=[one for one in ids[10:] if one != ids[11]])
    second = built(store, "second")
    assert publish_to_folder(store, second, out).changed
    assert bytes_of(out) == bytes_of(second.folder) | {".git/HEAD": b"ref", "data/notes.txt": b"mine"}


def test_a_file_that_was_changed_there_is_put_right(store, release, tmp_path):
    publish_to_folder(store, release, tmp_path / "out")
    (tmp_path / "out" / "README.md").write_text("edited", encoding="utf-8")
    assert publish_to_folder(store, release, tmp_path / "out").changed
    assert bytes_of(tmp_path / "out") == bytes_of(release.folder)


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_not_a_release_is_never_written_over(store, release, tmp_path, kind):
    out = tmp_path / "out"
    mine = out / "thesis.txt" if kind == "folder" else out
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(FolderOccupied, match="Name a new or empty folder") as refusal:
        publish_to_folder(store, release, out)
    assert refusal.value.exit_code == 2
    assert mine.read_text(encoding="utf-8") == "mine"
    assert releases(store).num_rows == 0


def test_a_place_that_cannot_be_written_is_named(store, release, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FolderUnwritable, match="name another folder"):
        publish_to_folder(store, release, tmp_path / "file" / "out")


def test_an_empty_folder_may_be_used(store, release, tmp_path):
    (tmp_path / "out").mkdir()
    assert publish_to_folder(store, release, tmp_path / "out").changed


def test_a_release_whose_files_are_gone_is_not_published(store, release, tmp_path):
    shutil.rmtree(release.folder / "data")
    with pytest.raises(NotARelease, match="build the release again"):
        publish_to_folder(store, release, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_was_published_is_a_release_itself(store, release, tmp_path):
    publish_to_folder(store, release, tmp_path / "out")
    assert read_release(tmp_path / "out").files == release.files
