"""Embeddings: a vector, by content hash and encoder revision, so that a text is embedded once."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from store.database import Store


class StoredVectors:
    """The store's embeddings as the cache that an encoder asks.

    It gives the store up after each call: what lies between two calls is the encoder's long work.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, encoder: str, hashes: Sequence[str]) -> tuple[list[str], np.ndarray]:
        """Those of `hashes` that are known (M,), and their vectors, float32 (M, D)."""
        wanted = pa.table({"content_hash": pa.array(list(dict.fromkeys(hashes)), pa.string())})
        with self.store.table("wanted_hashes", wanted):
            rows = self.store.read(
                """
                SELECT content_hash, vector
                FROM embeddings
                JOIN wanted_hashes USING (content_hash)
                WHERE encoder = $1
                """,
                [encoder],
            )
        self.store.let_go()
        if not rows.num_rows:
            return [], np.empty((0, 0), dtype=np.float32)
        flat = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return rows["content_hash"].to_pylist(), flat.reshape(rows.num_rows, -1).astype(np.float32, copy=False)

    def put(self, encoder: str, hashes: Sequence[str], vectors: np.ndarray) -> None:
        """Keep vectors, float32 (N, D); those that are known stay as they are."""
        if not len(hashes):
            return
        flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
        column = pa.FixedSizeListArray.from_arrays(flat, int(vectors.shape[1])).cast(pa.list_(pa.float32()))
        batch = pa.table({"content_hash": pa.array(hashes, pa.string()), "vector": column})
        with self.store.transaction() as db, self.store.table("new_vectors", batch):
            db.execute("INSERT OR IGNORE INTO embeddings SELECT content_hash, $1, vector FROM new_vectors", [encoder])
        self.store.let_go()


def encoder_keys(store: Store) -> list[str]:
    """What vectors are kept under (`name@revision`, or `name@revision#view`), the key with the most vectors first."""
    rows = store.read("SELECT encoder FROM embeddings GROUP BY encoder ORDER BY count(*) DESC, encoder")
    found: list[str] = rows["encoder"].to_pylist()
    return found
