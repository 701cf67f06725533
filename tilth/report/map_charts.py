"""The two maps of the pool: where the rounds went, and where the model doubts and errs.

Both take their records from the data set `points`, which the page holds once; its rows have `x`, `y`, `what`, `round`,
`label`, `said`, `sure`, `verdict` and `text`, as `tilth.report.pool_picture` gives them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from tilth.report.charts import _colour, _spec, _values
from tilth.report.pool_picture import CHOSEN, CONTROL, HELD_OUT, IN_POOL, LABELLED, RIGHT, WRONG

WIDTH, HEIGHT = 440, 420
TOOLTIP = [
    alt.Tooltip("text:N"),
    alt.Tooltip("what:N", title="it is"),
    alt.Tooltip("round:Q"),
    alt.Tooltip("label:N"),
    alt.Tooltip("said:N", title="the model says"),
    alt.Tooltip("sure:Q", title="how sure", format=".2f"),
]


def rounds_map(last_round: int, names: Sequence[Mapping[str, Any]]) -> str:
    """Which records each round asked about, the earlier the paler, over the pool in grey."""
    by_round = alt.Color(
        "round:Q",
        legend=None,
        scale=alt.Scale(
            domain=[1 if last_round > 1 else 0, max(1, last_round)],
            range=[_colour("early"), _colour("late")],
            interpolate="rgb",
            clamp=True,
        ),
    )
    layers = [
        _records(IN_POOL).mark_circle(size=14, opacity=0.75).encode(color=alt.value(_colour("pool"))),
        _records(HELD_OUT)
        .mark_point(shape="square", size=26, strokeWidth=1.2, opacity=0.8)
        .encode(color=alt.value(_colour("third"))),
        _records(LABELLED).mark_circle(size=30, opacity=0.9).encode(color=alt.value(_colour("soft"))),
        _records(CONTROL)
        .mark_point(shape="triangle-up", size=46, strokeWidth=1.6)
        .encode(color=alt.value(_colour("other"))),
        _records(CHOSEN)
        .mark_circle(size=46, opacity=1, stroke=_colour("paper"), strokeWidth=0.6)
        .encode(color=by_round),
    ]
    return _map(layers, names)


def doubt_map(n_classes: int, names: Sequence[Mapping[str, Any]]) -> str:
    """How sure the model is of each record of the pool, and of which labelled ones it says another class."""
    by_sureness = alt.Color(
        "sure:Q",
        legend=None,
        scale=alt.Scale(
            domain=[1 / max(2, n_classes), 1.0],
            range=[_colour("doubtful"), _colour("sure")],
            interpolate="rgb",
            clamp=True,
        ),
    )
    layers = [
        _records(IN_POOL).mark_circle(size=18, opacity=0.85).encode(color=by_sureness),
        _judged(RIGHT).mark_circle(size=16, opacity=0.7).encode(color=alt.value(_colour("model"))),
        _judged(WRONG)
        .mark_point(shape="M-1,-1L1,1M1,-1L-1,1", size=36, strokeWidth=1.8, opacity=1)
        .encode(color=alt.value(_colour("other"))),
    ]
    return _map(layers, names)


def _records(what: str) -> Any:
    return _placed(f"datum.what === '{what}'")


def _judged(verdict: str) -> Any:
    return _placed(f"datum.verdict === '{verdict}'")


def _placed(condition: str) -> Any:
    free = alt.Scale(domain=[0, 1], nice=False, padding=12)
    return (
        alt.Chart()
        .transform_filter(condition)
        .encode(
            x=alt.X("x:Q", axis=None, scale=free),
            y=alt.Y("y:Q", axis=None, scale=free),
            tooltip=TOOLTIP,
        )
    )


def _map(layers: list[Any], names: Sequence[Mapping[str, Any]]) -> str:
    if names:
        written = alt.Chart(_values(names)).encode(x="x:Q", y="y:Q", text="name:N")
        # A text twice: first as its own halo, so that it can be read over the records.
        halo = written.mark_text(
            fontSize=13, fontStyle="italic", stroke=_colour("paper"), strokeWidth=4, opacity=0.85, strokeJoin="round"
        ).encode(color=alt.value(_colour("paper")))
        layers = [
            *layers,
            halo,
            written.mark_text(fontSize=13, fontStyle="italic").encode(color=alt.value(_colour("ink"))),
        ]
    chart = alt.layer(*layers, data=alt.NamedData(name="points")).properties(
        width=WIDTH,
        height=HEIGHT,
        # Nothing that is written beyond the edge moves the map.
        autosize=alt.AutoSizeParams(type="none"),
    )
    return _spec(chart)
