"""The report's pictures, as Vega-Lite specifications by altair; each is a function from numbers to a picture."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

GREEN, CLAY, SAND, INK = "#3b6e47", "#b5562b", "#d9c9a3", "#2b2a26"
WIDTH = 620


def learning_curve(points: Sequence[Mapping[str, Any]]) -> str:
    """The holdout's accuracy by number of training labels, with its interval, and the control arm's beside it.

    `points` have `arm`, `labels`, `accuracy`, `low`, `high`, `round`.
    """
    base = alt.Chart(_values(points)).encode(
        x=alt.X("labels:Q", title="labels trained on", scale=alt.Scale(nice=True)),
        color=alt.Color(
            "arm:N",
            title=None,
            scale=alt.Scale(domain=["chosen by the model", "drawn at random"], range=[GREEN, CLAY]),
            legend=alt.Legend(orient="top"),
        ),
    )
    band = base.mark_area(opacity=0.15).encode(
        y=alt.Y("low:Q", title="accuracy on the holdout", scale=alt.Scale(zero=False)), y2="high:Q"
    )
    line = base.mark_line(point=alt.OverlayMarkDef(size=45)).encode(
        y="accuracy:Q",
        tooltip=[
            alt.Tooltip("arm:N"),
            alt.Tooltip("round:Q"),
            alt.Tooltip("labels:Q"),
            alt.Tooltip("accuracy:Q", format=".3f"),
            alt.Tooltip("low:Q", title="interval from", format=".3f"),
            alt.Tooltip("high:Q", title="to", format=".3f"),
        ],
    )
    return _spec((band + line).properties(width=WIDTH, height=300))


def label_counts(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many labels each class has, by split; `rows` have `label`, `split`, `records`."""
    chart = (
        alt.Chart(_values(rows))
        .mark_bar()
        .encode(
            y=alt.Y("label:N", title=None, sort="-x"),
            x=alt.X("records:Q", title="labelled records"),
            color=alt.Color("split:N", title=None, scale=alt.Scale(range=[CLAY, GREEN, SAND, INK])),
            tooltip=["label:N", "split:N", "records:Q"],
        )
    )
    return _spec(chart.properties(width=WIDTH - 140, height=alt.Step(18)))


def confusion(rows: Sequence[Mapping[str, Any]]) -> str:
    """The confusion matrix on the holdout; `rows` have `label`, `predicted`, `records`, one a pair of classes."""
    order = list(dict.fromkeys(row["label"] for row in rows))
    step = 34 if len(order) <= 12 else 11
    base = alt.Chart(_values(rows)).encode(
        x=alt.X("predicted:N", sort=order, title="the model says", axis=alt.Axis(labelAngle=-40)),
        y=alt.Y("label:N", sort=order, title="people say"),
        tooltip=["label:N", "predicted:N", "records:Q"],
    )
    cells = base.mark_rect().encode(
        color=alt.Color("records:Q", legend=None, scale=alt.Scale(type="sqrt", range=["#fbf9f3", GREEN]))
    )
    if len(order) > 12:
        return _spec(cells.properties(width=alt.Step(step), height=alt.Step(step)))
    dark = max(row["records"] for row in rows) / 2
    numbers = base.mark_text(fontSize=11).encode(
        text="records:Q", color=alt.condition(f"datum.records > {dark}", alt.value("white"), alt.value(INK))
    )
    shown = numbers.transform_filter("datum.records > 0")
    return _spec((cells + shown).properties(width=alt.Step(step), height=alt.Step(step)))


def calibration(rows: Sequence[Mapping[str, Any]]) -> str:
    """How often the model is right, by how sure it was; `rows` have `confidence`, `accuracy`, `records`."""
    diagonal = (
        alt.Chart(_values([{"x": 0, "y": 0}, {"x": 1, "y": 1}]))
        .mark_line(strokeDash=[4, 4], color=SAND)
        .encode(x="x:Q", y="y:Q")
    )
    points = (
        alt.Chart(_values(rows))
        .mark_circle(color=GREEN, opacity=0.9)
        .encode(
            x=alt.X("confidence:Q", title="how sure the model was", scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("accuracy:Q", title="how often it was right", scale=alt.Scale(domain=[0, 1])),
            size=alt.Size("records:Q", legend=None, scale=alt.Scale(range=[30, 400])),
            tooltip=[alt.Tooltip("confidence:Q", format=".2f"), alt.Tooltip("accuracy:Q", format=".2f"), "records:Q"],
        )
    )
    return _spec((diagonal + points).properties(width=300, height=300))


def fetch_times(rows: Sequence[Mapping[str, Any]]) -> str:
    """How the crawl went on: pages by minute; `rows` have `minute` (ISO time), `source`, `pages`."""
    chart = (
        alt.Chart(_values(rows))
        .mark_bar()
        .encode(
            x=alt.X("minute:T", title=None),
            y=alt.Y("pages:Q", title="pages"),
            color=alt.Color("source:N", title=None, scale=alt.Scale(range=[GREEN, CLAY, SAND, INK])),
            tooltip=["source:N", "minute:T", "pages:Q"],
        )
    )
    return _spec(chart.properties(width=WIDTH, height=120))


def _values(rows: Sequence[Mapping[str, Any]]) -> alt.Data:
    # As plain values, not as a frame: altair refuses frames of more than 5,000 rows, which 77 classes make.
    return alt.Data(values=[dict(row) for row in rows])


def _spec(chart: Any) -> str:
    """The chart's JSON, safe inside a `<script>` element."""
    configured = (
        chart.configure(font="Georgia, 'Times New Roman', serif", background="transparent")
        .configure_view(stroke=None)
        .configure_axis(gridColor="#ece5d4", labelColor=INK, titleColor=INK, domainColor=SAND, labelLimit=220)
    )
    return json.dumps(configured.to_dict()).replace("<", "\\u003c")
