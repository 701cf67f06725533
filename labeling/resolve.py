"""Labels resolved from the answers of several people.

A vote in which each person weighs as much as their accuracy warrants, and the posterior of the
winner as quality. It is the one-coin form of Dawid and Skene, "Maximum Likelihood Estimation of Observer Error-Rates
Using the EM Algorithm", 1979: a person is right with a probability of their own, and wrong in all other ways alike.

No model has a voice: what a model is measured on must not lean on what it said.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labeling.answers import Answers, read_answers, standing_answers
from store.database import Store, utc_now
from store.label_schema import LabelSchema
from store.labels import COLUMNS, labels, write_labels

Floats = NDArray[np.float64]

# Before anything is known of a person: as if they had answered ten shared records and nine of them rightly.
PRIOR_ANSWERS = 10.0
PRIOR_ACCURACY = 0.9
MOST_ACCURATE = 0.99
EM_STEPS = 20
# A second look counts as two answers: whoever gave it had what was said before and what the model says before them.
RELOOK_WEIGHT = 2.0


@dataclass(frozen=True)
class Cells:
    """The distinct (record, value) pairs that answers name, in that order.

    Attributes:
        record, value: (C,) indices into `Answers.records` and `Answers.values`.
        of_answer: (n,) which cell each answer is in.
    """

    record: NDArray[np.int64]
    value: NDArray[np.int64]
    of_answer: NDArray[np.int64]


def resolve(
    annotations: pa.Table,
    schema: LabelSchema,
    *,
    relooks: Collection[str] = (),
) -> pa.Table:
    """What is believed of each record that has a standing answer.

    Args:
        annotations: Columns of the `annotations` table, in any order.
        relooks: The assignments that were second looks. Where one was answered, the newest of them decides alone.

    Returns:
        The columns of the `labels` table by record id. `method` is `single` (one person answered), `vote` or
        `re-look`; `annotations` and `annotators` count all that stand. A tie goes to the class that was
        given less often overall, then to the earlier class of the schema.

    Raises:
        SchemaError: An answer is not possible under the schema any more.
    """
    answers = standing_answers(annotations, schema, relooks=relooks)
    if not len(answers):
        return COLUMNS.empty_table()
    first = standing_answers(annotations, schema, relooks=relooks, first_looks_only=True)
    known = dict(zip(first.annotators, annotator_accuracy(first, len(schema.classes)), strict=True))
    accuracy = np.array([known.get(name, PRIOR_ACCURACY) for name in answers.annotators])

    deciding, looked_again = _deciding(answers)
    cells = _cells(answers)
    support = _posterior(answers, cells, accuracy, len(schema.classes), deciding)
    people = np.bincount(answers.record, minlength=len(answers.records))
    method = np.where(looked_again, "re-look", np.where(people > 1, "vote", "single")).astype(object)
    winner = _winners(answers, cells, support)
    n = len(answers.records)
    return pa.table(
        {
            "record_id": answers.records,
            "value": [answers.values[v] for v in cells.value[winner]],
            "quality": np.round(np.clip(support[winner], 0.0, 1.0), 6),
            "annotations": answers.annotations,
            "annotators": people,
            "method": list(method),
            "schema_hash": [schema.hash] * n,
            "resolved_at": [utc_now()] * n,
        }
    ).cast(COLUMNS)


def resolve_labels(store: Store, schema: LabelSchema) -> int:
    """Resolve the labels of all records that have annotations; one whose answers were all taken back loses its label.

    Returns:
        How many labels changed.
    """
    given = read_answers(store)
    found = resolve(given.annotations, schema, relooks=given.relooks)
    before = set(labels(store)["record_id"].to_pylist())
    return write_labels(store, found, withdrawn=sorted(before - set(found["record_id"].to_pylist())))


def annotator_accuracy(answers: Answers, n_classes: int) -> Floats:
    """How often each annotator is right, in (0, 1), judged by the records that several people answered.

    Args:
        answers: First looks alone; a second look is no independent answer.
        n_classes: K, the number of classes that one can be wrong with.

    Returns:
        (M,) in the order of `answers.annotators`, never under 1 / K: an answer does not count against itself.
        Somebody who shares no record with anyone has the prior, 0.9.
    """
    people = np.bincount(answers.record, minlength=len(answers.records))
    shared = people[answers.record] > 1
    m = len(answers.annotators)
    counted = np.bincount(answers.annotator[shared], minlength=m)
    accuracy: Floats = np.full(m, PRIOR_ACCURACY)
    if not shared.any():
        return accuracy
    cells = _cells(answers)
    for _ in range(EM_STEPS):
        right = _posterior(answers, cells, accuracy, n_classes, shared)[cells.of_answer]
        hits = np.bincount(answers.annotator[shared], weights=right[shared], minlength=m)
        accuracy = (hits + PRIOR_ANSWERS * PRIOR_ACCURACY) / (counted + PRIOR_ANSWERS)
        accuracy = np.clip(accuracy, min(1 / n_classes + 0.01, 0.5), MOST_ACCURATE)
    return accuracy


def _deciding(answers: Answers) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n,) which answers count, and (R,) which records were looked at again.

    Where there was a second look, only answers of the newest second look count.
    """
    looked_again = np.bincount(answers.record, weights=answers.relook, minlength=len(answers.records)) > 0
    newest: dict[int, tuple[int, str]] = {}
    for row in np.flatnonzero(answers.relook):
        look = (int(answers.at[row]), answers.assignment[row])
        record = int(answers.record[row])
        newest[record] = max(newest.get(record, look), look)
    deciding = ~looked_again[answers.record]
    for row in np.flatnonzero(answers.relook):
        deciding[row] = answers.assignment[row] == newest[int(answers.record[row])][1]
    return deciding, looked_again


def _cells(answers: Answers) -> Cells:
    width = max(len(answers.values), 1)
    cell, of_answer = np.unique(answers.record * width + answers.value, return_inverse=True)
    return Cells(record=cell // width, value=cell % width, of_answer=of_answer.astype(np.int64))


def _posterior(answers: Answers, cells: Cells, accuracy: Floats, n_classes: int, counts: NDArray[np.bool_]) -> Floats:
    """(C,) the probability that a cell's value is the true one, from the answers that count."""
    weight = np.log(accuracy * (n_classes - 1) / (1 - accuracy))[answers.annotator]
    weight = np.where(counts, np.where(answers.relook, RELOOK_WEIGHT, 1.0) * weight, 0.0)
    evidence = np.exp(np.bincount(cells.of_answer, weights=weight, minlength=len(cells.record)))
    r = len(answers.records)
    named = np.bincount(cells.record, minlength=r)
    # A class that nobody named has the evidence exp(0).
    total = np.bincount(cells.record, weights=evidence, minlength=r) + np.maximum(n_classes - named, 0)
    posterior: Floats = evidence / total[cells.record]
    return posterior


def _winners(answers: Answers, cells: Cells, support: Floats) -> NDArray[np.int64]:
    """(R,) the best supported cell of each record."""
    given = np.bincount(answers.value, minlength=len(answers.values))
    order = np.lexsort((cells.value, given[cells.value], -np.round(support, 9), cells.record))
    _, first = np.unique(cells.record[order], return_index=True)
    winners: NDArray[np.int64] = order[first]
    return winners
