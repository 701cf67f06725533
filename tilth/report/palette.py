"""The report's colours, by day and by night; the charts take them by name, so that one specification serves both.

Blue-green against orange-brown are told apart by people who confuse red and green; what a colour says is also said by
a shape, a place or a word.
"""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Palette:
    """Colours as CSS has them.

    Attributes:
        ink, soft, line, paper, card: Of text, lesser text, rules, the page and what stands out from it.
        model, other, third, fourth: What the project's own model did; what it is compared with; further arms.
        pool: Of records that nobody was asked about.
        early, late: Between these lie the rounds, the first to the last.
        doubtful, sure: Between these lies how sure the model is.
    """

    ink: str
    soft: str
    line: str
    paper: str
    card: str
    model: str
    other: str
    third: str
    fourth: str
    pool: str
    early: str
    late: str
    doubtful: str
    sure: str


DAY = Palette(
    ink="#2b2a26",
    soft="#6d675a",
    line="#e4dcc8",
    paper="#fbf9f3",
    card="#ffffff",
    model="#2f6b52",
    other="#b5562b",
    third="#4a6fa5",
    fourth="#8a7a3c",
    pool="#c6bfb0",
    early="#9ccfb4",
    late="#0f3d2e",
    doubtful="#8c6fb0",
    sure="#e3ddce",
)
NIGHT = Palette(
    ink="#e9e4d8",
    soft="#a69f8f",
    line="#3d3a33",
    paper="#1c1b18",
    card="#262420",
    model="#6fbf97",
    other="#e08a5c",
    third="#8fb0e0",
    fourth="#cbb96a",
    pool="#5c584e",
    early="#35705a",
    late="#c8f5de",
    doubtful="#b79be0",
    sure="#524e45",
)


def style_variables(palette: Palette) -> str:
    """The colours as CSS custom properties."""
    return " ".join(f"--{name}: {colour};" for name, colour in asdict(palette).items())


def chart_config(palette: Palette) -> dict[str, Any]:
    """What Vega-Lite takes beside every chart: fonts, and each colour as a parameter of its name."""
    words = {"labelColor": palette.ink, "titleColor": palette.soft, "labelFontSize": 12, "titleFontSize": 12}
    return {
        "params": [{"name": name, "value": colour} for name, colour in asdict(palette).items()],
        "font": "Georgia, 'Times New Roman', serif",
        "background": "transparent",
        "view": {"stroke": None},
        "axis": {
            **words,
            "gridColor": palette.line,
            "gridOpacity": 0.7,
            "domainColor": palette.line,
            "tickColor": palette.line,
            "labelLimit": 220,
            "titleFontWeight": "normal",
        },
        "legend": {**words, "labelLimit": 260, "titleFontWeight": "normal"},
        "title": {"color": palette.soft, "fontWeight": "normal", "anchor": "start"},
        "range": {"category": [palette.model, palette.other, palette.third, palette.fourth, palette.soft]},
    }
