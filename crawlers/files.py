"""Records, and labels where there are some, out of a CSV, JSON Lines or Parquet file: all of it or nothing."""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from crawlers.file_rows import file_rows
from crawlers.import_error import BadLabel, BadRow, NoText
from crawlers.tables.row import LARGEST_CELL, PACKED, Row
from store.annotations import GIVEN_COLUMNS, add_annotations
from store.database import Store, utc_now
from store.errors import LabelError
from store.label_schema import LabelSchema
from store.records import add_records
from store.schemas import use_schema
from store.sources import add_source
from store.splits import SPLITS, assign_splits

ROWS_A_BATCH = 5_000
NAMES_OF_SPLITS = {name: name for name in SPLITS} | {"dev": "validation", "val": "validation", "valid": "validation"}
ANNOTATOR = "import"
"""Who answered, where the file does not say."""


@dataclass(frozen=True)
class Imported:
    """What an import came to.

    Attributes:
        source_name: Under which the records stand in the store.
        rows: Rows of the file.
        new: Records that the store did not have.
        known: Rows whose record it had, or that stand in the file twice.
        without_text: Rows that were skipped because their text is empty.
        labels: Answers that the store did not have.
        without_label: Rows without a label, where a label column was named.
        in_splits: Records that were newly put into a split.
    """

    source_name: str
    rows: int
    new: int
    known: int
    without_text: int
    labels: int
    without_label: int
    in_splits: int


@dataclass(frozen=True)
class Columns:
    """Which column of the file is what; None: there is none. All others are kept as metadata."""

    text: str = "text"
    label: str | None = None
    id: str | None = None
    split: str | None = None
    annotator: str | None = None

    @property
    def named(self) -> list[str]:
        """Those that must be there."""
        return [name for name in (self.text, self.label, self.id, self.split, self.annotator) if name is not None]


@dataclass(frozen=True)
class Piece:
    """A row, checked."""

    text: str
    natural_key: str | None
    metadata: str
    value: dict[str, Any] | None
    split: str | None
    annotator: str


def import_file(
    store: Store,
    path: Path,
    schema: LabelSchema,
    *,
    text_column: str = "text",
    label_column: str | None = None,
    id_column: str | None = None,
    split_column: str | None = None,
    annotator_column: str | None = None,
    split: str | None = None,
    source_name: str | None = None,
    largest_cell: int = LARGEST_CELL,
    progress: Callable[[int], None] | None = None,
) -> Imported:
    """Import a file. A file that is refused leaves the store as it was; one that was imported before changes nothing.

    Labels become annotations of the origin `import:<source name>`. Their `external_id` is the record's id, with the
    annotator's name where the file tells annotators apart, so that their answers stand beside one another.

    Args:
        store: Held until the file is in.
        path: `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.parquet`; but for the last also with `.gz` or `.zst` behind it.
        schema: What a label may be.
        text_column: The text to label.
        label_column: A class of the schema; an empty cell is no label.
        id_column: The row's own id; without it equal texts are one record.
        split_column: train, validation, test or holdout; an empty cell is none.
        annotator_column: Who gave the label.
        split: The split of every row for which the file names none.
        source_name: Default: the file's name without its extension.
        largest_cell: Bytes.
        progress: Called with the number of rows so far.

    Raises:
        ImportRefused: One of its kinds; the message names line, column or byte.
    """
    columns = Columns(text_column, label_column, id_column, split_column, annotator_column)
    name = source_name or (Path(path.stem).stem if path.suffix.lower() in PACKED else path.stem)
    if split is not None and split not in NAMES_OF_SPLITS:
        raise BadLabel(f'"{split}" is not a split; use one of {", ".join(SPLITS)}.')
    declared = {"kind": "file", "file": path.name, "columns": {k: v for k, v in vars(columns).items() if v}}
    rows = file_rows(path, columns.named, largest_cell=largest_cell)
    counts = dict.fromkeys(("rows", "new", "known", "without_text", "labels", "without_label", "in_splits"), 0)
    with store.transaction():
        source_id = add_source(store, name=name, kind="file", declared=declared)
        if label_column is not None:
            use_schema(store, schema)
        for batch in _batches(rows):
            pieces = [piece for row in batch if (piece := _piece(row, columns, schema, split)) is not None]
            counts["rows"] += len(batch)
            counts["without_text"] += len(batch) - len(pieces)
            if label_column is not None:
                counts["without_label"] += sum(piece.value is None for piece in pieces)
            for what, number in _add(store, pieces, name, source_id, schema).items():
                counts[what] += number
            if progress is not None:
                progress(counts["rows"])
        if counts["rows"] == counts["without_text"]:
            raise NoText(
                f'{path}: column "{text_column}" is empty in all {counts["rows"]} rows; name the one with the text.'
            )
    return Imported(source_name=name, **counts)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, ROWS_A_BATCH)):
        yield batch


