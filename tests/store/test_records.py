"""Records are immutable, named by source, key and content, and brought in once."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.database import Store
from store.records import add_records, content_hash, record_id, records

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


def test_the_same_batch_twice_changes_nothing(store):
    batch = pa.table({"natural_key": ["a", "b"], "text": ["one", "two"]})
    first, second = add_records(store, batch, source_name="s"), add_records(store, batch, source_name="s")
    assert (first.new, first.known) == (2, 0)
    assert (second.new, second.known) == (0, 2)
    assert first.record_ids == second.record_ids
    assert records(store).num_rows == 2


def test_a_record_that_stands_twice_in_a_batch_is_added_once(store):
    batch = pa.table({"natural_key": ["a", "b", "a"], "text": ["one", "two", "one"]})
    added = add_records(store, batch, source_name="s")
    assert (added.new, added.known) == (2, 1)
    assert added.record_ids[0] == added.record_ids[2]


def test_changed_content_or_another_source_makes_another_record():
    ids = {
        record_id("s", "a", content_hash("one")),
        record_id("s", "a", content_hash("two")),
        record_id("s", None, content_hash("one")),
        record_id("t", "a", content_hash("one")),
    }
    assert len(ids) == 4


def test_records_come_in_the_order_of_the_ids_asked_for(store):
    added = add_records(store, pa.table({"text": ["x", "y", "z"]}), source_name="s")
    wanted = [added.record_ids[2], added.record_ids[0]]
    assert records(store, wanted)["text"].to_pylist() == ["z", "x"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.none() | texts, texts), min_size=1, max_size=8))
def test_the_id_of_a_row_depends_on_that_row_alone(tmp_path_factory, rows):
    with Store(tmp_path_factory.mktemp("ids") / "tilth.duckdb") as store:
        batch = pa.table(
            {
                "natural_key": pa.array([key for key, _ in rows], pa.string()),
                "text": pa.array([text for _, text in rows], pa.string()),
            }
        )
        added = add_records(store, batch, source_name="s")
        assert added.record_ids == [record_id("s", key, content_hash(text)) for key, text in rows]
        kept = dict(zip(*(records(store)[name].to_pylist() for name in ("record_id", "text")), strict=True))
        assert kept == {one: text for one, (_, text) in zip(added.record_ids, rows, strict=True)}
