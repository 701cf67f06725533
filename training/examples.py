"""What goes into a model and what comes out, each array with the ids it speaks of."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.errors import ExamplesError, NotFinite

Strings = NDArray[np.str_]


def content_hash(text: str) -> str:
    """SHA-256 of the text's UTF-8 bytes, 64 hex digits: the key of its vector where the caller names no other."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def strings(values: Iterable[str]) -> Strings:
    """The values as an array of text; an empty one too has a text type, where numpy would choose float64."""
    return np.asarray(list(values), dtype=np.str_)


def require_distinct_ids(ids: Strings, what: str) -> None:
    """Raise `ExamplesError` when an id stands there twice."""
    if len(np.unique(ids)) != len(ids):
        values, counts = np.unique(ids, return_counts=True)
        raise ExamplesError(f"{what}: id {str(values[counts > 1][0])!r} stands there more than once.")


def require_lengths(what: str, n: int, **columns: Sequence[object] | NDArray[np.generic]) -> None:
    """Raise `ExamplesError` when a column has not exactly `n` rows."""
    for name, column in columns.items():
        if len(column) != n:
            raise ExamplesError(f"{what}: {n} ids but {len(column)} {name}.")


@dataclass(frozen=True)
class Examples:
    """Labelled texts to fit a model on.

    Args:
        ids: (N,) record ids, distinct.
        texts: N texts; an empty one is allowed.
        labels: (N,) int64, an index into the classes of the model.
        random: (N,) bool, True where the record was drawn at random, not chosen by a strategy. Without it, all True.
        groups: (N,) the group that may not be torn apart by a split. Without it, every record is its own.
        content_hashes: (N,) the key of each text's vector in a `VectorCache`. Without it, `content_hash` of the text.
        weights: (N,) float64, above 0: how far each label is trusted, 1 for one like any other. Without it, all 1.

    Raises:
        ExamplesError: Lengths differ, an id repeats, a label is negative, or a weight is not above 0.
    """

    ids: Strings
    texts: list[str]
    labels: NDArray[np.int64]
    random: NDArray[np.bool_] = field(default=None)  # type: ignore[arg-type]
    groups: Strings = field(default=None)  # type: ignore[arg-type]
    content_hashes: Strings = field(default=None)  # type: ignore[arg-type]
    weights: NDArray[np.float64] = field(default=None)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        _set(self, ids=strings(self.ids), texts=list(self.texts), labels=np.asarray(self.labels, dtype=np.int64))
        n = len(self.ids)
        require_lengths("examples", n, texts=self.texts, labels=self.labels)
        random = np.ones(n, dtype=bool) if self.random is None else np.asarray(self.random, dtype=bool)
        groups = self.ids if self.groups is None else strings(self.groups)
        hashes = _hashes(self.texts) if self.content_hashes is None else strings(self.content_hashes)
        weights = np.ones(n) if self.weights is None else np.asarray(self.weights, dtype=np.float64)
        _set(self, random=random, groups=groups, content_hashes=hashes, weights=weights)
        require_lengths("examples", n, random=random, groups=groups, content_hashes=hashes, weights=weights)
        if n and not (np.isfinite(weights) & (weights > 0)).all():
            raise ExamplesError("examples: every weight must be a number above 0.")
        require_distinct_ids(self.ids, "examples")
        if n and self.labels.min() < 0:
            raise ExamplesError(f"examples: label {int(self.labels.min())} is no index into the classes.")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Examples":
        """The examples of these rows, in this order."""
        chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Examples(
            ids=self.ids[chosen],
            texts=[self.texts[row] for row in chosen],
            labels=self.labels[chosen],
            random=self.random[chosen],
            groups=self.groups[chosen],
            content_hashes=self.content_hashes[chosen],
            weights=self.weights[chosen],
        )

    def inputs(self) -> "Inputs":
        """The texts without their labels."""
        return Inputs(ids=self.ids, texts=self.texts, content_hashes=self.content_hashes)


