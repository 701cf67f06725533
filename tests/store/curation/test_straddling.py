"""A cluster never straddles a split, also when a later record joins two that were apart."""

import json

import pyarrow as pa
import pytest

from store.curation.curate import curate
from store.curation.setting_aside import set_aside
from store.curation.settings import CurationSettings
from store.curation.straddling import straddling
from store.database import Store
from store.issues import issues
from store.labels import write_labels
from store.pool import pool
from store.records import add_records
from store.snapshots import rebuild, take_snapshot
from store.splits import assign_splits
from tests.store.labelled_store import SCHEMA, label_rows

# The third is near-equal to both others, which are not to one another.
START = "The watering can by the north gate leaks at the spout, has anyone of you got a spare one"
ENDS = [START + " for Tuesday", START + " or a hosepipe", START + " for Tuesday or a hosepipe"]


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


def two_apart(store, splits):
    ids = add_records(store, pa.table({"text": ENDS[:2]}), source_name="s").record_ids
    put = [(one, split) for one, split in zip(ids, splits, strict=True) if split]
    assign_splits(store, pa.table({"record_id": [p[0] for p in put], "split": [p[1] for p in put]}), origin="import")
    curate(store, CurationSettings())
    assert set_aside(store).num_rows == 0
    return ids


def join(store):
    add_records(store, pa.table({"text": ENDS[2:]}), source_name="s")
    return curate(store, CurationSettings())


@pytest.mark.parametrize(
    ("given", "gives_way"),
    [
        (("train", "holdout"), [0]),
        (("test", "train"), [1]),
        (("validation", "test"), [0]),
        (("train", "validation"), [0]),
        (("test", "holdout"), []),
        (("train", "train"), []),
    ],
)
def test_the_member_that_is_trained_on_gives_way(store, given, gives_way):
    ids = two_apart(store, given)
    assert join(store).set_aside["split"] == len(gives_way)
    aside = set_aside(store).filter(pa.compute.equal(set_aside(store)["step"], "split"))
    assert aside["record_id"].to_pylist() == [ids[place] for place in gives_way]
    assert straddling(store).num_rows == len(gives_way)


def test_it_is_told_as_an_issue_that_names_both(store):
    ids = two_apart(store, ("train", "holdout"))
    join(store)
    (issue,) = issues(store, kind="split-conflict").to_pylist()
    assert issue["record_id"] == ids[0]
    assert json.loads(issue["evidence"]) == {"split": "train", "measured_id": ids[1], "measured_split": "holdout"}


def test_a_labelled_member_without_a_split_gives_way_and_shares_a_group_with_what_is_measured(store):
    ids = two_apart(store, (None, "holdout"))
    write_labels(store, label_rows(ids, [0, 1]))
    assert join(store).set_aside["split"] == 1
    rows = rebuild(store, take_snapshot(store, SCHEMA).snapshot_id).to_pylist()
    # Training leaves out every group that is measured with, so that one group is what keeps the two apart.
    assert len({row["group_id"] for row in rows}) == 1


def test_the_record_that_joined_them_does_not_go_to_people(store):
    two_apart(store, ("train", "holdout"))
    join(store)
    assert pool(store).num_rows == 0


def test_it_is_taken_back_when_nothing_straddles_any_more(store):
    two_apart(store, ("train", "holdout"))
    join(store)
    with store.transaction() as db:
        db.execute("DELETE FROM splits WHERE split = 'holdout'")
    assert curate(store, CurationSettings()).set_aside["split"] == 0
    assert issues(store, kind="split-conflict")["state"].to_pylist() == ["dismissed"]
