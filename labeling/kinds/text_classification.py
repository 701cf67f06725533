"""`text-classification` in Label Studio: a text, its question and one choice among the classes."""

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from typing import Any

from labeling.errors import ConfigEdited, PredictionError
from store.errors import LabelError
from store.label_schema import LabelSchema

CONTROL = "label"
OBJECT = "text"
# Digits first, then letters that Label Studio does not use for commands of its own.
HOTKEYS = "1234567890qwetasdfgzxcvbyiopjklnm"
FILTER_FROM = 20
"""So many classes and more get a box to search them by."""


def config(schema: LabelSchema) -> str:
    """The labeling configuration that asks the schema's question, as XML.

    Tasks need `text`, `why` and `url` in their data.
    """
    view = ET.Element("View")
    if schema.instructions:
        ET.SubElement(view, "Header", {"value": _plain(schema.instructions), "size": "5"})
    ET.SubElement(view, "Header", {"value": _plain(schema.question or "Which class is it?"), "size": "4"})
    ET.SubElement(view, "Text", {"name": OBJECT, "value": "$text"})
    if len(schema.classes) >= FILTER_FROM:
        ET.SubElement(view, "Filter", {"toName": CONTROL, "minlength": "0", "placeholder": "Find a class"})
    asked = {"name": CONTROL, "toName": OBJECT, "choice": "single-radio", "required": "true", "showInline": "true"}
    choices = ET.SubElement(view, "Choices", asked)
    for place, name in enumerate(schema.classes):
        choice = ET.SubElement(choices, "Choice", {"value": _plain(name)})
        if _plain(name) != name:
            choice.set("alias", name)
        if place < len(HOTKEYS):
            choice.set("hotkey", HOTKEYS[place])
        if schema.descriptions.get(name):
            choice.set("hint", _plain(schema.descriptions[name]))
    aside = {"size": "6", "style": "font-size: 14px; font-weight: normal"}
    ET.SubElement(view, "Header", {"value": "Why you are asked: $why", **aside})
    ET.SubElement(view, "Header", {"value": "Found at: $url", **aside})
    return ET.tostring(view, encoding="unicode")


def difference(schema: LabelSchema, config: str) -> tuple[set[str], set[str]]:
    """The classes that a project's configuration lacks, and those that it has beyond the schema.

    Raises:
        ConfigEdited: It no longer asks for one class of a text at all.
    """
    found = classes_in_config(config)
    return set(schema.classes) - found, found - set(schema.classes)


def classes_in_config(config: str) -> set[str]:
    """The classes that a configuration offers.

    Raises:
        ConfigEdited: It has no choice named `label` for the text, allows several choices, or is not XML.
    """
    try:
        # The server's own configuration, of a server that the user trusts with the data; expat expands no outside
        # entities.
        root = ET.fromstring(config)
    except ET.ParseError as error:
        raise ConfigEdited(f"The labeling configuration is not XML ({error}).") from error
    controls = [tag for tag in root.iter("Choices") if tag.get("name") == CONTROL and tag.get("toName") == OBJECT]
    if len(controls) != 1:
        raise ConfigEdited(f'The labeling configuration has no <Choices name="{CONTROL}" toName="{OBJECT}">.')
    if controls[0].get("choice", "single") == "multiple":
        raise ConfigEdited("The labeling configuration lets people choose several classes.")
    return {tag.get("alias") or tag.get("value") or "" for tag in controls[0].iter("Choice")}


def task_data(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a task shows of a record; `record` is a row of the `records` table."""
    return {OBJECT: record["text"]}


def result(schema: LabelSchema, value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A value as Label Studio's result.

    Raises:
        LabelError: The schema does not allow the value.
    """
    schema.validate(value)
    return [{"from_name": CONTROL, "to_name": OBJECT, "type": "choices", "value": {"choices": [value["label"]]}}]


def value(result: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The value that a Label Studio result holds, whether or not a schema allows it.

    Raises:
        LabelError: It does not hold exactly one class.
    """
    chosen = [
        name
        for region in result
        if region.get("from_name") == CONTROL and region.get("type") == "choices"
        for name in region.get("value", {}).get("choices", [])
    ]
    if len(chosen) != 1 or not isinstance(chosen[0], str):
        raise LabelError(f"An answer must name exactly one class; this one names {len(chosen)}.")
    return {"label": chosen[0]}


def prediction(schema: LabelSchema, shown: Mapping[str, Any]) -> tuple[list[dict[str, Any]], float]:
    """What annotators see of a prediction, and its score.

    Args:
        shown: `{"probabilities": {class: p}}`; classes that are left out count as 0.

    Returns:
        The result that names the likeliest class (of equal ones, the first of the schema), and its probability.

    Raises:
        PredictionError: A class is not in the schema, or a probability is not a number in [0, 1].
    """
    probabilities = shown.get("probabilities")
    if not isinstance(probabilities, Mapping) or not probabilities:
        raise PredictionError(f'A prediction must be {{"probabilities": {{class: p}}}}, not {str(shown)[:80]}.')
    for name, p in probabilities.items():
        if name not in schema.classes:
            raise PredictionError(f'The prediction speaks of "{name}", which is not a class of the schema.')
        if isinstance(p, bool) or not isinstance(p, int | float) or not math.isfinite(p) or not 0 <= p <= 1:
            raise PredictionError(f'The prediction gives "{name}" the probability {p}; it must lie in [0, 1].')
    best = max((name for name in schema.classes if name in probabilities), key=lambda name: probabilities[name])
    return result(schema, {"label": best}), float(probabilities[best])


def _plain(text: str) -> str:
    """The text without what XML cannot hold, and with every `$` kept from being taken for a variable."""
    allowed = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
    return allowed.replace("$", "$\u200b")
