"""How far people agree, and how good each of them is.

Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, for nominal values. Second looks do not count: whoever
gave one had seen what others and the model had said. With out-of-fold probabilities an annotator's quality is that of
CROWDLAB (Goh et al., "CROWDLAB: Supervised learning to infer consensus labels and quality scores for data with multiple
annotators", 2022) by cleanlab.
"""

import json
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labeling.answers import Answers, read_answers, standing_answers
from labeling.resolve import annotator_accuracy
from store.database import Store
from store.label_schema import LabelSchema
from store.labels import labels as read_labels

Floats = NDArray[np.float64]

RESAMPLES = 1000
CHUNK = 50

ANNOTATOR_COLUMNS = pa.schema(
    [
        ("annotator", pa.string()),
        ("answers", pa.int64()),
        ("shared", pa.int64()),
        ("agreement", pa.float64()),
        ("quality", pa.float64()),
        ("method", pa.string()),
        ("median_lead_time", pa.float64()),
    ]
)


class OutOfFold(Protocol):
    """Probabilities from models that were not fitted on the record: `ids` (N,) and `probabilities` (N, K)."""

    @property
    def ids(self) -> NDArray[np.str_]: ...
    @property
    def probabilities(self) -> Floats: ...


@dataclass(frozen=True)
class Pair:
    """Two annotators, how many records both answered, and the share of these that they answered alike."""

    first: str
    second: str
    records: int
    agreement: float


@dataclass(frozen=True)
class Agreement:
    """How far people agree on the records that several of them answered.

    Attributes:
        records: How many records two or more people answered.
        alpha: Krippendorff's alpha, at most 1; 0 is what chance gives. None where it is not defined: no such record, or
            all of their answers name one class.
        interval: 95 % bootstrap interval of alpha over records, or None.
        percent: The share of pairs of answers to one record that are alike, in [0, 1], the mean over records; or None.
        pairs: Every two annotators who share a record.
    """

    records: int
    alpha: float | None
    interval: tuple[float, float] | None
    percent: float | None
    pairs: tuple[Pair, ...]


def agreement(annotations: pa.Table, schema: LabelSchema, *, relooks: Collection[str] = (), seed: int = 0) -> Agreement:
    """How far the annotators agree.

    Args:
        annotations: Columns of the `annotations` table, in any order.
        relooks: The assignments that were second looks; answers to them are left out.
        seed: Of the bootstrap.

    Raises:
        SchemaError: An answer is not possible under the schema any more.
    """
    answers = standing_answers(annotations, schema, relooks=relooks, first_looks_only=True)
    counts = _value_counts(answers)
    counts = counts[counts.sum(axis=1) > 1]
    if not len(counts):
        return Agreement(0, None, None, None, ())
    alpha = float(_alphas(counts, np.ones((1, len(counts))))[0])
    people = counts.sum(axis=1)
    alike = (counts * (counts - 1)).sum(axis=1) / (people * (people - 1))
    return Agreement(
        records=len(counts),
        alpha=None if np.isnan(alpha) else alpha,
        interval=None if np.isnan(alpha) else _interval(counts, np.random.default_rng(seed)),
        percent=float(alike.mean()),
        pairs=_pairs(answers),
    )