@dataclass(frozen=True)
class Inputs:
    """Texts to embed or to predict for.

    Args:
        ids: (N,) record ids, distinct.
        texts: N texts; an empty one is allowed.
        content_hashes: (N,) the key of each text's vector in a `VectorCache`. Without it, `content_hash` of the text.

    Raises:
        ExamplesError: Lengths differ, or an id repeats.
    """

    ids: Strings
    texts: list[str]
    content_hashes: Strings = field(default=None)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        hashes = _hashes(self.texts) if self.content_hashes is None else strings(self.content_hashes)
        _set(self, ids=strings(self.ids), texts=list(self.texts), content_hashes=hashes)
        require_lengths("inputs", len(self.ids), texts=self.texts, content_hashes=hashes)
        require_distinct_ids(self.ids, "inputs")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.int64]) -> "Inputs":
        """The inputs of these rows, in this order."""
        return Inputs(self.ids[rows], [self.texts[row] for row in rows], self.content_hashes[rows])


@dataclass(frozen=True)
class Predictions:
    """What one model says of some records.

    Args:
        ids: (N,) record ids, distinct.
        probabilities: (N, K) float64, calibrated; every row sums to 1.
        embeddings: (N, D) float32 in the model's own space, of length 1, or None where there are none.
        members: (M, N, K) the probabilities that each member of an ensemble gives, or None where there is no ensemble.

    Raises:
        ExamplesError: Lengths differ, an id repeats, or a row does not sum to 1.
        NotFinite: A probability or an embedding is NaN or infinite.
    """

    ids: Strings
    probabilities: NDArray[np.float64]
    embeddings: NDArray[np.float32] | None = None
    members: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        _set(self, ids=strings(self.ids), probabilities=np.asarray(self.probabilities, dtype=np.float64))
        n = len(self.ids)
        if self.probabilities.ndim != 2:
            raise ExamplesError(f"predictions: probabilities of shape {self.probabilities.shape}; (N, K) is needed.")
        require_lengths("predictions", n, probabilities=self.probabilities)
        require_distinct_ids(self.ids, "predictions")
        require_finite(self.ids, self.probabilities, "a probability")
        wrong = np.abs(self.probabilities.sum(axis=1) - 1) > 1e-6
        if wrong.any() or (self.probabilities < 0).any():
            row = int(np.argmax(wrong | (self.probabilities < 0).any(axis=1)))
            raise ExamplesError(f"predictions: the probabilities of {str(self.ids[row])!r} are no distribution.")
        if self.embeddings is not None:
            _set(self, embeddings=np.asarray(self.embeddings, dtype=np.float32))
            require_lengths("predictions", n, embeddings=self.embeddings)
            require_finite(self.ids, self.embeddings, "an embedding")
        if self.members is not None and self.members.shape[1:] != self.probabilities.shape:
            raise ExamplesError(
                f"predictions: members of shape {self.members.shape}, probabilities of {self.probabilities.shape}."
            )

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, ids: Sequence[str] | Strings) -> "Predictions":
        """The predictions of these records, in this order.

        Raises:
            ExamplesError: An id has no prediction.
        """
        wanted = strings(ids)
        order = np.argsort(self.ids)
        place = np.searchsorted(self.ids, wanted, sorter=order)
        rows = order[np.minimum(place, len(order) - 1)] if len(order) else np.zeros(len(wanted), dtype=np.int64)
        missing = self.ids[rows] != wanted if len(order) else np.ones(len(wanted), dtype=bool)
        if missing.any():
            raise ExamplesError(f"predictions: there is none for {str(wanted[missing][0])!r}.")
        return Predictions(
            wanted,
            self.probabilities[rows],
            None if self.embeddings is None else self.embeddings[rows],
            None if self.members is None else self.members[:, rows],
        )


def require_finite(ids: Strings, values: NDArray[np.floating], what: str) -> None:
    """Raise `NotFinite`, naming the first record of which a row of `values` (N, D) has NaN or infinity."""
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise NotFinite(f"{what} of {str(ids[int(np.argmin(finite))])!r} is NaN or infinite; {(~finite).sum()} in all.")


def _hashes(texts: Iterable[str]) -> Strings:
    return strings(content_hash(text) for text in texts)


def _set(frozen: object, **values: object) -> None:
    for name, value in values.items():
        object.__setattr__(frozen, name, value)
