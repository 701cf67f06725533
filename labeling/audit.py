"""Label errors: labels that a model which never saw them does not believe.

Northcutt et al., "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021, by cleanlab: it says how many
labels are wrong; which ones are the most suspicious is said by the odds of the likeliest other class against the
given one. Measured on Banking77 and TREC-6 with 10 % wrong labels (`benchmarks/label_errors.py`), these odds find
more of them than cleanlab's own scores, self-confidence and normalized margin; on a fifth of Banking77, 26 labels
a class, normalized margin finds a little more.
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labeling.agreement import Agreement, OutOfFold, agreement, annotators
from labeling.answers import read_answers
from store.database import Store
from store.errors import RequestError
from store.issues import add_issues, issue_id, open_issues, set_state
from store.label_schema import LabelSchema
from store.labels import labels as read_labels
from store.versions import outdated

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LABEL_ERROR = "label-error"

SUSPICIONS = pa.schema(
    [
        ("kind", pa.string()),
        ("record_id", pa.string()),
        ("score", pa.float64()),
        ("given", pa.string()),
        ("suggested", pa.string()),
        ("evidence", pa.string()),
    ]
)


class NoLabels(RequestError):
    """There is nothing to audit."""


class TooFewClasses(RequestError):
    """Labels of one class alone cannot be told apart from wrong ones."""


class ProbabilitiesError(RequestError):
    """The probabilities do not fit the labels or the schema."""


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        labelled: How many records have a label.
        judged: How many of these had out-of-fold probabilities.
        flagged: The labels that are probably wrong, the most suspicious first: the columns of `SUSPICIONS`.
        new: How many of the flagged were not known as issues before.
        withdrawn: How many open issues were given up, because the label changed or is no longer doubted.
        agreement: How far people agree.
        annotators: What is known of each of them; see `labeling.agreement.annotators`.
    """

    labelled: int
    judged: int
    flagged: pa.Table
    new: int
    withdrawn: int
    agreement: Agreement
    annotators: pa.Table


def suspicion(labels: Ints, probabilities: Floats) -> Floats:
    """(N,) how suspicious each label is, in [0, 1]: p(likeliest other class) / (p(it) + p(given class)).

    0.5 means that the model is undecided between the two. A label whose class and all others have probability 0 is 0.5.

    Args:
        labels: (N,) class indices.
        probabilities: (N, K) out of fold.
    """
    rows = np.arange(len(labels))
    given = probabilities[rows, labels]
    other = probabilities[rows, likeliest_other(labels, probabilities)]
    total = given + other
    odds: Floats = np.where(total > 0, other / np.where(total > 0, total, 1.0), 0.5)
    return odds


def likeliest_other(labels: Ints, probabilities: Floats) -> Ints:
    """(N,) the likeliest class besides the given one; of equal ones the first."""
    others = probabilities.copy()
    others[np.arange(len(labels)), labels] = -1.0
    best: Ints = others.argmax(axis=1)
    return best


def find_label_errors(
    ids: Sequence[str], labels: Sequence[str], probabilities: Floats, schema: LabelSchema
) -> pa.Table:
    """The labels that are probably wrong.

    Args:
        ids: (N,) record ids, distinct.
        labels: (N,) values as JSON, each of one class.
        probabilities: (N, K) from models not fitted on the record, in the order of `schema.classes`.

    Returns:
        The columns of `SUSPICIONS`, the most suspicious first, ties by record id; as many as cleanlab estimates to be
        wrong. `evidence` has the probabilities `given` and `suggested`.

    Raises:
        NoLabels: `ids` is empty.
        TooFewClasses: All labels name one class.
        ProbabilitiesError: Shapes differ, or a probability is no finite number in [0, 1].
    """
    _require_fitting(ids, labels, probabilities, schema)
    order = np.argsort(np.asarray(ids, dtype=np.str_), kind="stable")
    ids, texts, probabilities = [ids[i] for i in order], [labels[i] for i in order], probabilities[order]
    given = np.array([_class_of(text, schema) for text in texts], dtype=np.int64)
    if len(np.unique(given)) < 2:
        raise TooFewClasses(
            f'All {len(ids)} labels are "{schema.classes[given[0]]}": wrong labels show only where there are two'
            " classes or more. Label records of other classes first."
        )
    scores, suggested = suspicion(given, probabilities), likeliest_other(given, probabilities)
    chosen = np.argsort(-scores, kind="stable")[: _how_many_are_wrong(given, probabilities)]
    return pa.Table.from_pylist(
        [
            {
                "kind": LABEL_ERROR,
                "record_id": str(ids[row]),
                "score": float(scores[row]),
                "given": texts[row],
                "suggested": json.dumps({"label": schema.classes[suggested[row]]}, ensure_ascii=False),
                "evidence": json.dumps(
                    {
                        "given": round(float(probabilities[row, given[row]]), 6),
                        "suggested": round(float(probabilities[row, suggested[row]]), 6),
                    }
                ),
            }
            for row in chosen
            if scores[row] > 0.5
        ],
        schema=SUSPICIONS,
    )


