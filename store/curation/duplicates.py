"""Near-equal records: which cluster a record is in, and which record speaks for the cluster.

Records whose normal forms are equal come together first. MinHash with banded locality-sensitive hashing proposes
further pairs; each is then compared exactly, so that a cluster never rests on an estimate.
"""

import errno
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from store.curation.near_equal import Clusters, clusters_of
from store.curation.shingling import SHINGLE
from store.curation.sketches import Sketches
from store.curation.streaming import stream
from store.database import DiskFull, Store
from store.versions import OUTDATED

THRESHOLD = 0.8
METHOD = f"minhash-{SHINGLE}gram-{THRESHOLD}"

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Duplicates:
    """What a search for near-equal records found.

    Attributes:
        records: How many records were compared.
        clusters: How many clusters of two or more records there are.
        set_aside: How many records another one speaks for.
    """

    records: int
    clusters: int
    set_aside: int


def similar_pairs(texts: Sequence[str], threshold: float = THRESHOLD) -> Iterator[tuple[int, int, float]]:
    """Pairs of places in `texts` whose shingles have a Jaccard similarity of `threshold` or more, with it, in order.

    Looked for within clusters, all pairs of which are compared: n texts that are equal are n (n - 1) / 2 pairs.
    """
    with tempfile.TemporaryDirectory() as folder:
        sketches = _sketched(Path(folder), texts)
        first = clusters_of(sketches, threshold).first
        order = np.argsort(first, kind="stable")
        position, ends = np.argsort(order), np.searchsorted(first[order], first, side="right")
        for place in np.flatnonzero(sketches.shingled).tolist():
            # The pairs of one place at a time: all those of a large cluster would not fit into memory.
            later = order[position[place] + 1 : ends[place]]
            similarities = _similarities(sketches, np.full(len(later), place), later, threshold)
            near = similarities >= threshold
            for other, similarity in zip(later[near].tolist(), similarities[near].tolist(), strict=True):
                yield place, other, similarity


def _similarities(sketches: Sketches, left: np.ndarray, right: np.ndarray, threshold: float) -> np.ndarray:
    """The similarities of pairs of places; 0 where they are far under `threshold`."""
    similarities = np.ones(len(left))
    others = np.flatnonzero(np.any(sketches.digests[left] != sketches.digests[right], axis=1))
    similarities[others] = sketches.similar(left[others], right[others], threshold)
    return similarities


def cluster_duplicates(ids: Sequence[str], texts: Sequence[str]) -> pa.Table:
    """The rows of the `duplicates` table for records that are near-equal to another one.

    A cluster is what pairs connect. Its name is the smallest id in it; the first record of `ids` that is in it speaks
    for it.
    """
    with tempfile.TemporaryDirectory() as place:
        sketches = _sketched(Path(place), texts)
        return _rows(sketches, clusters_of(sketches, THRESHOLD), pa.array(ids, pa.string()), np.arange(len(ids)))


def find_duplicates(store: Store, progress: Progress | None = None) -> Duplicates:
    """Cluster every text record anew and keep the clusters.

    The earliest record of a cluster speaks for it, of those that no other step of curation set aside and no later
    version took the place of, where there are any. Memory grows with the number of records, by some hundred bytes
    each, and not with their length.

    Args:
        progress: Told how many records have been read, of how many.

    Raises:
        DiskFull: There is no room beside the store for what is compared; nothing was changed.
    """
    with _folder_beside(store.path) as folder:
        sketches = Sketches(folder)
        records = _read_into(sketches, store, progress)
        sketches.close()
        clusters = clusters_of(sketches, THRESHOLD)
        rows = _rows(sketches, clusters, records["record_id"].combine_chunks(), _precedence(records))
    with store.transaction() as db, store.table("clustered", rows):
        db.execute("DELETE FROM duplicates")
        db.execute(
            "INSERT INTO duplicates SELECT record_id, cluster_id, representative_id, similarity, $1 FROM clustered",
            [METHOD],
        )
    found = pc.count_distinct(rows["cluster_id"]).as_py()
    return Duplicates(records.num_rows, found, rows.num_rows - found)


def _sketched(folder: Path, texts: Sequence[str]) -> Sketches:
    sketches = Sketches(folder)
    sketches.add(texts)
    sketches.close()
    return sketches


def _read_into(sketches: Sketches, store: Store, progress: Progress | None) -> pa.Table:
    total = store.read("SELECT count(*) AS n FROM records WHERE text IS NOT NULL")["n"][0].as_py()
    read, parts = 0, []
    for batch in stream(
        store,
        f"""
        SELECT record_id, text, added_at,
               record_id IN (SELECT record_id FROM set_aside WHERE step <> 'split' UNION ALL {OUTDATED}) AS is_aside
        FROM records
        WHERE text IS NOT NULL
        """,
    ):
        sketches.add(batch["text"].to_pylist())
        parts.append(batch.drop_columns("text"))
        read += batch.num_rows
        if progress is not None:
            progress(read, total)
    kinds = [("record_id", pa.string()), ("added_at", pa.timestamp("us", tz="UTC")), ("is_aside", pa.bool_())]
    return pa.concat_tables([part.cast(pa.schema(kinds)) for part in parts] or [pa.schema(kinds).empty_table()])


def _precedence(records: pa.Table) -> np.ndarray:
    """For each record its place among those that may speak for a cluster; the smallest does."""
    keys = [("is_aside", "ascending"), ("added_at", "ascending"), ("record_id", "ascending")]
    order = pc.sort_indices(records, sort_keys=keys).to_numpy()
    return np.argsort(order)


def _rows(sketches: Sketches, clusters: Clusters, ids: pa.Array, precedence: np.ndarray) -> pa.Table:
    first = clusters.first
    members = np.flatnonzero(np.bincount(first, minlength=len(first))[first] > 1)
    name = _smallest(first, members, np.argsort(pc.sort_indices(ids).to_numpy()))
    speaker = _smallest(first, members, precedence)
    similarity = np.ones(len(members))
    others = np.flatnonzero(np.any(sketches.digests[members] != sketches.digests[speaker], axis=1))
    similarity[others] = sketches.exactly(members[others], speaker[others])
    return pa.table(
        {
            "record_id": ids.take(pa.array(members)),
            "cluster_id": ids.take(pa.array(name)),
            "representative_id": ids.take(pa.array(speaker)),
            "similarity": pa.array(similarity, pa.float64()),
        }
    )


def _smallest(first: np.ndarray, members: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """For each member, the place with the smallest rank in its cluster."""
    least = np.full(len(first), len(first))
    np.minimum.at(least, first[members], rank[members])
    return np.argsort(rank)[least[first[members]]]


@contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    # A fixed name: what a killed run left is cleared away by the next one.
    folder = path.with_name(path.name + ".near-equal")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise DiskFull(
            f"No space left on the disk that holds {path}: comparing records takes about as much room there as their "
            f"texts, and 300 bytes each. Free some and run the same command again."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