def _piece(row: Row, columns: Columns, schema: LabelSchema, default_split: str | None) -> Piece | None:
    text = row.cells.get(columns.text)
    if text is not None and not isinstance(text, str):
        raise BadRow(f'{row.where}: column "{columns.text}" is {_shown(text)}, not a text.')
    if text is None or not text.strip():
        return None
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadRow(
            f'{row.where}: column "{columns.text}" holds half a character (a lone surrogate); take it out.'
        ) from error
    used = set(columns.named)
    rest = {name: value for name, value in row.cells.items() if name not in used and _is_plain(value)}
    key = _cell(row, columns.id)
    annotator = _cell(row, columns.annotator)
    return Piece(
        text=text,
        natural_key=key,
        metadata=json.dumps(rest, sort_keys=True),
        value=_value(row, columns.label, schema),
        split=_split(row, columns.split) or (NAMES_OF_SPLITS[default_split] if default_split else None),
        annotator=annotator or ANNOTATOR,
    )


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _cell(row: Row, column: str | None) -> str | None:
    value = row.cells.get(column) if column is not None else None
    if value is None or value == "":
        return None
    if not isinstance(value, str | int | float):
        raise BadRow(f'{row.where}: column "{column}" is {_shown(value)}, neither a text nor a number.')
    return str(value)


def _value(row: Row, column: str | None, schema: LabelSchema) -> dict[str, Any] | None:
    label = _cell(row, column)
    if label is None:
        return None
    value = {"label": label}
    try:
        schema.validate(value)
    except LabelError as error:
        raise BadLabel(f'{row.where}: column "{column}": {error}') from error
    return value


def _split(row: Row, column: str | None) -> str | None:
    said = _cell(row, column)
    if said is None:
        return None
    if said.lower() not in NAMES_OF_SPLITS:
        raise BadLabel(f'{row.where}: column "{column}": "{said}" is not a split; use one of {", ".join(SPLITS)}.')
    return NAMES_OF_SPLITS[said.lower()]


def _add(store: Store, pieces: Sequence[Piece], name: str, source_id: str, schema: LabelSchema) -> dict[str, int]:
    if not pieces:
        return {}
    strings = {
        column: pa.array([getattr(piece, column) for piece in pieces], pa.string())
        for column in ("natural_key", "text", "metadata")
    }
    added = add_records(store, pa.table(strings), source_name=name, source_id=source_id)
    named = list(zip(added.record_ids, pieces, strict=True))
    labels = _add_labels(store, [(i, piece) for i, piece in named if piece.value is not None], name, schema)
    split = [(i, piece.split) for i, piece in named if piece.split is not None]
    put = 0
    if split:
        firsts = dict(reversed(split))  # where a record stands twice, its first row decides, as it does between batches
        ids, names = zip(*firsts.items(), strict=True)
        put = assign_splits(store, pa.table({"record_id": list(ids), "split": list(names)}), origin="import")
    return {"new": added.new, "known": added.known, "labels": labels, "in_splits": put}


def _add_labels(store: Store, named: Sequence[tuple[str, Piece]], name: str, schema: LabelSchema) -> int:
    if not named:
        return 0
    now, schema_hash = utc_now(), schema.hash
    rows = []
    for record_id, piece in named:
        value = json.dumps(piece.value, sort_keys=True, ensure_ascii=False)
        told_apart = piece.annotator != ANNOTATOR
        rows.append(
            {
                "origin": f"import:{name}",
                "external_id": f"{record_id}/{piece.annotator}" if told_apart else record_id,
                "revision": hashlib.sha256(value.encode()).hexdigest()[:32],
                "record_id": record_id,
                "annotator": piece.annotator,
                "value": value,
                "annotated_at": now,
                "schema_hash": schema_hash,
                "state": "given",
            }
        )
    appended = add_annotations(store, pa.Table.from_pylist(rows, schema=GIVEN_COLUMNS))
    return appended.new + appended.changed


def _shown(value: object) -> str:
    return f"{type(value).__name__} {str(value)[:40]!r}"
