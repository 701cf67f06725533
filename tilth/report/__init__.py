"""The report: one self-contained HTML page with the pictures, which opens offline."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from store.label_schema import LabelSchema
from tilth.project import Project
from tilth.report.facts import ReportFacts, gather_facts, rendering_rows

SCALAR_NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "roc_auc": "ROC AUC (one against the rest)",
    "expected_calibration_error": "expected calibration error",
    "log_loss": "log loss",
}


def write_report(project: Project, path: Path, *, notes: Sequence[str] = ()) -> None:
    """Write the project's report to `path`, whole or not at all; `notes` are sentences under the suspicious labels."""
    sources = [str(table.get("name")) for table in project.file.source]
    rendering = rendering_rows(project.folder / "frontier.sqlite", sources)
    with project.open_store() as store:
        facts = gather_facts(store, project.schema, rendering)
    declared = project.file.project
    page = render(facts, project.schema, name=declared.name, description=declared.description, notes=notes)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(path)


def render(facts: ReportFacts, schema: LabelSchema, *, name: str, description: str, notes: Sequence[str] = ()) -> str:
    """The page as HTML."""
    template = Environment(autoescape=True).from_string(
        (files("tilth.report") / "page.html.j2").read_text(encoding="utf-8")
    )
    holdout = (facts.metrics or {}).get("holdout")
    return template.render(
        name=name,
        description=description,
        made_at=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
        facts=facts,
        headline=holdout["accuracy"] if holdout else None,
        holdout_size=holdout["records"] if holdout else 0,
        scalars=_scalars(holdout),
        per_class=[{"label": name} | row for name, row in holdout["per_class"].items()] if holdout else [],
        notes=notes,
        suspicion_sentence=_suspicion_sentence(facts),
        agreement_sentence=_agreement_sentence(facts),
        version=version("tilth"),
        vega_bundle=Markup(_vega_bundle()),
        charts={one: Markup(spec) for one, spec in _charts(facts, schema, holdout).items()},
    )


@cache
def _vega_bundle() -> str:
    import vl_convert

    bundle: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # the stub forgets that it needs no snippet
    return bundle.replace("</script", "<\\/script")


def _charts(facts: ReportFacts, schema: LabelSchema, holdout: dict[str, Any] | None) -> dict[str, str]:
    from tilth.report import charts

    made = {}
    if facts.curve:
        made["chart-curve"] = charts.learning_curve(facts.curve)
    if facts.label_rows:
        made["chart-labels"] = charts.label_counts(facts.label_rows)
    if facts.crawl:
        made["chart-fetches"] = charts.fetch_times(facts.fetches)
    if holdout:
        matrix = holdout["confusion"]
        made["chart-calibration"] = charts.calibration([one for one in holdout["calibration"] if one["records"]])
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
