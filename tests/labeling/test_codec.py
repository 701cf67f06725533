"""What a Label Studio result means, and what its configuration asks."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.errors import ConfigEdited, PredictionError
from labeling.kinds import text_classification as kind
from store.errors import LabelError
from store.label_schema import LabelSchema

# What the schema takes for a class name and XML can hold.
names = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), min_size=1, max_size=20
).filter(lambda name: name == name.strip() and len(name.splitlines()) == 1)


@st.composite
def schemas(draw):
    classes = draw(st.lists(names, min_size=2, max_size=40, unique=True))
    return LabelSchema(
        "text-classification",
        tuple(classes),
        question=draw(st.text(max_size=40)),
        instructions=draw(st.text(max_size=40)),
    )


@given(schemas(), st.data())
def test_a_value_comes_back_from_its_result(schema, data):
    value = {"label": data.draw(st.sampled_from(schema.classes))}
    assert kind.value(kind.result(schema, value)) == value


@given(schemas())
def test_a_configuration_asks_for_exactly_the_schemas_classes(schema):
    assert kind.difference(schema, kind.config(schema)) == (set(), set())


@given(schemas())
def test_no_text_of_the_schema_is_taken_for_a_variable(schema):
    view = ET.fromstring(kind.config(schema))
    shown = [tag.get("value", "") for tag in view.iter() if tag.tag in ("Header", "Choice")]
    theirs = [text for text in shown if text not in ("Why you are asked: $why", "Found at: $url")]
    assert not any("$" in text.replace("$\u200b", "") for text in theirs)


@given(schemas(), st.data())
def test_the_likeliest_class_is_shown_with_its_probability(schema, data):
    chances = {name: data.draw(st.floats(0, 1)) for name in schema.classes}
    result, score = kind.prediction(schema, {"probabilities": chances})
    assert score == max(chances.values())
    assert chances[kind.value(result)["label"]] == score


SCHEMA = LabelSchema("text-classification", ("billing", "praise"))


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"probabilities": {}},
        {"probabilities": {"anger": 1.0}},
        {"probabilities": {"praise": 1.5}},
        {"probabilities": {"praise": float("nan")}},
        {"probabilities": {"praise": "much"}},
    ],
)
def test_a_prediction_that_does_not_fit_is_refused(shown):
    with pytest.raises(PredictionError):
        kind.prediction(SCHEMA, shown)


@pytest.mark.parametrize("choices", [[], ["billing", "praise"]])
def test_an_answer_without_exactly_one_class_is_refused(choices):
    with pytest.raises(LabelError, match=f"names {len(choices)}"):
        kind.value([{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": choices}}])


def test_missing_and_added_classes_are_told_apart():
    edited = kind.config(SCHEMA).replace('value="praise"', 'value="anger"')
    assert kind.difference(SCHEMA, edited) == ({"praise"}, {"anger"})


@pytest.mark.parametrize(
    "edited",
    [
        "<View/>",
        "not XML",
        kind.config(SCHEMA).replace("single-radio", "multiple"),
        kind.config(SCHEMA).replace('toName="text"', 'toName="other"'),
    ],
)
def test_a_configuration_that_asks_something_else_is_refused(edited):
    with pytest.raises(ConfigEdited):
        kind.difference(SCHEMA, edited)