def annotators(
    annotations: pa.Table,
    schema: LabelSchema,
    labels: pa.Table,
    *,
    relooks: Collection[str] = (),
    out_of_fold: OutOfFold | None = None,
) -> pa.Table:
    """What is known of each annotator, the best first.

    Args:
        annotations: Columns of the `annotations` table, in any order.
        labels: Columns of the `labels` table.
        relooks: The assignments that were second looks; answers to them are left out.
        out_of_fold: Probabilities from models not fitted on the record.

    Returns:
        `annotator`; `answers`, the records answered; `shared`, those of them that others answered too; `agreement`,
        the share of answers that the label bears out, among records whose label is not theirs alone (NULL where there
        are none); `quality` in [0, 1]; `method` of that: `crowdlab` where out-of-fold probabilities allow it, `vote`
        where the answers alone are judged, `prior` where there was nothing to judge by; `median_lead_time` in seconds
        (NULL where unknown).
    """
    answers = standing_answers(annotations, schema, relooks=relooks, first_looks_only=True)
    if not len(answers):
        return ANNOTATOR_COLUMNS.empty_table()
    table = _wide(answers) if (answers.classes >= 0).all() else None
    quality = annotator_accuracy(answers, len(schema.classes))
    people = np.bincount(answers.record, minlength=len(answers.records))
    shared_answer = people[answers.record] > 1
    m = len(answers.annotators)
    shared = np.bincount(answers.annotator[shared_answer], minlength=m)
    method = np.where(shared > 0, "vote", "prior").astype(object)
    if table is not None and out_of_fold is not None:
        judged = _crowdlab_quality(answers, table, out_of_fold)
        method[~np.isnan(judged)] = "crowdlab"
        quality = np.where(np.isnan(judged), quality, judged)
    borne_out = _agreement_with_labels(answers, schema, labels)
    lead = [np.median(t) if len(t) else None for t in (_lead_times(answers, row) for row in range(m))]
    order = np.lexsort((np.array(answers.annotators), -quality))
    return (
        pa.table(
            {
                "annotator": answers.annotators,
                "answers": np.bincount(answers.annotator, minlength=m),
                "shared": shared,
                "agreement": pa.array(borne_out, from_pandas=True),
                "quality": np.clip(quality, 0.0, 1.0),
                "method": list(method),
                "median_lead_time": pa.array(lead, pa.float64()),
            },
        )
        .cast(ANNOTATOR_COLUMNS)
        .take(order)
    )


def project_agreement(store: Store, schema: LabelSchema) -> dict[str, Any] | None:
    """`alpha` with its interval `low` to `high` over `records`; None where alpha is not defined."""
    given = read_answers(store)
    found = agreement(given.annotations, schema, relooks=given.relooks)
    if found.alpha is None or found.interval is None:
        return None
    low, high = found.interval
    return {"alpha": found.alpha, "low": low, "high": high, "records": found.records}


def annotator_rows(store: Store, schema: LabelSchema) -> list[dict[str, Any]]:
    """The rows of `annotators`, judged by the answers alone, with `seconds` for the median lead time."""
    given = read_answers(store)
    rows = annotators(given.annotations, schema, read_labels(store), relooks=given.relooks).to_pylist()
    return [row | {"seconds": row["median_lead_time"]} for row in rows]


def _lead_times(answers: Answers, annotator: int) -> Floats:
    times = answers.lead_time[answers.annotator == annotator]
    known: Floats = times[~np.isnan(times)]
    return known


def _value_counts(answers: Answers) -> Floats:
    """(R, V) how many people gave each record each value."""
    counts = np.zeros((len(answers.records), len(answers.values)))
    np.add.at(counts, (answers.record, answers.value), 1)
    return counts


def _alphas(counts: Floats, weights: Floats) -> Floats:
    """Nominal alpha of each resample.

    The package `krippendorff` holds a matrix of values by values for each record (470 MB for 10,000 records of 77
    classes) and knows no weights, which a bootstrap needs; the tests hold this to it.

    Args:
        counts: (R, V); every record has two answers or more.
        weights: (B, R) how often a resample holds each record.

    Returns:
        (B,); NaN where all values are the same.
    """
    people = counts.sum(axis=1)
    alike = (counts * (counts - 1)).sum(axis=1) / (people - 1)
    total = weights @ people
    per_value = weights @ counts
    chance = total**2 - (per_value**2).sum(axis=1)
    observed = total - weights @ alike
    with np.errstate(divide="ignore", invalid="ignore"):
        alphas: Floats = np.where(chance > 0, 1 - (total - 1) * observed / chance, np.nan)
    return alphas


