"""What the report says, gathered from the store: plain numbers and texts, no pictures."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from store import issues, labels, models, pages, records, rounds, splits
from store.database import Store
from store.label_schema import LabelSchema
from tilth.report.class_curves import ClassCurve, class_curves
from tilth.report.hardest import Hard, hardest
from tilth.report.judged import read_judged
from tilth.report.model_facts import ModelFacts, model_facts
from tilth.report.pool_picture import PoolPicture, picture_pool
from tilth.report.simulated import SimulationPicture, simulation_pictures
from tilth.report.vectors import keys_to_try

if TYPE_CHECKING:
    from active_learning.proof import Proof
    from labeling.agreement import Agreement

SHOWN_SUSPICIONS = 40
CHOSEN_ARM, RANDOM_ARM = "chosen by the model", "drawn at random"


@dataclass(frozen=True)
class Suspicion:
    """A label that is probably wrong, with its text and what became of it."""

    text: str
    given: str
    suggested: str
    score: float
    state: str


@dataclass(frozen=True)
class ReportFacts:
    """Everything on the page.

    Attributes:
        crawl: One row a source and way of fetching: source, rendered, pages, failed, disallowed, MB.
        fetches: Pages by minute, for the picture.
        slow_hosts: The hosts whose answers took longest: host, pages, median_seconds, slowest_seconds.
        troubled_pages: What could not be had or was refused: source_name, kind, pages, url and error of the latest.
        label_rows: label, split, records.
        curve: arm, round, labels, accuracy, low, high.
        metrics: The current model's figures on the holdout.
        suspicions: The most suspicious labels first.
        issue_states: How many label errors are open, sent, confirmed, corrected.
        annotators: One row a person.
        rendering: What `render = "auto"` has learnt: source, pages (the form of their URLs), compared, http and browser
            (characters of the newest page by each way), decision.
        agreement: Krippendorff's alpha with its interval, when two people answered the same records.
        model: The current model: why it is the one, how it learnt, how far its probabilities hold.
        classes: How well each class is told from the others over the rounds, the worst first.
        hardest: The records that the model finds hardest.
        picture: The map of the pool.
        simulations: What simulations showed.
        has_out_of_fold: Whether it is known what models say of training labels that they were not fitted on.
        proof: What choosing saved and what more labels would bring, where the current model was measured.
    """

    counts: Mapping[str, int]
    crawl: Sequence[Mapping[str, Any]]
    fetches: Sequence[Mapping[str, Any]]
    slow_hosts: Sequence[Mapping[str, Any]]
    troubled_pages: Sequence[Mapping[str, Any]]
    label_rows: Sequence[Mapping[str, Any]]
    curve: Sequence[Mapping[str, Any]]
    rounds: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, Any] | None
    suspicions: Sequence[Suspicion]
    issue_states: Mapping[str, int]
    annotators: Sequence[Mapping[str, Any]] = field(default_factory=list)
    rendering: Sequence[Mapping[str, Any]] = field(default_factory=list)
    agreement: "Agreement | None" = None
    model: ModelFacts | None = None
    classes: Sequence[ClassCurve] = ()
    hardest: Sequence[Hard] = ()
    picture: PoolPicture = field(default_factory=PoolPicture)
    simulations: Sequence[SimulationPicture] = ()
    has_out_of_fold: bool = False
    proof: "Proof | None" = None


@dataclass(frozen=True)
class Place:
    """Where to look beside the store.

    Attributes:
        folder: The project's; without it, simulations are not looked for.
        map_file: Remembers the layout of a map that takes long; without it, it is made anew.
        seed: Of that layout.
        say: Told of what takes more than a moment.
    """

    folder: Path | None = None
    map_file: Path | None = None
    seed: int = 0
    say: Callable[[str], None] = lambda _line: None


NOWHERE = Place()


def rendering_rows(frontier_file: Path, sources: Sequence[str]) -> list[dict[str, Any]]:
    """What is known of the pages of these sources, over HTTP and in the browser, from `frontier.sqlite`."""
    from crawlers.browser.choice import evidence
    from crawlers.frontier.file import Frontier

    if not frontier_file.exists():
        return []
    with Frontier(frontier_file) as frontier:
        return [
            {
                "source": source,
                "pages": found.template.split(" ")[0],
                "compared": found.total,
                "http": found.compared[-1].http.text,
                "browser": found.compared[-1].browser.text,
                "decision": found.decision or "not enough pages yet",
            }
            for source in sources
            for found in evidence(frontier, source)
            if found.compared
        ]


def gather_facts(
    store: Store, schema: LabelSchema, rendering: Sequence[Mapping[str, Any]] = (), *, place: Place = NOWHERE
) -> ReportFacts:
    """Read everything that the report shows; `rendering` is what `rendering_rows` gave."""
    from active_learning.proof import Proof
    from labeling.agreement import agreement, annotators
    from labeling.answers import read_answers

    label_table = labels.labels(store)
    split_of = dict(_pairs(splits.splits(store), "record_id", "split"))
    all_rounds = rounds.rounds(store)
    current = models.current_model(store)
    judged = read_judged(store, schema, current)
    keys = keys_to_try(store, current)
    given = read_answers(store)
    return ReportFacts(
        counts={
            "pages fetched": pages.pages(store).num_rows,
            "records": sum(row["records"] for row in records.record_counts(store).to_pylist()),
            "labelled": label_table.num_rows,
            "rounds": len(all_rounds),
        },
        crawl=_crawl_rows(store),
        fetches=_fetches(store),
        slow_hosts=pages.slow_hosts(store).to_pylist(),
        troubled_pages=pages.troubled_pages(store).to_pylist(),
        label_rows=_label_rows(schema, label_table, split_of),
        curve=learning_points(all_rounds),
        rounds=[_round_row(one) for one in all_rounds],
        metrics=current.metrics if current is not None else None,
        suspicions=suspicions(store),
        issue_states=_issue_states(store),
        rendering=rendering,
        annotators=annotators(given.annotations, schema, label_table, relooks=given.relooks).to_pylist(),
        agreement=agreement(given.annotations, schema, relooks=given.relooks),
        model=model_facts(current, judged) if current is not None else None,
        classes=class_curves(
            [one.numbers["holdout"] for one in all_rounds if one.numbers.get("holdout")],
            ((current.metrics or {}).get("holdout") if current is not None else None),
        ),
        hardest=hardest(store, schema.classes, judged, keys=keys),
        picture=picture_pool(
            store,
            schema.classes,
            judged,
            keys=keys,
            seed=place.seed,
            kept_in=place.map_file,
            say=place.say,
        ),
        simulations=simulation_pictures(place.folder / "simulations") if place.folder is not None else [],
        has_out_of_fold=bool(judged.out_of_fold),
        proof=Proof.from_json(current.metrics) if current is not None else None,
    )


def _pairs(table: pa.Table, key: str, value: str) -> list[tuple[Any, Any]]:
    return list(zip(table[key].to_pylist(), table[value].to_pylist(), strict=True))


def _crawl_rows(store: Store) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str], Counter[str]] = {}
    for row in pages.page_counts(store).to_pylist():
        found = rows.setdefault((row["source_name"], row["rendered"]), Counter())
        disallowed = row["robots"] == "disallowed"
        # A page that was not sent again (304), or leads to one that is kept by itself (301), is no failure.
        good = row["status"] is not None and not row["error_kind"]
        found["disallowed" if disallowed else "pages" if good else "failed"] += row["pages"]
        found["bytes"] += row["body_bytes"]
    return [
        {
            "source": source,
            "rendered": rendered,
            "pages": found["pages"],
            "failed": found["failed"],
            "disallowed": found["disallowed"],
            "megabytes": found["bytes"] / 1e6,
        }
        for (source, rendered), found in rows.items()
    ]


def _fetches(store: Store) -> list[dict[str, Any]]:
    table = pages.pages(store)
    minutes = Counter(
        (moment.replace(second=0, microsecond=0).isoformat(), rendered)
        for moment, rendered in _pairs(table, "fetched_at", "rendered")
    )
    return [
        {"minute": minute, "source": rendered, "pages": count} for (minute, rendered), count in sorted(minutes.items())
    ]


def _label_rows(schema: LabelSchema, table: pa.Table, split_of: Mapping[str, str]) -> list[dict[str, Any]]:
    counts: Counter[tuple[str, str]] = Counter()
    for record_id, value in _pairs(table, "record_id", "value"):
        for name in schema.classes_in(schema.current(json.loads(value))):
            counts[(name, split_of.get(record_id, "train"))] += 1
    return [{"label": name, "split": split, "records": count} for (name, split), count in sorted(counts.items())]


def learning_points(all_rounds: Sequence[rounds.Round]) -> list[dict[str, Any]]:
    """The learning curve and the control arm's, a point a round that was measured."""
    points = []
    for one in all_rounds:
        numbers = one.numbers
        for arm, metrics, count in (
            (CHOSEN_ARM, numbers.get("holdout"), numbers.get("labels")),
            (RANDOM_ARM, numbers.get("control"), numbers.get("control_labels")),
        ):
            if metrics:
                accuracy = metrics["accuracy"]
                points.append(
                    {
                        "arm": arm,
                        "round": one.number,
                        "labels": count,
                        "accuracy": accuracy["value"],
                        "low": accuracy["low"],
                        "high": accuracy["high"],
                    }
                )
    return points


