"""The report: one self-contained HTML page with the pictures, which opens offline."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from store.cache_folder import cache_folder
from store.label_schema import LabelSchema
from tilth.project import Project
from tilth.report.facts import CHOSEN_ARM, Place, ReportFacts, gather_facts, rendering_rows
from tilth.report.palette import DAY, NIGHT, chart_config, style_variables
from tilth.report.pool_picture import RIGHT, WHATS, WRONG
from tilth.report.shown_text import shown_text
from tilth.report.vega import vega_bundle

SCALAR_NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "roc_auc": "ROC AUC (one against the rest)",
    "expected_calibration_error": "expected calibration error",
    "log_loss": "log loss",
}
# So many classes stand open on the page; the rest are folded away.
CLASSES_SHOWN = 12


def write_report(
    project: Project, path: Path, *, notes: Sequence[str] = (), say: Callable[[str], None] = lambda _line: None
) -> None:
    """Write the project's report to `path`, whole or not at all.

    Args:
        notes: Sentences under the suspicious labels.
        say: Told of what takes more than a moment.
    """
    sources = [str(table.get("name")) for table in project.file.source]
    rendering = rendering_rows(project.folder / "frontier.sqlite", sources)
    place = Place(project.folder, _map_file(project.folder), project.file.rounds.seed, say)
    with project.open_store() as store:
        facts = gather_facts(store, project.schema, rendering, place=place)
    declared = project.file.project
    page = render(facts, project.schema, name=declared.name, description=declared.description, notes=notes)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    # What was crawled may hold half a surrogate pair, which no file can.
    unfinished.write_text(page, encoding="utf-8", errors="replace")
    unfinished.replace(path)


def _map_file(folder: Path) -> Path:
    name = hashlib.sha256(str(folder.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return cache_folder() / "maps" / f"{name}.npz"


def render(facts: ReportFacts, schema: LabelSchema, *, name: str, description: str, notes: Sequence[str] = ()) -> str:
    """The page as HTML."""
    environment = Environment(autoescape=True, loader=PackageLoader("tilth", "report"))
    environment.filters["shown"] = shown_text
    holdout = (facts.metrics or {}).get("holdout")
    return environment.get_template("page.html.j2").render(
        name=name,
        description=description,
        made_at=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
        facts=facts,
        headline=holdout["accuracy"] if holdout else None,
        fitted_since=holdout is not None and _fitted_since(facts.curve, holdout["accuracy"]["value"]),
        holdout_size=holdout["records"] if holdout else 0,
        saved=_saved(facts),
        scalars=_scalars(holdout),
        classes_shown=CLASSES_SHOWN,
        notes=notes,
        suspicion_sentence=_suspicion_sentence(facts),
        agreement_sentence=_agreement_sentence(facts),
        version=version("tilth"),
        day=Markup(style_variables(DAY)),
        night=Markup(style_variables(NIGHT)),
        vega_bundle=Markup(vega_bundle()),
        configs=_as_script({"day": chart_config(DAY), "night": chart_config(NIGHT)}),
        points=_as_script(_points(facts, schema)),
        charts={one: Markup(spec) for one, spec in _charts(facts, schema, holdout).items()},
    )


def _fitted_since(curve: Sequence[Mapping[str, Any]], accuracy: float) -> bool:
    """Whether the current model is another than the one that the learning curve ends with."""
    measured = [point["accuracy"] for point in curve if point["arm"] == CHOSEN_ARM]
    return bool(measured) and measured[-1] != accuracy


def _as_script(value: Any) -> Markup:
    """JSON that is safe inside a `<script>` element."""
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))


def _points(facts: ReportFacts, schema: LabelSchema) -> dict[str, Any]:
    lists = {"whats": WHATS, "verdicts": (RIGHT, WRONG), "classes": schema.classes}
    return {**lists, "columns": dict(facts.picture.columns)}


def _charts(facts: ReportFacts, schema: LabelSchema, holdout: dict[str, Any] | None) -> dict[str, str]:
    from tilth.report import charts, map_charts

    made = {}
    if facts.curve:
        made["chart-curve"] = charts.learning_curve(facts.curve)
    for number, simulation in enumerate(facts.simulations, start=1):
        made[f"chart-simulation-{number}"] = charts.simulated_curves(simulation.points)
    if facts.picture.columns:
        made["chart-rounds-map"] = map_charts.rounds_map(facts.picture.last_round, facts.picture.names)
        if facts.model is not None:
            made["chart-doubt-map"] = map_charts.doubt_map(len(schema.classes), facts.picture.names)
    if facts.model is not None and facts.model.losses:
        made["chart-losses"] = charts.loss_curves(facts.model.losses)
    if facts.model is not None and facts.model.reliability:
        made["chart-calibration"] = charts.calibration(facts.model.reliability)
    if facts.label_rows:
        made["chart-labels"] = charts.label_counts(facts.label_rows)
    if facts.crawl:
        made["chart-fetches"] = charts.fetch_times(facts.fetches)
    if holdout:
        matrix = holdout["confusion"]
        made["chart-confusion"] = charts.confusion(
            [
                {"label": one, "predicted": other, "records": matrix[i][j]}
                for i, one in enumerate(schema.classes)
                for j, other in enumerate(schema.classes)
            ]
        )
    return made


def _scalars(holdout: dict[str, Any] | None) -> list[dict[str, Any]]:
    if not holdout:
        return []
    found = [(title, holdout.get(key)) for key, title in SCALAR_NAMES.items()]
    return [{"name": title} | value for title, value in found if value and value.get("value") is not None]


def _saved(facts: ReportFacts) -> dict[str, str] | None:
    """The labels that choosing saved, for the head of the page; nothing where they may as well be none."""
    found = facts.proof.saved.saved if facts.proof is not None else None
    if found is None or found[0] is None or found[1] is None or found[1] <= 0:
        return None
    value, low, high = found
    to = " or more" if high is None else f" to {high:,.0f}"
    return {"value": f"{value:,.0f}", "words": f"labels saved by choosing ({low:,.0f}{to})"}


def _suspicion_sentence(facts: ReportFacts) -> str:
    states = facts.issue_states
    seen = states.get("corrected", 0) + states.get("confirmed", 0)
    total = sum(states.values())
    if not seen:
        return f"{total} labels are probably wrong. `tilth push --issues` sends them back to be looked at again."
    return (
        f"{total} labels were suspected. {seen} were looked at again: {states.get('corrected', 0)} corrected, "
        f"{states.get('confirmed', 0)} confirmed as they were."
    )


def _agreement_sentence(facts: ReportFacts) -> str:
    found = facts.agreement
    if found is None or found.alpha is None or found.interval is None:
        return ""
    low, high = found.interval
    return (
        f"Krippendorff's alpha is {found.alpha:.2f} ({low:.2f} to {high:.2f}) over the {found.records} records "
        f"that more "
        "than one person answered; 1 is full agreement, 0 is what chance gives."
    )