def _interval(counts: Floats, rng: np.random.Generator) -> tuple[float, float]:
    r = len(counts)
    # Records that were answered alike are alike to alpha: drawing among the kinds is the same and much less work.
    kinds, of_kind = np.unique(counts, axis=0, return_counts=True)
    drawn = [
        _alphas(kinds, rng.multinomial(r, of_kind / r, size=CHUNK).astype(np.float64))
        for _ in range(RESAMPLES // CHUNK)
    ]
    low, high = np.nanpercentile(np.concatenate(drawn), [2.5, 97.5])
    return float(low), float(high)


def _shared_pairs(answers: Answers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows (P,) and (P,) of every two answers to one record, the earlier annotator first."""
    starts = np.flatnonzero(np.r_[True, np.diff(answers.record) > 0])
    sizes = np.diff(np.r_[starts, len(answers)])
    left, right = [], []
    for step in range(1, int(sizes.max(initial=1))):
        # Answers are sorted by record: a row's partner `step` further on is in the same record or there is none.
        rows = np.arange(len(answers) - step)
        rows = rows[answers.record[rows] == answers.record[rows + step]]
        left.append(rows)
        right.append(rows + step)
    empty = np.zeros(0, dtype=np.int64)
    return np.concatenate([empty, *left]), np.concatenate([empty, *right])


def _pairs(answers: Answers) -> tuple[Pair, ...]:
    left, right = _shared_pairs(answers)
    m = len(answers.annotators)
    pair, of = np.unique(answers.annotator[left] * m + answers.annotator[right], return_inverse=True)
    records = np.bincount(of, minlength=len(pair))
    alike = np.bincount(of, weights=answers.value[left] == answers.value[right], minlength=len(pair))
    return tuple(
        Pair(answers.annotators[p // m], answers.annotators[p % m], int(n), float(a / n))
        for p, n, a in zip(pair, records, alike, strict=True)
    )


def _agreement_with_labels(answers: Answers, schema: LabelSchema, labels: pa.Table) -> Floats:
    """(M,) how many of each one's answers are the label, of records that more than this one answer decided."""
    rows = labels.select(["record_id", "value", "method"]).to_pylist()
    decided = {row["record_id"]: _present(row["value"], schema) for row in rows if row["method"] != "single"}
    believed = [decided.get(answers.records[record]) for record in answers.record]
    counts = np.array([value is not None for value in believed], dtype=bool)
    same = np.array(
        [value == answers.values[own] for value, own in zip(believed, answers.value, strict=True)], dtype=bool
    )
    m = len(answers.annotators)
    counted = np.bincount(answers.annotator[counts], minlength=m)
    alike = np.bincount(answers.annotator[counts], weights=same[counts], minlength=m)
    return np.where(counted > 0, alike / np.maximum(counted, 1), np.nan)


def _present(value: str, schema: LabelSchema) -> str:
    return json.dumps(schema.current(json.loads(value)), sort_keys=True, ensure_ascii=False)


def _crowdlab_quality(answers: Answers, table: Floats, out_of_fold: OutOfFold) -> Floats:
    """(M,) CROWDLAB's quality of each annotator, NaN where it cannot be had."""
    quality = np.full(len(answers.annotators), np.nan)
    place = {str(name): row for row, name in enumerate(out_of_fold.ids)}
    rows = np.array([row for row, name in enumerate(answers.records) if name in place], dtype=np.int64)
    given = table[rows]
    seen = ~np.isnan(given).all(axis=0)
    if not len(rows) or (~np.isnan(given)).sum(axis=1).max() < 2:
        return quality
    probabilities = out_of_fold.probabilities[[place[answers.records[row]] for row in rows]]
    found = _crowdlab(given[:, seen], probabilities)
    quality[np.flatnonzero(seen)] = found["annotator_stats"]["annotator_quality"].sort_index().to_numpy()
    return quality


def _wide(answers: Answers) -> Floats:
    """(R, M) the class index that each annotator gave each record, NaN where they gave none."""
    table = np.full((len(answers.records), len(answers.annotators)), np.nan)
    table[answers.record, answers.annotator] = answers.classes[answers.value]
    return table


def _crowdlab(given: Floats, probabilities: Floats) -> dict[str, Any]:
    """cleanlab's CROWDLAB of the classes given, (N, M) as `_wide` has them, and the probabilities (N, K) out of fold.

    Every row and column has an answer, and some row has two.
    """
    from cleanlab.multiannotator import get_label_quality_multiannotator

    k = probabilities.shape[1]
    # cleanlab breaks what is still tied by the global random state; a label must not depend on that.
    untied = probabilities + 1e-9 * np.arange(k, 0, -1) / k
    untied /= untied.sum(axis=1, keepdims=True)
    with warnings.catch_warnings():
        # It warns of tables in which nobody agrees; few answers are no trouble here.
        warnings.simplefilter("ignore")
        found: dict[str, Any] = get_label_quality_multiannotator(
            given, untied, consensus_method="majority_vote", verbose=False, return_detailed_quality=False
        )
    return found
