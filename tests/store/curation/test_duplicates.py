"""Near-equal records are found, all of them and nothing else, whatever the texts are and however many are alike."""

import csv
import errno
import itertools
import random
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.curation import sketches
from store.curation.duplicates import THRESHOLD, cluster_duplicates, find_duplicates, similar_pairs
from store.curation.shingling import SHINGLE, normal_forms
from store.database import DiskFull, Store
from store.pool import pool
from store.records import add_records

SENTENCE = "The watering can by the north gate leaks at the spout, number {}, has anyone got a spare one?"


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "tilth.duckdb") as opened:
        yield opened


def brute_force(texts):
    normal = normal_forms(texts)
    sets = [{one[i : i + SHINGLE] for i in range(max(1, len(one) - SHINGLE + 1))} if one else set() for one in normal]
    return {
        (one, other)
        for one, other in itertools.combinations(range(len(texts)), 2)
        if sets[one] and sets[other] and len(sets[one] & sets[other]) >= THRESHOLD * len(sets[one] | sets[other])
    }


def clusters(ids, texts):
    found: dict[str, set[str]] = {}
    for row in cluster_duplicates(ids, texts).to_pylist():
        found.setdefault(row["cluster_id"], set()).add(row["record_id"])
    return set(map(frozenset, found.values()))


def test_at_least_95_of_100_near_equal_pairs_are_found_and_no_other(shared):
    with (shared / "data" / "banking77" / "test.csv").open(newline="") as file:
        real = [row["text"] for row in csv.DictReader(file)][:500]
    rng = random.Random(0)
    words = [word for text in real for word in text.split()]
    edited = []
    for text in real:
        written = text.split()
        written[rng.randrange(len(written))] = rng.choice(words)
        edited.append(" ".join(written))
    found = {(one, other) for one, other, _ in similar_pairs(real + edited)}
    true = brute_force(real + edited)
    assert len(true) > 100
    assert len(found & true) >= 0.95 * len(true)
    assert found <= true


def test_all_pairs_of_a_large_cluster_are_found():
    equal = [SENTENCE.format(1)] * 100
    assert len(list(similar_pairs(equal))) == 100 * 99 / 2
    words = " ".join(map(SENTENCE.format, ("one", "two", "three"))).split()
    edited = [" ".join([*words[: n % 12], f"edit {n}", *words[n % 12 + 1 :]]) for n in range(100)]
    found = {(one, other) for one, other, _ in similar_pairs(edited)}
    true = brute_force(edited)
    assert len(true) > 64 * 63 / 2
    assert len(found & true) >= 0.95 * len(true)
    assert found <= true


@settings(max_examples=30)
@given(st.lists(st.text(alphabet="ab 🔥水\0!", max_size=12), max_size=12))
def test_texts_of_any_sort_are_clustered_and_equal_ones_are_together(texts):
    ids = [f"{number:03}" for number in range(len(texts))]
    cluster_of = {row["record_id"]: row["cluster_id"] for row in cluster_duplicates(ids, texts).to_pylist()}
    for (one, text), (other, again) in itertools.combinations(zip(ids, texts, strict=True), 2):
        if text == again:
            assert cluster_of[one] == cluster_of[other]


def test_blank_texts_are_one_cluster_and_pictures_of_letters_are_not():
    ids = ["a", "b", "c", "d", "e", "f"]
    assert clusters(ids, ["", "  \n", "???", "!!!", "🔥🔥🔥", "😭"]) == {frozenset("ab")}


def test_a_text_shorter_than_a_shingle_is_near_equal_to_itself_alone():
    assert clusters(["a", "b", "c", "d"], ["ok", "OK!", "oh", "o"]) == {frozenset("ab")}


def test_what_pairs_connect_is_one_cluster_named_by_its_smallest_id():
    start = "The watering can by the north gate leaks at the spout, has anyone of you got a spare one"
    chain = [start + end for end in (" for Tuesday", " for Tuesday or a hosepipe", " or a hosepipe")]
    assert {(one, other) for one, other, _ in similar_pairs(chain)} == {(0, 1), (1, 2)}
    rows = cluster_duplicates(["z", "y", "x"], chain).to_pylist()
    assert {row["cluster_id"] for row in rows} == {"x"}
    assert {row["representative_id"] for row in rows} == {"z"}


def test_a_text_repeated_by_thousands_with_another_number_is_not_compared_with_all_of_them():
    texts = [SENTENCE.format(number) for number in range(6_000)]
    began = time.process_time()
    rows = cluster_duplicates([f"{number:06}" for number in range(len(texts))], texts)
    # All pairs would be 18 million comparisons of some minutes.
    assert time.process_time() - began < 20
    assert set(rows["cluster_id"].to_pylist()) == {"000000"}
    assert rows.num_rows == len(texts)


def test_texts_of_one_large_bucket_that_differ_stay_apart():
    frame = "Thank you for writing to the garden club. We read every letter within a week. Your letter said: "
    topics = ["slugs ate all of the lettuce over night", "the seed swap moves to the old barn next month"]
    texts = [f"{frame}{topics[number % 2]} {topics[number % 2][::-1]} {number}" for number in range(400)]
    assert len(clusters([f"{number:03}" for number in range(400)], texts)) == 2


def test_similarity_is_told_to_the_record_that_speaks_for_the_cluster():
    texts = [SENTENCE.format(1), SENTENCE.format(1).upper(), SENTENCE.format(22)]
    rows = {row["record_id"]: row for row in cluster_duplicates(["a", "b", "c"], texts).to_pylist()}
    (pair,) = [similarity for one, other, similarity in similar_pairs(texts) if (one, other) == (0, 2)]
    assert (rows["a"]["similarity"], rows["b"]["similarity"]) == (1.0, 1.0)
    assert rows["c"]["similarity"] == pytest.approx(pair) != 1.0


def test_a_later_record_joins_the_cluster_of_the_earlier_one_which_keeps_speaking_for_it(store):
    first = add_records(store, pa.table({"text": [SENTENCE.format(1)]}), source_name="s").record_ids
    assert find_duplicates(store).clusters == 0
    add_records(store, pa.table({"text": [SENTENCE.format(2), SENTENCE.format(3)]}), source_name="s")
    assert find_duplicates(store).set_aside == 2
    assert pool(store)["record_id"].to_pylist() == first


def test_a_member_that_was_set_aside_does_not_speak_for_the_others(store):
    ids = add_records(store, pa.table({"text": [SENTENCE.format(n) for n in (1, 2)]}), source_name="s").record_ids
    with store.transaction() as db:
        db.execute("INSERT INTO set_aside VALUES ($1, 'notice', '')", [min(ids)])
    find_duplicates(store)
    assert pool(store)["record_id"].to_pylist() == [max(ids)]


def test_nothing_is_left_on_the_disk_even_of_a_killed_run(store, tmp_path):
    (tmp_path / "tilth.duckdb.near-equal").mkdir()
    (tmp_path / "tilth.duckdb.near-equal" / "texts").write_text("half")
    add_records(store, pa.table({"text": [SENTENCE.format(n) for n in (1, 2)]}), source_name="s")
    assert find_duplicates(store).clusters == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"tilth.duckdb", "tilth.duckdb.wal"}


def test_a_disk_without_room_is_told_and_nothing_is_changed(store, monkeypatch):
    add_records(store, pa.table({"text": [SENTENCE.format(n) for n in (1, 2)]}), source_name="s")
    find_duplicates(store)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sketches, "_append", full)
    with pytest.raises(DiskFull, match="Free some"):
        find_duplicates(store)
    assert store.read("SELECT * FROM duplicates").num_rows == 2
