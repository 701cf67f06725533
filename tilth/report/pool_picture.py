"""What the maps of the pool show: a stated sample of the records, where each lies, and what is known of it."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from active_learning.pool_map import PoolMap, map_pool, method_here
from store import assignments, pool, records
from store.database import Store
from tilth.report.judged import Judged
from tilth.report.shown_text import shown_text
from tilth.report.vectors import known_vectors

IN_POOL = "in the pool"
CHOSEN = "chosen by the model"
CONTROL = "drawn at random to train on"
HELD_OUT = "held out to measure with"
LABELLED = "labelled otherwise"
WHATS = (IN_POOL, CHOSEN, CONTROL, HELD_OUT, LABELLED)
RIGHT, WRONG = "right", "wrong"

# Below 4,096 records UMAP looks at every pair, which is quicker than its index for neighbours.
MOST_POINTS = 4_000
FEWEST_OF_POOL = 1_000
MOST_KNOWN = 8_000
TEXT_LENGTH = 140
# With more classes their names would cover the map.
MOST_CLASS_NAMES = 12
# As shares of the map.
NAME_WIDTH, NAME_HEIGHT = 0.25, 0.045
LETTER_WIDTH = 0.015


@dataclass(frozen=True)
class PoolPicture:
    """The records on the map; none where no record has a vector.

    Attributes:
        columns: One list a column of `map_charts`, all of one length: `x` and `y` in thousandths, `what` and `verdict`
            by place in their lists, `label` and `said` by place among the classes, -1 where there is none, `sure` in
            hundredths.
        names: Where the name of a class stands: `name`, `x`, `y`; nothing where there are many classes.
        method: `umap` or `pca`; empty where there is no map.
        in_pool, of_pool: How many records of the pool are shown, of how many.
        known, of_known: The same of records that were labelled or asked about.
        last_round: The number of the newest round that asked about any of them, 0 without one.
    """

    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    names: Sequence[Mapping[str, Any]] = ()
    method: str = ""
    in_pool: int = 0
    of_pool: int = 0
    known: int = 0
    of_known: int = 0
    last_round: int = 0

    @property
    def shown(self) -> frozenset[str]:
        """What the records on the map are, of `WHATS`."""
        return frozenset(WHATS[place] for place in self.columns.get("what", ()))


def picture_pool(
    store: Store,
    classes: Sequence[str],
    judged: Judged,
    *,
    keys: Sequence[str],
    seed: int,
    kept_in: Path | None,
    say: Callable[[str], None],
) -> PoolPicture:
    """The map of a project's records as they are now.

    Args:
        judged: What is known of labels, and what the model says.
        keys: What vectors may be kept under, see `keys_to_try`; without any there is no map.
        kept_in: The file that remembers a layout which takes long; without it, it is made anew.
    """
    if not keys:
        return PoolPicture()
    what, rounds_of = _what_became_of_records(store, judged)
    waiting = [one for one in pool.pool(store)["record_id"].to_pylist() if one not in what]
    # A record's id is a hash: the first ones in its order are a sample, and stay one as the pool shrinks.
    known = sorted(what)[:MOST_KNOWN]
    free = sorted(waiting)[: max(FEWEST_OF_POOL, MOST_POINTS - len(known))]
    rows = {row["record_id"]: row for row in _rows(store, known + free)}
    hashes = [row["content_hash"] for row in rows.values()]
    place, vectors = known_vectors(store, keys, hashes)
    ids = sorted(one for one, row in rows.items() if row["content_hash"] in place)
    if not ids:
        return PoolPicture()
    laid_out = _laid_out(vectors[[place[rows[one]["content_hash"]] for one in ids]], seed, kept_in, say)
    columns = {
        "x": np.round(laid_out.points[:, 0] * 1000).astype(int).tolist(),
        "y": np.round(laid_out.points[:, 1] * 1000).astype(int).tolist(),
        "what": [WHATS.index(what.get(one, IN_POOL)) for one in ids],
        "round": [rounds_of.get(one, 0) for one in ids],
        "label": [judged.labels.get(one, -1) for one in ids],
        **_what_the_model_says(ids, judged),
        "text": [shown_text(rows[one]["text"], TEXT_LENGTH) for one in ids],
    }
    asked = sum(one in what for one in ids)
    return PoolPicture(
        columns=columns,
        names=_class_names(classes, columns),
        method=laid_out.method,
        in_pool=len(ids) - asked,
        of_pool=len(waiting),
        known=asked,
        of_known=len(what),
        last_round=max(rounds_of.values(), default=0),
    )


def _what_became_of_records(store: Store, judged: Judged) -> tuple[dict[str, str], dict[str, int]]:
    """Of each record that has a label or was asked about, what it was for, and in which round where it was in one."""
    from store import rounds

    numbers = {one.round_id: one.number for one in rounds.rounds(store)}
    what = dict.fromkeys(judged.labels, LABELLED) | dict.fromkeys(judged.held_out, HELD_OUT)
    found: dict[str, int] = {}
    named = {"selected": CHOSEN, "control": CONTROL, "holdout": HELD_OUT}
    for row in assignments.assignments(store).select(["record_id", "purpose", "round_id", "state"]).to_pylist():
        if row["purpose"] in named and row["state"] not in ("lost", "withdrawn"):
            what[row["record_id"]] = named[row["purpose"]]
            if row["round_id"] in numbers:
                found.setdefault(row["record_id"], numbers[row["round_id"]])
    return what, found


def _rows(store: Store, ids: Sequence[str]) -> list[dict[str, Any]]:
    return records.records(store, ids).select(["record_id", "content_hash", "text"]).to_pylist()


def _what_the_model_says(ids: Sequence[str], judged: Judged) -> dict[str, list[Any]]:
    honest = judged.honest
    said = [honest.get(one, judged.said.get(one)) for one in ids]
    verdicts = [
        int(honest[one].argmax() != judged.labels[one]) if one in honest and one in judged.labels else -1 for one in ids
    ]
    return {
        "said": [-1 if one is None else int(one.argmax()) for one in said],
        "sure": [-1 if one is None else round(100 * float(one.max())) for one in said],
        "verdict": verdicts,
    }


def _class_names(classes: Sequence[str], columns: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    if len(classes) > MOST_CLASS_NAMES:
        return []
    labels, x, y = (np.asarray(columns[name]) for name in ("label", "x", "y"))
    names = [
        {
            "name": shown_text(name, 28),
            "x": float(np.median(x[labels == index])) / 1000,
            "y": float(np.median(y[labels == index])) / 1000,
        }
        for index, name in enumerate(classes)
        if (labels == index).any()
    ]
    return _apart([_inside(one) for one in names])


def _inside(name: dict[str, Any]) -> dict[str, Any]:
    """The name moved from an edge of the map until none of it is cut."""
    half = LETTER_WIDTH * len(name["name"]) / 2
    return {**name, "x": min(max(name["x"], half), 1 - half)}


def _apart(names: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The names from the bottom up, each pushed above those that it would be written over."""
    placed: list[dict[str, Any]] = []
    for one in sorted(names, key=lambda name: name["y"]):
        y = one["y"]
        for other in placed:
            if abs(one["x"] - other["x"]) < NAME_WIDTH and abs(y - other["y"]) < NAME_HEIGHT:
                y = other["y"] + NAME_HEIGHT
        placed.append({**one, "y": y})
    return placed


def _laid_out(vectors: np.ndarray, seed: int, kept_in: Path | None, say: Callable[[str], None]) -> PoolMap:
    """The layout, looked up where it took long to make."""
    if kept_in is None or method_here(len(vectors)) == "pca":
        return map_pool(vectors, seed=seed, say=say)
    name = hashlib.sha256(np.ascontiguousarray(vectors, dtype=np.float32).tobytes() + str(seed).encode()).hexdigest()
    try:
        with np.load(kept_in, allow_pickle=False) as kept:
            if str(kept["name"]) == name:
                return PoolMap(kept["points"], "umap")
    except (OSError, ValueError, KeyError, EOFError):
        pass  # there is none yet, or it is no such file: it is made anew
    made = map_pool(vectors, seed=seed, say=say)
    try:
        kept_in.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept_in.with_suffix(".unfinished.npz")
        np.savez(unfinished, name=np.array(name), points=made.points)
        unfinished.replace(kept_in)
    except OSError:
        pass  # a cache that cannot be written only costs time
    return made
