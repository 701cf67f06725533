"""Near-equal records: which cluster a record is in, and which record speaks for the cluster.

MinHash over shingles (Broder, "On the resemblance and containment of documents", 1997) with banded locality-sensitive
hashing proposes pairs; each proposed pair is then compared exactly, so that a cluster never rests on an estimate.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from rensa import RMinHash, RMinHashLSH
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from store.database import Store

SHINGLE = 4
THRESHOLD = 0.8
PERMUTATIONS = 128
BANDS = 32
METHOD = f"minhash-{SHINGLE}gram-{THRESHOLD}"


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


def shingles(text: str) -> set[str]:
    """The character 4-grams of the text in lower case; what is neither letter nor digit counts as one space."""
    plain = " ".join(re.findall(r"\w+", text.casefold()))
    return {plain[i : i + SHINGLE] for i in range(max(1, len(plain) - SHINGLE + 1))}


def similar_pairs(texts: Sequence[str], threshold: float = THRESHOLD) -> Iterator[tuple[int, int, float]]:
    """Pairs of places in `texts` whose shingles have a Jaccard similarity of `threshold` or more, with it."""
    sets = [shingles(text) for text in texts]
    signatures = RMinHash.from_token_sets([list(one) for one in sets], PERMUTATIONS, 1)
    index = RMinHashLSH(threshold, PERMUTATIONS, BANDS)
    for place, signature in enumerate(signatures):
        for other in sorted(set(index.query(signature))):
            union = len(sets[place] | sets[other])
            similarity = len(sets[place] & sets[other]) / union
            if similarity >= threshold:
                yield other, place, similarity
        index.insert(place, signature)


def cluster_duplicates(ids: Sequence[str], texts: Sequence[str]) -> pa.Table:
    """The rows of the `duplicates` table for records that are near-equal to another one.

    A cluster is what pairs connect. Its name is the smallest id in it; the first record of `ids` that is in it speaks
    for it.
    """
    pairs = list(similar_pairs(texts))
    left, right = [p[0] for p in pairs], [p[1] for p in pairs]
    graph = coo_array((np.ones(len(pairs)), (left, right)), shape=(len(ids), len(ids)))
    _, component = connected_components(graph, directed=False)
    best: dict[int, float] = {}
    for one, other, similarity in pairs:
        best[one] = max(similarity, best.get(one, 0.0))
        best[other] = max(similarity, best.get(other, 0.0))
    members: dict[int, list[int]] = {}
    for place in sorted(best):
        members.setdefault(int(component[place]), []).append(place)
    rows = [
        (ids[place], min(ids[m] for m in cluster), ids[cluster[0]], best[place])
        for cluster in members.values()
        for place in cluster
    ]
    names = ("record_id", "cluster_id", "representative_id")
    columns = {name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(names)}
    return pa.table(columns | {"similarity": pa.array([row[3] for row in rows], pa.float64())})


def find_duplicates(store: Store) -> Duplicates:
    """Cluster every text record anew and keep the clusters; the earliest record of a cluster speaks for it."""
    texts = store.read("SELECT record_id, text FROM records WHERE text IS NOT NULL ORDER BY added_at, record_id")
    rows = cluster_duplicates(texts["record_id"].to_pylist(), texts["text"].to_pylist())
    with store.transaction() as db, store.table("clustered", rows):
        db.execute("DELETE FROM duplicates")
        db.execute(
            "INSERT INTO duplicates SELECT record_id, cluster_id, representative_id, similarity, $1 FROM clustered",
            [METHOD],
        )
    clusters = len(set(rows["cluster_id"].to_pylist()))
    return Duplicates(texts.num_rows, clusters, rows.num_rows - clusters)
