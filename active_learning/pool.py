"""The pool that a strategy chooses from, and what it chose.

Every array travels with its ids: a row means the record that `ids` names there, and the order of rows means nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from active_learning.chunks import row_slices
from active_learning.name_hashes import name_codes, repeated_name
from store.errors import TilthError

Ids = npt.NDArray[np.str_]
Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]

SUM_TOLERANCE = 1e-2  # half-precision probabilities over 77 classes sum to 1 within 4e-3


class PoolError(TilthError):
    """A pool contradicts itself, or lacks what the strategy needs."""


@dataclass(frozen=True, eq=False)
class Pool:
    """The records that may be chosen now: neither labelled nor held out; and what is known of those that are labelled.

    Attributes:
        ids: (N,) record ids, distinct.
        probabilities: (N, K) calibrated, rows sum to 1; None while there is no model.
        embeddings: (N, D) one vector a record; None when nothing embeds the records.
        labelled_embeddings: (L, D) the vectors of what is labelled already; None when unknown or nothing is.
        clusters: (N,) the name of each record's cluster of near-equal records, of which at most one is chosen; a record
            that has no equal is its own cluster. None: no two records are near-equal.
        members: (M, N, K) what each member of an ensemble, or each pass with dropout, says of each record, as
            probabilities; None when the model has no members.
        labelled_labels: (L,) int, the class of each labelled record; None when unknown.
        labelled_probabilities: (L, K) what the model says of the labelled records; None when unknown. The three
            `labelled_` arrays speak of the same records in the same order.

    Raises:
        PoolError: A duplicate id, lengths that differ, a number that is NaN or infinite, probabilities that are none,
            a label that is no class, or a record without a cluster name.
    """

    ids: Ids
    probabilities: Floats | None = None
    embeddings: Floats | None = None
    labelled_embeddings: Floats | None = None
    clusters: Ids | None = None
    members: Floats | None = None
    labelled_labels: Integers | None = None
    labelled_probabilities: Floats | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", _names(self.ids, "ids"))
        twice = repeated_name(self.ids)
        if twice is not None:
            raise PoolError(f'the pool holds record "{twice}" more than once; ids must be distinct.')
        if self.clusters is not None:
            object.__setattr__(self, "clusters", _names(self.clusters, "clusters"))
            self._same_length("clusters", self.clusters)
        for name in ("probabilities", "embeddings", "labelled_embeddings", "labelled_probabilities"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _matrix(getattr(self, name), name))
        if self.probabilities is not None:
            self._same_length("probabilities", self.probabilities)
            self._check_probabilities(self.probabilities, "the probabilities")
        if self.embeddings is not None:
            self._same_length("embeddings", self.embeddings)
            self._check_embeddings(self.embeddings)
        if self.members is not None:
            object.__setattr__(self, "members", _floats(self.members))
            self._check_members(self.members)
        self._check_labelled()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labels(self) -> int | None:
        """How many records are labelled; None when that is not known."""
        for array in (self.labelled_labels, self.labelled_embeddings, self.labelled_probabilities):
            if array is not None:
                return len(array)
        return None

    @cached_property
    def cluster_codes(self) -> npt.NDArray[np.int64]:
        """(N,) a number for each record's cluster, from 0 up."""
        return np.arange(len(self.ids)) if self.clusters is None else name_codes(self.clusters)

    @cached_property
    def clusters_left(self) -> int:
        """How many records can be chosen at most: one per cluster."""
        return int(self.cluster_codes.max()) + 1 if len(self.ids) else 0

    def take(self, rows: npt.NDArray[np.integer[Any]] | npt.NDArray[np.bool_]) -> "Pool":
        """The pool of these rows, in this order, with all that is known of the labelled records."""
        return Pool(
            ids=self.ids[rows],
            probabilities=None if self.probabilities is None else self.probabilities[rows],
            embeddings=None if self.embeddings is None else self.embeddings[rows],
            labelled_embeddings=self.labelled_embeddings,
            clusters=None if self.clusters is None else self.clusters[rows],
            members=None if self.members is None else self.members[:, rows],
            labelled_labels=self.labelled_labels,
            labelled_probabilities=self.labelled_probabilities,
        )

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

    def need_members(self, strategy: str) -> Floats:
        """What the members of an ensemble say, or a `PoolError` that says what gives members."""
        if self.members is None:
            raise PoolError(
                f'strategy "{strategy}" needs a model of several members that can disagree, and the current one has '
                'none: fit one with model = "auto", or choose by "margin".'
            )
        return self.members

    def _same_length(self, name: str, array: npt.NDArray[Any]) -> None:
        if len(array) != len(self.ids):
            raise PoolError(f"the pool has {len(self.ids)} ids but {len(array)} rows of {name}.")

    def _check_probabilities(self, probabilities: Floats, what: str) -> None:
        if len(self.ids) and probabilities.shape[1] == 0:
            raise PoolError("the pool's probabilities have no class; they must have one column a class.")
        wrong = _no_distribution(probabilities)
        if wrong is not None:
            raise PoolError(f'{what} of record "{self.ids[wrong]}" are NaN, negative or do not sum to 1.')

    def _check_embeddings(self, embeddings: Floats) -> None:
        for rows in row_slices(len(self.ids)):
            finite = np.isfinite(embeddings[rows]).all(axis=1)
            if not finite.all():
                raise PoolError(f'the embedding of record "{self.ids[rows][~finite][0]}" is NaN or infinite.')

    def _check_members(self, members: Floats) -> None:
        if members.ndim != 3 or not len(members):
            raise PoolError(f"members must have the shape (members, records, classes), not {members.shape}.")
        self._same_length("members", members[0])
        self._same_classes("members", members.shape[2])
        for number, member in enumerate(members):
            self._check_probabilities(member, f"what member {number} says")

    def _check_labelled(self) -> None:
        vectors, labels, said = self.labelled_embeddings, self.labelled_labels, self.labelled_probabilities
        if vectors is not None:
            if not np.isfinite(vectors).all():
                raise PoolError("an embedding of a labelled record is NaN or infinite.")
            if self.embeddings is not None and len(vectors) and vectors.shape[1] != self.embeddings.shape[1]:
                raise PoolError(
                    f"labelled records are embedded in {vectors.shape[1]} dimensions, "
                    f"the pool in {self.embeddings.shape[1]}; embed both with one encoder."
                )
        if said is not None:
            if _no_distribution(said) is not None:
                raise PoolError("probabilities of a labelled record are NaN, negative or do not sum to 1.")
            if len(said):
                self._same_classes("labelled_probabilities", said.shape[1])
        if labels is not None:
            labels = np.asarray(labels)
            if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
                raise PoolError("labelled_labels must be one row of whole numbers, an index into the classes each.")
            object.__setattr__(self, "labelled_labels", labels.astype(np.int64))
            classes = None if self.probabilities is None else self.probabilities.shape[1]
            if len(labels) and (labels.min() < 0 or (classes is not None and labels.max() >= classes)):
                raise PoolError(f"a labelled record has class {labels.min()} to {labels.max()}, of {classes} classes.")
        lengths = {len(array) for array in (vectors, labels, said) if array is not None}
        if len(lengths) > 1:
            raise PoolError(f"what is known of the labelled records has different lengths: {sorted(lengths)}.")

    def _same_classes(self, name: str, classes: int) -> None:
        if self.probabilities is not None and classes != self.probabilities.shape[1]:
            raise PoolError(f"{name} have {classes} classes, the probabilities {self.probabilities.shape[1]}.")


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


