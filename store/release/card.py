"""The dataset card: the YAML fields that the Hub reads, and a text for people.

The fields follow the Hub's own list (`DatasetCardData`); `configs` and `dataset_info` are what `datasets` reads back.
The same release gives the same bytes: nothing here asks for the present time.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

import jinja2
import pyarrow as pa
import pyarrow.compute as pc

from store.label_schema import kind_module
from store.release.facts import Measured, ReleaseFacts, SourceFacts
from store.release.licences import licence_fields
from store.release.rows import COLUMNS, ReleaseRows, release_features
from store.release.transform import Transform
from store.rights import SAID_IN_WORDS
from store.snapshots import Snapshot

SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
)


@dataclass(frozen=True)
class CardRights:
    """What the card says of rights; see `store.release.build.Release`."""

    held_back: int
    because: Mapping[str, int]
    withdrawn: int
    permitted: Mapping[str, int]
    transform: Transform | None


def card(facts: ReleaseFacts, snapshot: Snapshot, rows: ReleaseRows, file_bytes: int, rights: CardRights) -> str:
    """The whole of README.md: front matter and text.

    Args:
        file_bytes: The size of the Parquet files of the data together.
    """
    return f"---\n{_front_matter(facts, rows, file_bytes)}\n---\n\n{_text(facts, snapshot, rows, rights)}"


def _front_matter(facts: ReleaseFacts, rows: ReleaseRows, file_bytes: int) -> str:
    from datasets import DatasetInfo, SplitDict, SplitInfo
    from datasets.info import DatasetInfosDict
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCardData

    features = release_features(facts.schema)
    licence = licence_fields(facts.license)
    fields = DatasetCardData(
        language=list(facts.language) or None,
        license=licence.pop("license"),
        annotations_creators=list(facts.annotations_creators) or [_annotations_creator(rows)],
        language_creators=["found"],
        multilinguality=["multilingual" if len(facts.language) > 1 else "monolingual"],
        size_categories=[_size(sum(part.num_rows for part in rows.splits.values()))],
        source_datasets=["original"],
        # A kind of label schema bears the name of the Hub's task category.
        task_categories=[facts.schema.kind],
        task_ids=_task_ids(facts, features),
        pretty_name=facts.name,
        **licence,
        tags=["tilth", *facts.tags],
    )
    MetadataConfigs(
        {"default": {"data_files": [{"split": split, "path": f"data/{split}-*"} for split in rows.splits]}}
    ).to_dataset_card_data(fields)
    splits = SplitDict()
    for split, part in rows.splits.items():
        splits.add(SplitInfo(name=split, num_bytes=part.nbytes, num_examples=part.num_rows))
    info = DatasetInfo(
        features=features,
        splits=splits,
        download_size=file_bytes,
        dataset_size=sum(part.nbytes for part in rows.splits.values()),
    )
    DatasetInfosDict({"default": info}).to_dataset_card_data(fields)
    return fields.to_yaml()


def _annotations_creator(rows: ReleaseRows) -> str:
    methods = {method for part in rows.splits.values() for method in part["method"].to_pylist()}
    return "found" if all(method.startswith("import") for method in methods) else "expert-generated"


def _size(total: int) -> str:
    return next((name for limit, name in SIZES if total < limit), "n>1B")


def _task_ids(facts: ReleaseFacts, features: Mapping[str, Any]) -> list[str]:
    from datasets import ClassLabel

    one_class = any(isinstance(feature, ClassLabel) for feature in features.values())
    return ["multi-class-classification"] if facts.schema.kind == "text-classification" and one_class else []


def _text(facts: ReleaseFacts, snapshot: Snapshot, rows: ReleaseRows, rights: CardRights) -> str:
    everything = pa.concat_tables(rows.splits.values())
    template = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    template.filters.update(cell=_cell, quoted=_quoted, interval=_interval, period=_period, day=_day)
    labels = kind_module("store", facts.schema.kind).release_columns(facts.schema)
    return template.from_string((files("store.release") / "card.md").read_text(encoding="utf-8")).render(
        facts=facts,
        snapshot=snapshot,
        total=everything.num_rows,
        counts={split: part.num_rows for split, part in rows.splits.items()},
        about_splits=_about_splits(rows),
        set_aside=rows.set_aside,
        rights=rights,
        because={SAID_IN_WORDS[kind]: records for kind, records in rights.because.items()},
        transformed_away=rows.transformed_away,
        crawled=any(source.pages for source in facts.sources),
        methods=dict(sorted(Counter(everything["method"].to_pylist()).items())),
        answers=pc.sum(everything["annotations"]).as_py(),
        several=pc.sum(pc.greater_equal(everything["annotators"], 2)).as_py(),
        quality=pc.mean(everything["quality"]).as_py(),
        classes=facts.schema.classes,
        class_counts=rows.class_counts,
        columns={
            "record_id": COLUMNS["record_id"][1],
            "text": COLUMNS["text"][1],
            **dict.fromkeys(labels, "the label"),
            **{name: meaning for name, (_, meaning) in COLUMNS.items() if name not in ("record_id", "text")},
        },
        label_columns=list(labels),
        limitations=_limitations(facts, rows),
        figures=_figures(facts),
    )


def _about_splits(rows: ReleaseRows) -> dict[str, str]:
    about = {"train": "labelled to train on", "validation": "for choices and calibration", "test": ""}
    if "test" in rows.splits:
        came = Counter(rows.splits["test"]["project_split"].to_pylist())
        parts = []
        if came["holdout"]:
            parts.append(f"{came['holdout']} drawn at random, labelled and never trained on (the project's holdout)")
        if came["test"]:
            parts.append(f"{came['test']} from a test split that came with the data")
        about["test"] = "; ".join(parts)
    return about


def _limitations(facts: ReleaseFacts, rows: ReleaseRows) -> list[str]:
    known = []
    if "train" in rows.splits and any(not method.startswith("import") for method in _methods(rows.splits["train"])):
        known.append(
            "Records of `train` may have been chosen for how much they teach a model, so their classes are not as "
            "frequent as in the source; those of the holdout were drawn at random."
        )
    known.append("Labels are people's answers and can be wrong; `quality` says how well the answers support each one.")
    if any(source.kind != "import" for source in facts.sources):
        known.append(
            "The licence covers this collection and its labels. Rights in the texts stay with those who wrote them; "
            "`url` says where each was found."
        )
    if "test" not in rows.splits:
        known.append("There is no split to measure on: hold some records out before you report a figure.")
    return known + list(facts.limitations)


def _figures(facts: ReleaseFacts) -> dict[str, Measured]:
    measured = facts.model.metrics if facts.model else {}
    return {name.replace("_", " "): figure for name, figure in measured.items() if figure.value is not None}


def _methods(part: pa.Table) -> list[str]:
    found: list[str] = pc.unique(part["method"]).to_pylist()
    return found


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


def _quoted(text: str) -> str:
    return "\n> ".join(text.strip().splitlines())


def _interval(figure: Measured) -> str:
    return "" if figure.low is None or figure.high is None else f"{figure.low:.3f} to {figure.high:.3f}"


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _period(source: SourceFacts) -> str:
    if source.first is None or source.last is None:
        return "brought in from files" if source.kind == "import" else ""
    return " to ".join(dict.fromkeys((_day(source.first), _day(source.last))))
