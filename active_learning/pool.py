"""The pool that a strategy chooses from, and what it chose.

Every array travels with its ids: a row means the record that `ids` names there, and the order of rows means nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from store.errors import TilthError

Ids = npt.NDArray[np.str_]
Floats = npt.NDArray[np.floating[Any]]

ROWS_AT_ONCE = 16_384
SUM_TOLERANCE = 1e-2  # half-precision probabilities over 77 classes sum to 1 within 4e-3


class PoolError(TilthError):
    """A pool contradicts itself, or lacks what the strategy needs."""


@dataclass(frozen=True, eq=False)
class Pool:
    """The records that may be chosen now: neither labelled nor held out.

    Attributes:
        ids: (N,) record ids, distinct.
        probabilities: (N, K) calibrated, rows sum to 1; None while there is no model.
        embeddings: (N, D) one vector a record; None when nothing embeds the records.
        labelled_embeddings: (L, D) the vectors of what is labelled already; None when unknown or nothing is.
        clusters: (N,) the name of each record's cluster of near-equal records, of which at most one is chosen; a record
            that has no equal is its own cluster. None: no two records are near-equal.

    Raises:
        PoolError: A duplicate id, lengths that differ, a number that is NaN or infinite, probabilities that are none,
            or a record without a cluster name.
    """

    ids: Ids
    probabilities: Floats | None = None
    embeddings: Floats | None = None
    labelled_embeddings: Floats | None = None
    clusters: Ids | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", _names(self.ids, "ids"))
        if len(set(self.ids.tolist())) < len(self.ids):
            values, counts = np.unique(self.ids, return_counts=True)
            raise PoolError(f'the pool holds record "{values[counts.argmax()]}" more than once; ids must be distinct.')
        if self.clusters is not None:
            object.__setattr__(self, "clusters", _names(self.clusters, "clusters"))
            self._same_length("clusters", self.clusters)
        for name in ("probabilities", "embeddings", "labelled_embeddings"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _matrix(getattr(self, name), name))
        if self.probabilities is not None:
            self._same_length("probabilities", self.probabilities)
            self._check_probabilities(self.probabilities)
        if self.embeddings is not None:
            self._same_length("embeddings", self.embeddings)
            self._check_embeddings(self.embeddings)
        if self.labelled_embeddings is not None:
            self._check_labelled(self.labelled_embeddings)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def clusters_left(self) -> int:
        """How many records can be chosen at most: one per cluster."""
        return len(self.ids) if self.clusters is None else len(set(self.clusters.tolist()))

    def need_probabilities(self, strategy: str) -> Floats:
        """The probabilities, or a `PoolError` that says that `strategy` needs a model."""
        if self.probabilities is None:
            raise PoolError(
                f'strategy "{strategy}" needs a model\'s probabilities; fit one, or begin with "typiclust".'
            )
        return self.probabilities

    def need_embeddings(self, strategy: str) -> Floats:
        """The embeddings, or a `PoolError` that says that `strategy` needs them."""
        if self.embeddings is None:
            raise PoolError(
                f'strategy "{strategy}" needs an embedding of each record; embed the pool, or take "margin".'
            )
        return self.embeddings

    def _same_length(self, name: str, array: npt.NDArray[Any]) -> None:
        if len(array) != len(self.ids):
            raise PoolError(f"the pool has {len(self.ids)} ids but {len(array)} rows of {name}.")

    def _check_probabilities(self, probabilities: Floats) -> None:
        if len(self.ids) and probabilities.shape[1] == 0:
            raise PoolError("the pool's probabilities have no class; they must have one column a class.")
        for rows in row_slices(len(self.ids)):
            part = probabilities[rows]
            # A NaN makes every comparison false, so asking what is right catches it too.
            right = (np.abs(part.sum(axis=1, dtype=np.float64) - 1) < SUM_TOLERANCE) & (part.min(axis=1) >= 0)
            if not right.all():
                wrong = self.ids[rows][~right][0]
                raise PoolError(f'the probabilities of record "{wrong}" are NaN, negative or do not sum to 1.')

    def _check_embeddings(self, embeddings: Floats) -> None:
        for rows in row_slices(len(self.ids)):
            finite = np.isfinite(embeddings[rows]).all(axis=1)
            if not finite.all():
                raise PoolError(f'the embedding of record "{self.ids[rows][~finite][0]}" is NaN or infinite.')

    def _check_labelled(self, labelled: Floats) -> None:
        if not np.isfinite(labelled).all():
            raise PoolError("an embedding of a labelled record is NaN or infinite.")
        if self.embeddings is not None and len(labelled) and labelled.shape[1] != self.embeddings.shape[1]:
            raise PoolError(
                f"labelled records are embedded in {labelled.shape[1]} dimensions, "
                f"the pool in {self.embeddings.shape[1]}; embed both with one encoder."
            )


@dataclass(frozen=True, eq=False)
class Selection:
    """What a strategy chose.

    Attributes:
        ids: (n,) distinct record ids, most wanted first.
        scores: (n,) float64, how much each was wanted, in [0, 1]; comparable within one selection only.
        reason: Why these, in a sentence for the person who labels them.
    """

    ids: Ids
    scores: npt.NDArray[np.float64]
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", _names(self.ids, "ids"))
        object.__setattr__(self, "scores", np.asarray(self.scores, dtype=np.float64))
        if len(self.ids) != len(self.scores):
            raise PoolError(f"a selection has {len(self.ids)} ids but {len(self.scores)} scores.")
        if len(set(self.ids.tolist())) < len(self.ids):
            raise PoolError("a selection names a record more than once.")

    def __len__(self) -> int:
        return len(self.ids)


Strategy = Callable[[Pool, int, np.random.Generator], Selection]


def row_slices(rows: int, at_once: int = ROWS_AT_ONCE) -> Iterator[slice]:
    """The slices that cover `rows` rows, `at_once` each: what is computed per slice needs memory for a slice only."""
    return (slice(start, min(start + at_once, rows)) for start in range(0, rows, at_once))


def _names(names: npt.ArrayLike, what: str) -> Ids:
    array = np.asarray(names)
    if array.ndim != 1:
        raise PoolError(f"{what} must be one row of strings, not an array of shape {array.shape}.")
    # As a string array, None would become the name "None" that all such records share.
    if array.dtype.kind not in "UT" and not all(isinstance(name, str) for name in array.tolist()):
        raise PoolError(f"{what} must be strings; a record without equals is its own cluster.")
    names_only = array.astype(np.str_)
    if (names_only == "").any():
        raise PoolError(f"{what} must not be empty strings; a record without equals is its own cluster.")
    return names_only


def _matrix(array: npt.ArrayLike, name: str) -> Floats:
    matrix = np.asarray(array)
    if matrix.dtype.kind != "f":
        matrix = matrix.astype(np.float64)
    if matrix.ndim != 2:
        raise PoolError(f"{name} must have one row a record, not the shape {matrix.shape}.")
    return matrix
