"""Standing answers: what each person says of each record now, out of the append-only annotations."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from store.annotations import current_annotations, standing
from store.assignments import assignments
from store.database import Store
from store.errors import LabelError, SchemaError
from store.label_schema import LabelSchema

Ints = NDArray[np.int64]

RELOOK = "relook"
"""The purpose of an assignment that is a second look."""


@dataclass(frozen=True)
class Answers:
    """One row a record and annotator, by record and annotator: the same whatever order the annotations came in.

    Attributes:
        records: (R,) the distinct record ids, sorted.
        annotators: (M,) the distinct annotators, sorted.
        values: The V distinct values as JSON, in the order of the schema's classes.
        classes: (V,) which class of the schema a value is; -1 where it is not exactly one class.
        annotations: (R,) how many annotations stand, with those of people who answered more than once.
        record, annotator, value: (n,) indices into `records`, `annotators` and `values`.
        assignment: (n,) the assignment that was answered, or "".
        at: (n,) int64, when, in microseconds since 1970 UTC.
        lead_time: (n,) seconds, NaN where unknown.
        relook: (n,) True where the answer was given in a second look.
    """

    records: list[str]
    annotators: list[str]
    values: list[str]
    classes: Ints
    annotations: Ints
    record: Ints
    annotator: Ints
    value: Ints
    assignment: list[str]
    at: Ints
    lead_time: NDArray[np.float64]
    relook: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.record)


@dataclass(frozen=True)
class Given:
    """What was answered, as the store has it.

    Attributes:
        annotations: Columns of the `annotations` table: the newest revision of every answer that stands, with a
            person's first look beside their second.
        relooks: The assignments that were second looks.
    """

    annotations: pa.Table
    relooks: frozenset[str]


def read_answers(store: Store) -> Given:
    """All answers that stand, and which of them were second looks."""
    asked = assignments(store).select(["assignment_id", "record_id", "purpose"]).to_pylist()
    relooks = frozenset(row["assignment_id"] for row in asked if row["purpose"] == RELOOK)
    again = {row["record_id"] for row in asked if row["purpose"] == RELOOK}
    # The current answers hold one of each person; where somebody looked twice, the first look is wanted too.
    both = standing(store, [row["assignment_id"] for row in asked if row["record_id"] in again])
    current = current_annotations(store)
    return Given(pa.concat_tables([current, both.select(current.column_names)]), relooks)


def standing_answers(
    annotations: pa.Table, schema: LabelSchema, *, relooks: Collection[str] = (), first_looks_only: bool = False
) -> Answers:
    """What each annotator says of each record now.

    Args:
        annotations: Columns of the `annotations` table, in any order; with all revisions or with the newest alone.
        relooks: The assignments that were second looks.
        first_looks_only: Leave answers of second looks out: who gave them saw what others and the model had said.

    Returns:
        The newest revision of each answer unless it was cancelled or deleted, and of several answers of one person to
        one record the newest, with classes under their present names.

    Raises:
        SchemaError: An answer is no longer possible under the schema, such as one of a class that was taken out.
    """
    frame = annotations.to_pandas()
    frame = frame.sort_values("sequence").drop_duplicates(["origin", "external_id"], keep="last")
    frame = frame[frame["state"] == "given"]
    frame["relook"] = frame["assignment_id"].isin(list(relooks))
    if first_looks_only:
        frame = frame[~frame["relook"]]
    standing = frame.groupby("record_id").size().sort_index()
    frame = frame.sort_values(["annotated_at", "sequence"]).drop_duplicates(["record_id", "annotator"], keep="last")
    frame = frame.sort_values(["record_id", "annotator"])
    records, record = np.unique(frame["record_id"].to_numpy(dtype=object), return_inverse=True)
    annotators, annotator = np.unique(frame["annotator"].to_numpy(dtype=object), return_inverse=True)
    given, code = np.unique(frame["value"].to_numpy(dtype=object), return_inverse=True)
    values, classes, meaning = _present_values(list(given), np.bincount(code, minlength=len(given)), schema)
    return Answers(
        records=list(records),
        annotators=list(annotators),
        values=values,
        classes=classes,
        annotations=standing.to_numpy(dtype=np.int64),
        record=record.astype(np.int64),
        annotator=annotator.astype(np.int64),
        value=meaning[code],
        assignment=frame["assignment_id"].fillna("").to_list(),
        at=frame["annotated_at"].to_numpy(dtype="datetime64[us]").astype(np.int64),
        lead_time=frame["lead_time"].to_numpy(dtype=np.float64, na_value=np.nan),
        relook=frame["relook"].to_numpy(dtype=bool),
    )


def _present_values(given: Sequence[str], counts: Ints, schema: LabelSchema) -> tuple[list[str], Ints, Ints]:
    """The distinct values under present names, the class that each is, and which of them each given value means."""
    meant: list[tuple[int, str]] = []
    for text, count in zip(given, counts, strict=True):
        value = json.loads(text)
        try:
            schema.validate(value)
        except LabelError as error:
            raise SchemaError(
                f"{count} answers say {text}, which the schema does not allow: {error}. Put the class back into"
                " [schema] classes, or say in [schema] renamed what it became."
            ) from error
        present = schema.current(value)
        names = schema.classes_in(present)
        index = schema.classes.index(next(iter(names))) if len(names) == 1 else -1
        meant.append((index, json.dumps(present, sort_keys=True, ensure_ascii=False)))
    distinct = sorted(set(meant))
    place = {value: row for row, value in enumerate(distinct)}
    classes = np.array([index for index, _ in distinct], dtype=np.int64)
    return [text for _, text in distinct], classes, np.array([place[value] for value in meant], dtype=np.int64)
