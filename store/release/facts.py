"""What a release says of itself beyond its rows: its sources, how well people agree, which model stands by it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from store.database import Store
from store.errors import RequestError
from store.label_schema import LabelSchema


class LicenceMissing(RequestError):
    """The project says no licence, so nobody may use what it would publish."""


@dataclass(frozen=True)
class SourceFacts:
    """What a source brought in.

    Attributes:
        start: Where it was entered, as declared.
        pages: Pages that answered with a status below 400; `failed`: those that did not; `disallowed`: those that
            robots.txt kept us from.
        records: Records of the store that came from it.
        first, last: When its pages were fetched; `None` for data that was brought in from files.
    """

    name: str
    kind: str
    records: int
    start: tuple[str, ...] = ()
    pages: int = 0
    failed: int = 0
    disallowed: int = 0
    rendered: tuple[str, ...] = ()
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True)
class Agreement:
    """How well people agree.

    Attributes:
        alpha: Krippendorff's alpha, 1 where all agree, 0 where they agree as by chance.
        records: Records that two or more people answered.
        annotators: People who answered.
    """

    alpha: float | None
    records: int
    annotators: int


@dataclass(frozen=True)
class Measured:
    """A figure with its interval; no value where it is not defined, as ROC-AUC for a class that never occurs."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ModelFacts:
    """The model that was fitted on these labels.

    Attributes:
        hash: `folder_hash` of its folder.
        metrics: On the holdout, by name.
        records: How many records of the holdout they were measured on.
    """

    model_id: str
    rung: str
    encoder: str
    hash: str
    metrics: Mapping[str, Measured] = field(default_factory=dict)
    records: int | None = None


@dataclass(frozen=True)
class ReleaseFacts:
    """What the project says of a release.

    Attributes:
        license: As the project file has it, such as `CC-BY-4.0`; an empty one is refused when a release is built.
        language: ISO 639 codes, one or more.
        annotations_creators: `expert-generated`, `crowdsourced`, `machine-generated` or `found`, as the Hub knows them;
            empty: `found` for labels that were all imported, else `expert-generated`.
        hub: The name it goes by on the Hub, for the lines that say how to load it.
        limitations: More sentences for the card's list of what to know before use.
    """

    name: str
    description: str
    license: str
    language: tuple[str, ...]
    schema: LabelSchema
    sources: tuple[SourceFacts, ...] = ()
    agreement: Agreement | None = None
    model: ModelFacts | None = None
    contact: str = ""
    hub: str | None = None
    annotations_creators: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        given = (self.language,) if isinstance(self.language, str) else self.language
        object.__setattr__(self, "language", tuple(code for code in given if code))

    def require_licence(self) -> None:
        """Raise `LicenceMissing` where the project says no licence."""
        if not self.license.strip():
            raise LicenceMissing(
                "tilth.toml: [project] names no licence, and without one nobody may use what is published. "
                'Add a line such as license = "CC-BY-4.0" under [project].'
            )


def source_facts(store: Store, until: datetime) -> tuple[SourceFacts, ...]:
    """What each source had brought in by `until`: the moment of the snapshot, so that it does not change later."""
    pages = store.read(
        """
        SELECT sources.name,
               arg_max(sources.kind, fetched_at) AS kind,
               arg_max(sources.declared, fetched_at) AS declared,
               count(*) FILTER (status < 400) AS pages,
               count(*) FILTER (robots IS DISTINCT FROM 'disallowed' AND (status IS NULL OR status >= 400)) AS failed,
               count(*) FILTER (robots = 'disallowed') AS disallowed,
               list_sort(list(DISTINCT rendered)) AS rendered,
               min(fetched_at) FILTER (status < 400) AS first,
               max(fetched_at) FILTER (status < 400) AS last
        FROM pages
        JOIN sources USING (source_id)
        WHERE fetched_at <= $1
        GROUP BY sources.name
        """,
        [until],
    ).to_pylist()
    fetched = {row.pop("name"): row for row in pages}
    brought = store.read(
        """
        SELECT source_name, count(*) AS records
        FROM records
        WHERE added_at <= $1
        GROUP BY source_name
        ORDER BY source_name
        """,
        [until],
    ).to_pylist()
    return tuple(_source_facts(row["source_name"], row["records"], fetched.get(row["source_name"])) for row in brought)


def _source_facts(name: str, records: int, fetched: dict | None) -> SourceFacts:
    if fetched is None:
        return SourceFacts(name, "import", records)
    figures = {column: value for column, value in fetched.items() if column != "declared"}
    start = json.loads(fetched["declared"]).get("start", [])
    return SourceFacts(
        name, records=records, **(figures | {"rendered": tuple(fetched["rendered"]), "start": tuple(start)})
    )


def folder_hash(folder: Path) -> str:
    """SHA-256 over the paths and contents of all files of a folder: the name of what a model's folder holds."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\n{file_hash(path)}\n".encode())
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