def _round_row(one: rounds.Round) -> dict[str, Any]:
    asked = one.numbers.get("asked", {})
    accuracy = (one.numbers.get("holdout") or {}).get("accuracy", {})
    return {
        "number": one.number,
        "state": one.state,
        "strategy": one.strategy,
        "asked": sum(asked.values()),
        "labels": one.numbers.get("labels"),
        "accuracy": accuracy.get("value"),
        "low": accuracy.get("low"),
        "high": accuracy.get("high"),
    }


def suspicions(store: Store, limit: int = SHOWN_SUSPICIONS) -> list[Suspicion]:
    """The labels that are or were under suspicion, the most suspicious first."""
    table = issues.issues(store, kind="label-error").slice(0, limit)
    texts = dict(_pairs(records.records(store, table["record_id"].to_pylist()), "record_id", "text"))
    return [
        Suspicion(
            text=texts.get(row["record_id"]) or "",
            given=json.loads(row["given"])["label"],
            suggested=json.loads(row["suggested"])["label"] if row["suggested"] else "",
            score=row["score"],
            state=row["state"],
        )
        for row in table.to_pylist()
    ]


def _issue_states(store: Store) -> dict[str, int]:
    return dict(Counter(issues.issues(store, kind="label-error")["state"].to_pylist()))
