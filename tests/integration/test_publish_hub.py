"""Publishing to a Hub that keeps bytes: one commit, none when nothing changed; the rows come back as labelled."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from store.database import Store
from store.labels import write_labels
from store.release.build import NotARelease, Release, build_release, read_release
from store.release.facts import ReleaseFacts
from store.release.hub import HubChanged, publish_to_hub
from store.release.hub_errors import HubNameWrong, HubRefused, HubTokenMissing, HubTokenRefused, HubUnreachable
from store.releases import releases
from store.snapshots import take_snapshot
from tests.hub_server import Hub, Refused
from tests.store.labelled_store import AT, SCHEMA, fill, label_rows

pytestmark = pytest.mark.integration
REPO = "user/forum"
FACTS = ReleaseFacts("forum", "Messages.", "CC-BY-4.0", ("en",), SCHEMA, hub=REPO)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    from huggingface_hub import constants

    with Hub(tmp_path / "hub") as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_TOKEN", "hf_writer")
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield running


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, list[str]]:
    """A project with labels and their release, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("made")
    with Store(folder / "tilth.duckdb") as store:
        ids = fill(store)
        built(store, folder / "releases" / "first")
    return folder, ids


@pytest.fixture
def store(made, tmp_path) -> Store:
    shutil.copytree(made[0], tmp_path / "project")
    return Store(tmp_path / "project" / "tilth.duckdb")


@pytest.fixture
def ids(made) -> list[str]:
    return made[1]


@pytest.fixture
def release(store) -> Release:
    return read_release(store.path.parent / "releases" / "first")


def built(store: Store, folder: Path, facts: ReleaseFacts = FACTS, **settings: int) -> Release:
    """The release of the labels as they are now."""
    return build_release(store, take_snapshot(store, SCHEMA, at=AT).snapshot_id, folder, facts, **settings)


def ours(hub: Hub) -> list[str]:
    """The titles of the commits that made content of ours, the newest first."""
    return [commit["title"] for commit in hub.commits(REPO) if commit["title"].startswith("Publish")]


def state_of(store: Store) -> list[tuple]:
    """What the store says of its releases."""
    return [(row["target"], row["state"], row["revision"]) for row in releases(store).to_pylist()]


def test_a_first_publish_makes_the_dataset_by_one_commit_with_the_bytes_of_the_release(store, release, hub):
    done = publish_to_hub(store, release, REPO)
    assert done.changed
    assert ours(hub) == ["Publish forum: 60 records"]
    assert done.revision == hub.commits(REPO)[0]["oid"]
    assert hub.paths(REPO) == sorted([".gitattributes", *release.paths])
    assert all(hub.file(REPO, path) == (release.folder / path).read_bytes() for path in release.paths)
    assert state_of(store) == [("hf://datasets/user/forum", "published", done.revision)]


def test_publishing_again_changes_nothing_here_or_there(store, release, hub, tmp_path):
    publish_to_hub(store, release, REPO)
    before = releases(store)
    again = publish_to_hub(store, built(store, tmp_path / "releases" / "again"), REPO)
    assert not again.changed
    assert len(hub.commits(REPO)) == 2
    assert releases(store).equals(before)


def test_later_labels_become_one_more_commit_that_takes_stale_files_away_and_keeps_others(store, ids, hub, tmp_path):
    publish_to_hub(store, built(store, tmp_path / "many", shard_bytes=3_000), REPO)
    hub.push(REPO, "NOTES.md", b"by a colleague")
    hub.push(REPO, "data/extra.csv", b"a,b\n")
    write_labels(store, label_rows(ids[:30], [2] * 30))
    second = built(store, tmp_path / "one")
    done = publish_to_hub(store, second, REPO)
    assert done.changed
    assert len(ours(hub)) == 2
    assert hub.paths(REPO) == sorted([".gitattributes", "NOTES.md", "data/extra.csv", *second.paths])


def test_a_file_that_another_changed_is_put_right(store, release, hub):
    publish_to_hub(store, release, REPO)
    hub.push(REPO, "README.md", b"mine now")
    assert publish_to_hub(store, release, REPO).changed
    assert hub.file(REPO, "README.md") == (release.folder / "README.md").read_bytes()


def test_a_commit_of_another_in_between_is_kept(store, release, hub, tmp_path):
    publish_to_hub(store, built(store, tmp_path / "other", replace(FACTS, name="x")), REPO)
    interrupt_commits(hub, times=1)
    assert publish_to_hub(store, release, REPO).changed
    assert hub.file(REPO, "README.md") == (release.folder / "README.md").read_bytes()
    assert hub.file(REPO, "NOTES-0.md") == b"0"


def test_when_others_are_faster_twice_it_says_so(store, release, hub, tmp_path):
    publish_to_hub(store, built(store, tmp_path / "other", replace(FACTS, name="x")), REPO)
    interrupt_commits(hub, times=2)
    with pytest.raises(HubChanged, match="run the same command again"):
        publish_to_hub(store, release, REPO)
    assert publish_to_hub(store, release, REPO).changed


def interrupt_commits(hub: Hub, times: int) -> None:
    """Let another person commit just before each of the next commits."""
    left = list(range(times))

    def commit_first(method: str, path: str) -> None:
        if "/commit/" in path and left:
            number = left.pop(0)
            hub.push(REPO, f"NOTES-{number}.md", str(number).encode())

    hub.intercepts.append(commit_first)