def _names(names: npt.ArrayLike, what: str) -> Ids:
    array = np.asarray(names)
    if array.ndim != 1:
        raise PoolError(f"{what} must be one row of strings, not an array of shape {array.shape}.")
    # As a string array, None would become the name "None" that all such records share.
    if array.dtype.kind not in "UT" and not all(isinstance(name, str) for name in array.tolist()):
        raise PoolError(f"{what} must be strings; a record without equals is its own cluster.")
    names_only = array.astype(np.str_, copy=False)
    if (names_only == "").any():
        raise PoolError(f"{what} must not be empty strings; a record without equals is its own cluster.")
    return names_only


def _floats(array: npt.ArrayLike) -> Floats:
    numbers = np.asarray(array)
    return numbers if numbers.dtype.kind == "f" else numbers.astype(np.float64)


def _matrix(array: npt.ArrayLike, name: str) -> Floats:
    matrix = _floats(array)
    if matrix.ndim != 2:
        raise PoolError(f"{name} must have one row a record, not the shape {matrix.shape}.")
    return matrix


def _no_distribution(probabilities: Floats) -> int | None:
    """The first row of (N, K) that is no distribution over K classes; None when all are."""
    if not probabilities.size:
        return 0 if len(probabilities) else None
    for rows in row_slices(len(probabilities)):
        part = probabilities[rows]
        # A NaN makes every comparison false, so asking what is right catches it too.
        right = (np.abs(part.sum(axis=1, dtype=np.float64) - 1) < SUM_TOLERANCE) & (part.min(axis=1) >= 0)
        if not right.all():
            return rows.start + int(np.argmin(right))
    return None
