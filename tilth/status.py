"""Where a project stands, and what to do next."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tilth.project import Project

if TYPE_CHECKING:
    from store.database import Store


@dataclass(frozen=True)
class Status:
    """Where a project stands.

    Attributes:
        counts: How many of what there are; records that something keeps back only where there are any.
        rounds: Number, state, strategy, labels, accuracy and its interval, the control arm's accuracy.
        next_step: A sentence that names a command.
        proof: Labels saved so far, and what more labels would bring, once a model was measured.
    """

    name: str
    counts: Mapping[str, int]
    rounds: list[list[Any]]
    next_step: str
    proof: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def project_status(project: Project) -> Status:
    """Read where the project stands from its store."""
    from store import issues, labels, models, pages, pool, records, rounds, splits
    from store.assignments import assignments, state_counts
    from store.curation.setting_aside import set_aside
    from store.curation.traits import traits
    from store.gone import TRAIT
    from store.page_decisions import rights_counts
    from tilth.learning import proof_said

    with project.open_store() as store:
        asked = assignments(store)
        states = state_counts(store)
        waiting = pool.pool(store)
        counts = {
            "pages": pages.pages(store).num_rows,
            "records": sum(row["records"] for row in records.record_counts(store).to_pylist()),
            "in the pool": waiting.num_rows,
            "labelled": labels.labels(store).num_rows,
            "held out": sum(
                row["records"] for row in splits.split_counts(store).to_pylist() if row["split"] == "holdout"
            ),
            "answers asked for": sum(asked["answers_wanted"].to_pylist()),
            "records waiting for people": states.get("sent", 0) + states.get("intended", 0),
            "labels under suspicion": issues.open_issues(store, "label-error").num_rows,
            "models": len(models.models(store)),
        }
        others = {
            "whose text changed, to be asked about again": waiting.num_rows - waiting["again_as"].null_count,
            "set aside by curation": len(set(set_aside(store)["record_id"].to_pylist())),
            "whose pages are gone": traits(store, TRAIT).num_rows,
            **rights_counts(store),
        }
        counts |= {f"records {name}": held for name, held in others.items() if held}
        all_rounds = rounds.rounds(store)
        return Status(
            name=project.file.project.name,
            counts=counts,
            rounds=[_round_row(one) for one in all_rounds],
            next_step=_next_step(project, store, counts),
            proof=proof_said(store),
        )


def _round_row(one: Any) -> list[Any]:
    accuracy = (one.numbers.get("holdout") or {}).get("accuracy", {})
    control = (one.numbers.get("control") or {}).get("accuracy", {})
    return [
        one.number,
        one.state,
        one.strategy,
        one.numbers.get("labels"),
        accuracy.get("value"),
        accuracy.get("low"),
        accuracy.get("high"),
        control.get("value"),
    ]


def _next_step(project: Project, store: "Store", counts: Mapping[str, int]) -> str:
    from store.rounds import open_round
    from tilth.people import waits_for_another

    if not counts["records"]:
        return "bring records in: tilth crawl, or tilth import FILE."
    if counts["records waiting for people"]:
        asked = counts["records waiting for people"]
        return f"answer the {asked} records in Label Studio (tilth studio up), then tilth round." + waits_for_another(
            store
        )
    if open_round(store) is not None:
        return "tilth round goes on with the open round."
    if counts["labels under suspicion"]:
        more = ", or ask about more: tilth round." if counts["in the pool"] else "."
        return (
            f"let people look again at {counts['labels under suspicion']} suspicious labels (tilth push --issues){more}"
        )
    if counts["in the pool"]:
        return "tilth round asks people about the records that help the model most."
    if project.file.project.license is None:
        return "every record is labelled. Say [project] license in tilth.toml, then tilth publish."
    return "every record is labelled: tilth report, then tilth publish."