def test_an_answer_that_was_lost_is_looked_up_and_not_repeated(store, release, hub):
    def lose_the_answer(method: str, path: str) -> None:
        if "/commit/" in path:
            hub.intercepts.clear()
            real = hub.server.repositories.commit

            def commit_and_die(*given):
                hub.server.repositories.commit = real
                real(*given)
                raise ConnectionAbortedError

            hub.server.repositories.commit = commit_and_die

    hub.intercepts.append(lose_the_answer)
    with pytest.raises(HubUnreachable, match="not sent twice"):
        publish_to_hub(store, release, REPO)
    assert state_of(store) == [("hf://datasets/user/forum", "intended", None)]
    done = publish_to_hub(store, release, REPO)
    assert not done.changed
    assert len(ours(hub)) == 1
    assert state_of(store) == [("hf://datasets/user/forum", "published", done.revision)]


def test_a_server_that_was_started_again_knows_what_it_had(store, release, hub, tmp_path):
    publish_to_hub(store, release, REPO)
    with Hub(tmp_path / "hub") as other:
        os.environ["HF_ENDPOINT"] = other.url  # put back by the fixture
        assert not publish_to_hub(store, release, REPO).changed


READ_BACK = """
import sys
from datasets import ClassLabel, load_dataset
found = load_dataset(sys.argv[1])
assert isinstance(found["train"].features["label"], ClassLabel), found["train"].features
import pyarrow as pa, pyarrow.parquet as pq
for split, rows in found.items():
    pq.write_table(rows.data.table.combine_chunks(), f"{sys.argv[2]}/{split}.parquet")
print(found["train"].features["label"].names)
"""


@pytest.mark.parametrize("where", ["hub", "folder"])
def test_load_dataset_reads_back_the_rows_that_were_labelled(store, ids, release, hub, tmp_path, where):
    if where == "hub":
        publish_to_hub(store, release, REPO)
    back = tmp_path / "back"
    back.mkdir()
    settings = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
    }
    read = subprocess.run(
        [sys.executable, "-c", READ_BACK, REPO if where == "hub" else str(release.folder), str(back)],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert read.returncode == 0, read.stderr
    assert read.stdout.splitlines()[-1] == str(list(SCHEMA.classes))
    for split, records in release.splits.items():
        (sent,) = release.folder.glob(f"data/{split}-*.parquet")
        expected, got = pq.read_table(sent), pq.read_table(back / f"{split}.parquet")
        assert got.num_rows == records
        assert got.to_pylist() == expected.to_pylist()


def test_without_a_token_it_says_where_to_get_one(store, release, hub, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubTokenMissing, match="settings/tokens") as refusal:
        publish_to_hub(store, release, REPO)
    assert refusal.value.exit_code == 2
    assert state_of(store) == []


@pytest.mark.parametrize("token", ["hf_reader", "hf_of_nobody"])
@pytest.mark.parametrize("there", [False, True])
def test_a_token_without_write_rights_is_refused_and_changes_nothing_there(store, release, hub, token, there):
    if there:
        hub.server.repositories.create(REPO)
    with pytest.raises(HubTokenRefused, match="write rights") as refusal:
        publish_to_hub(store, release, REPO, token=token)
    assert refusal.value.exit_code == 2
    if there:
        assert hub.paths(REPO) == [".gitattributes"]


def test_a_dataset_of_somebody_else_is_refused(store, release, hub):
    with pytest.raises(HubTokenRefused, match="somebody/forum"):
        publish_to_hub(store, release, "somebody/forum")


@pytest.mark.parametrize(
    "name", ["forum", "user/forum/more", "user/fo rum", "", "user/..", "https://hub.example/user/forum"]
)
def test_a_name_that_cannot_be_one_is_refused(store, release, hub, name):
    with pytest.raises(HubNameWrong, match='"user/'):
        publish_to_hub(store, release, name)
    assert hub.requests == []


def test_a_hub_that_does_not_answer(store, release, hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubUnreachable, match=r"127\.0\.0\.1:9 .*run the same command again"):
        publish_to_hub(store, release, REPO)


def test_offline_mode_is_named(store, release, hub, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE"):
        publish_to_hub(store, release, REPO)


def test_a_hub_that_is_broken_is_not_called_a_wrong_request(store, release, hub):
    def break_down(method: str, path: str) -> None:
        if "/commit/" in path:
            raise Refused(500, "Internal error")

    hub.intercepts.append(break_down)
    with pytest.raises(HubUnreachable, match="status 500"):
        publish_to_hub(store, release, REPO)
    hub.intercepts.clear()
    assert publish_to_hub(store, release, REPO).changed


def test_what_the_hub_does_not_accept_is_told_in_its_own_words(store, release, hub):
    def refuse(method: str, path: str) -> None:
        if "/commit/" in path:
            raise Refused(400, "this dataset is full")

    hub.intercepts.append(refuse)
    with pytest.raises(HubRefused, match="this dataset is full"):
        publish_to_hub(store, release, REPO)


def test_a_gitignore_that_hides_our_files_is_found_out(store, release, hub):
    hub.server.repositories.create(REPO)
    hub.push(REPO, ".gitignore", b"README.md\n")
    with pytest.raises(HubRefused, match="gitignore"):
        publish_to_hub(store, release, REPO)


def test_a_release_that_was_edited_by_hand_is_not_published(store, release, hub):
    (release.folder / "README.md").write_text("edited", encoding="utf-8")
    with pytest.raises(NotARelease, match=r"README\.md"):
        publish_to_hub(store, release, REPO)
    assert hub.requests == []
