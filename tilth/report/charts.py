"""The report's pictures, as Vega-Lite specifications by altair; each is a function from numbers to a picture.

Colours go by the names of `tilth.report.palette`, and follow the reader's light or dark setting.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from tilth.report.facts import CHOSEN_ARM, RANDOM_ARM

WIDTH = 620
TICKS = 10  # about: numbers of five digits stand apart
HALF_WIDTH = 420
# With more classes a confusion matrix has small cells and no numbers.
CLASSES_WITH_NUMBERS = 12

Rows = Sequence[Mapping[str, Any]]


def learning_curve(points: Rows) -> str:
    """The holdout's accuracy by number of training labels, with its interval, and the control arm's beside it.

    `points` have `arm`, `labels`, `accuracy`, `low`, `high`, `round`.
    """
    lines = _banded(
        points,
        arms=[one for one in (CHOSEN_ARM, RANDOM_ARM) if any(row["arm"] == one for row in points)],
        colours=[_colour("model"), _colour("other")],
        y="accuracy on the holdout",
        tooltip=[alt.Tooltip("round:Q")],
    )
    return _spec(lines.properties(width=WIDTH, height=300))


def simulated_curves(points: Rows) -> str:
    """What a simulation showed: mean accuracy by number of labels and arm, with the 95% interval over the seeds.

    `points` have `arm`, `labels`, `accuracy`, `low`, `high`, `seeds`; `random` is drawn in the control arm's colour.
    """
    arms = sorted({row["arm"] for row in points}, key=lambda name: (name.startswith("random"), name))
    others = iter([_colour(name) for name in ("model", "third", "fourth", "soft", "ink", "doubtful")] * len(arms))
    colours = [_colour("other") if name.startswith("random") else next(others) for name in arms]
    lines = _banded(points, arms=arms, colours=colours, y="accuracy, mean over seeds", tooltip=[alt.Tooltip("seeds:Q")])
    return _spec(lines.properties(width=WIDTH, height=260))


def _banded(points: Rows, *, arms: list[str], colours: list[Any], y: str, tooltip: list[Any]) -> Any:
    base = alt.Chart(_values(points)).encode(
        x=alt.X("labels:Q", title="labels trained on", scale=alt.Scale(nice=True), axis=alt.Axis(tickCount=TICKS)),
        color=alt.Color(
            "arm:N",
            title=None,
            scale=alt.Scale(domain=arms, range=colours[: len(arms)]),
            legend=alt.Legend(orient="top", columns=4, symbolOpacity=1),
        ),
    )
    band = base.mark_area(opacity=0.16).encode(
        y=alt.Y("low:Q", title=y, scale=alt.Scale(zero=False)), y2=alt.Y2("high:Q")
    )
    line = base.mark_line(point=alt.OverlayMarkDef(size=45)).encode(
        y="accuracy:Q",
        tooltip=[
            alt.Tooltip("arm:N"),
            alt.Tooltip("labels:Q"),
            alt.Tooltip("accuracy:Q", format=".3f"),
            alt.Tooltip("low:Q", title="interval from", format=".3f"),
            alt.Tooltip("high:Q", title="to", format=".3f"),
            *tooltip,
        ],
    )
    return band + line


def loss_curves(rows: Rows) -> str:
    """Losses by epoch; `rows` have `epoch` (from 1), `part` (`training` or `validation`) and `loss`."""
    chart = (
        alt.Chart(_values(rows))
        .mark_line(point=alt.OverlayMarkDef(size=40))
        .encode(
            x=alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("loss:Q", title="loss", scale=alt.Scale(zero=True)),
            color=alt.Color(
                "part:N",
                title=None,
                scale=alt.Scale(domain=["training", "validation"], range=[_colour("model"), _colour("other")]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["part:N", "epoch:Q", alt.Tooltip("loss:Q", format=".3f")],
        )
    )
    return _spec(chart.properties(width=HALF_WIDTH, height=240))


def label_counts(rows: Rows) -> str:
    """How many labels each class has, by split; `rows` have `label`, `split`, `records`."""
    of_split = {"train": "model", "holdout": "other", "test": "third", "validation": "fourth"}
    colours = {split: _colour(name) for split, name in of_split.items() if any(row["split"] == split for row in rows)}
    chart = (
        alt.Chart(_values(rows))
        .mark_bar()
        .encode(
            y=alt.Y("label:N", title=None, sort="-x"),
            x=alt.X("records:Q", title="labelled records"),
            color=alt.Color(
                "split:N",
                title=None,
                scale=alt.Scale(domain=list(colours), range=list(colours.values())),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=["label:N", "split:N", "records:Q"],
        )
    )
    return _spec(chart.properties(width=WIDTH - 140, height=alt.Step(18)))


def confusion(rows: Rows) -> str:
    """The confusion matrix on the holdout; `rows` have `label`, `predicted`, `records`, one a pair of classes."""
    order = list(dict.fromkeys(row["label"] for row in rows))
    many = len(order) > CLASSES_WITH_NUMBERS
    step, font = (11, 9.5) if many else (34, 12.0)
    base = alt.Chart(_values(rows)).encode(
        x=alt.X(
            "predicted:N",
            sort=order,
            title="the model says",
            axis=alt.Axis(labelAngle=-90 if many else -40, labelFontSize=font),
        ),
        y=alt.Y("label:N", sort=order, title="people say", axis=alt.Axis(labelFontSize=font)),
        tooltip=["label:N", "predicted:N", "records:Q"],
    )
    cells = base.mark_rect().encode(
        color=alt.Color(
            "records:Q", legend=None, scale=alt.Scale(type="sqrt", range=[_colour("paper"), _colour("model")])
        )
    )
    if many:
        return _spec(cells.properties(width=alt.Step(step), height=alt.Step(step)))
    dark = max(row["records"] for row in rows) / 2
    numbers = base.mark_text(fontSize=11).encode(
        text="records:Q",
        color=alt.condition(f"datum.records > {dark}", alt.value(_colour("paper")), alt.value(_colour("ink"))),
    )
    shown = numbers.transform_filter("datum.records > 0")
    return _spec((cells + shown).properties(width=alt.Step(step), height=alt.Step(step)))


def calibration(rows: Rows) -> str:
    """How often the model is right, by how sure it was; `rows` have `records`, `confidence`, `accuracy`, `measured`.

    `measured` says on what: `on the holdout` or `out of fold`.
    """
    diagonal = (
        alt.Chart(_values([{"x": 0, "y": 0}, {"x": 1, "y": 1}]))
        .mark_line(strokeDash=[4, 4], color=_colour("soft"))
        .encode(x="x:Q", y="y:Q")
    )
    base = alt.Chart(_values(rows)).encode(
        x=alt.X("confidence:Q", title="how sure the model was", scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("accuracy:Q", title="how often it was right", scale=alt.Scale(domain=[0, 1])),
        color=alt.Color(
            "measured:N",
            title=None,
            scale=alt.Scale(
                domain=[
                    one for one in ("on the holdout", "out of fold") if any(row["measured"] == one for row in rows)
                ],
                range=[_colour("model"), _colour("other")],
            ),
            legend=alt.Legend(orient="top", symbolOpacity=1),
        ),
    )
    points = base.mark_circle(opacity=0.85).encode(
        size=alt.Size("records:Q", legend=None, scale=alt.Scale(range=[25, 400])),
        tooltip=[
            "measured:N",
            alt.Tooltip("confidence:Q", format=".2f"),
            alt.Tooltip("accuracy:Q", format=".2f"),
            "records:Q",
        ],
    )
    return _spec((diagonal + base.mark_line(opacity=0.5) + points).properties(width=300, height=300))


def fetch_times(rows: Rows) -> str:
    """How the crawl went on: pages by minute; `rows` have `minute` (ISO time), `source`, `pages`."""
    chart = (
        alt.Chart(_values(rows))
        .mark_bar()
        .encode(
            x=alt.X("minute:T", title=None),
            y=alt.Y("pages:Q", title="pages"),
            color=alt.Color("source:N", title=None, legend=alt.Legend(orient="top")),
            tooltip=["source:N", "minute:T", "pages:Q"],
        )
    )
    return _spec(chart.properties(width=WIDTH, height=120))


def _colour(name: str) -> Any:
    return alt.ExprRef(name)


def _values(rows: Rows) -> alt.Data:
    # As plain values, not as a frame: altair refuses frames of more than 5,000 rows, which 77 classes make.
    return alt.Data(values=[dict(row) for row in rows])


def _spec(chart: Any) -> str:
    """The chart's JSON, safe inside a `<script>` element."""
    described = chart.to_dict()
    described.pop("config", None)  # altair's own; the page gives the palette's
    return json.dumps(described).replace("<", "\\u003c")