def _how_many_are_wrong(given: Ints, probabilities: Floats) -> int:
    from cleanlab.filter import find_label_issues

    with warnings.catch_warnings():
        # It warns of each class that has few labels, which is how every project begins.
        warnings.simplefilter("ignore")
        # One process: cleanlab's own pool would fork a process that holds the store and torch's threads.
        return int(find_label_issues(given, probabilities, n_jobs=1).sum())


def _require_fitting(ids: Sequence[str], labels: Sequence[str], probabilities: Floats, schema: LabelSchema) -> None:
    if not len(ids):
        raise NoLabels("No record has a label yet, so there is nothing to audit; have some labelled, or import labels.")
    if probabilities.shape != (len(ids), len(schema.classes)) or len(labels) != len(ids):
        raise ProbabilitiesError(
            f"{len(ids)} records with {len(labels)} labels of {len(schema.classes)} classes need probabilities of that"
            f" shape, not {probabilities.shape}."
        )
    fine = np.isfinite(probabilities).all(axis=1) & (probabilities >= 0).all(axis=1) & (probabilities <= 1).all(axis=1)
    if not fine.all():
        raise ProbabilitiesError(f"The probabilities of record {ids[int(np.argmin(fine))]} are not numbers in [0, 1].")


def _class_of(text: str, schema: LabelSchema) -> int:
    value = json.loads(text)
    schema.validate(value)
    (name,) = schema.classes_in(schema.current(value))
    return schema.classes.index(name)


def audit(store: Store, schema: LabelSchema, out_of_fold: OutOfFold) -> Audit:
    """Find the labels that are probably wrong and keep them as open issues; see how people agree.

    A suspicion that a person has already looked at, or that is on its way to one, is not raised again for the same
    value. An open one that no longer stands is dismissed, and one of a text that has changed: the new text is asked
    about instead.

    Args:
        out_of_fold: Probabilities from models not fitted on the record. Labels of records that it lacks are not judged.

    Raises:
        NoLabels, TooFewClasses, ProbabilitiesError: As `find_label_errors`.
    """
    table = read_labels(store)
    value = dict(zip(table["record_id"].to_pylist(), table["value"].to_pylist(), strict=True))
    rows = [row for row, name in enumerate(out_of_fold.ids) if str(name) in value]
    ids = [str(out_of_fold.ids[row]) for row in rows]
    if value and not ids:
        raise ProbabilitiesError(f"None of the {len(value)} labelled records has out-of-fold probabilities.")
    flagged = find_label_errors(ids, [value[name] for name in ids], out_of_fold.probabilities[rows], schema)
    past = outdated(store)
    flagged = flagged.filter(pa.array([name not in past for name in flagged["record_id"].to_pylist()], pa.bool_()))
    names = {issue_id(LABEL_ERROR, row["record_id"], row["given"]) for row in flagged.to_pylist()}
    judged = set(ids)
    with store.transaction():
        given_up = [
            issue["issue_id"]
            for issue in open_issues(store, LABEL_ERROR).to_pylist()
            if issue["issue_id"] not in names
            and (issue["record_id"] in judged | past or value.get(issue["record_id"]) != issue["given"])
        ]
        set_state(store, given_up, "dismissed")
        new = add_issues(store, flagged)
    given = read_answers(store)
    return Audit(
        labelled=len(value),
        judged=len(ids),
        flagged=flagged,
        new=new,
        withdrawn=len(given_up),
        agreement=agreement(given.annotations, schema, relooks=given.relooks),
        annotators=annotators(given.annotations, schema, table, relooks=given.relooks, out_of_fold=out_of_fold),
    )
