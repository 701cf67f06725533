"""The label schema: what may be asked, what may be answered, and what names it."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import LabelError, SchemaError
from store.label_schema import LabelSchema, kind_module, kinds

KIND = "text-classification"
signs = st.characters(exclude_categories=["Cc", "Cs"])
names = st.text(signs, min_size=1, max_size=12).filter(lambda name: name == name.strip())
class_lists = st.lists(names, min_size=2, max_size=8, unique=True)


@st.composite
def schemas(draw) -> LabelSchema:
    """Schemas with renames and wording."""
    classes = draw(class_lists)
    old = draw(st.lists(names.filter(lambda name: name not in classes), max_size=3, unique=True))
    return LabelSchema(
        KIND,
        tuple(classes),
        question=draw(st.text(max_size=20)),
        instructions=draw(st.text(max_size=20)),
        descriptions=dict.fromkeys(draw(st.lists(st.sampled_from(classes), unique=True)), "about it"),
        renamed={name: draw(st.sampled_from(classes)) for name in old},
    )


@given(schemas())
def test_a_schema_survives_json(schema):
    again = LabelSchema.from_json(schema.to_json())
    assert again == schema
    assert again.hash == schema.hash


@given(schemas(), st.text(max_size=10))
def test_wording_does_not_change_the_hash(schema, wording):
    facts = json.loads(schema.to_json())
    reworded = LabelSchema.from_json(
        json.dumps(facts | {"question": wording, "instructions": wording, "descriptions": {}})
    )
    assert reworded.hash == schema.hash


@given(schemas(), names)
def test_another_class_or_another_order_changes_the_hash(schema, name):
    facts = json.loads(schema.to_json())
    turned = LabelSchema.from_json(json.dumps(facts | {"classes": facts["classes"][::-1]}))
    assert turned.hash != schema.hash
    if name not in schema.classes and name not in schema.renamed:
        grown = LabelSchema.from_json(json.dumps(facts | {"classes": [*facts["classes"], name]}))
        assert grown.hash != schema.hash


@given(schemas())
def test_every_class_old_or_new_is_an_answer_and_becomes_a_present_one(schema):
    for name in [*schema.classes, *schema.renamed]:
        value = {"label": name}
        schema.validate(value)
        current = schema.current(value)
        assert schema.classes_in(current) <= set(schema.classes)
        assert schema.current(current) == current


@given(schemas(), st.text(max_size=12))
def test_anything_else_is_no_answer(schema, text):
    if text not in schema.classes and text not in schema.renamed:
        with pytest.raises(LabelError):
            schema.validate({"label": text})


@pytest.mark.parametrize("value", [{}, {"label": None}, {"label": 1}, {"label": ["a"]}, {"class": "a"}, "a", None, []])
def test_a_value_of_another_shape_is_no_answer(value):
    with pytest.raises(LabelError, match="text-classification"):
        LabelSchema(KIND, ("a", "b")).validate(value)


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        ((), "at least 2"),
        (("a",), "at least 2"),
        (("a", "b", "a"), '"a" stands there more than once'),
        (("a", " b"), "' b'"),
        (("a", ""), "''"),
        (("a", "b\nc"), "one line"),
        (("a", 1), "1 is not a class name"),
    ],
)
def test_unusable_classes_are_refused_by_name(classes, told):
    with pytest.raises(SchemaError, match=told) as refusal:
        LabelSchema(KIND, classes)
    assert refusal.value.exit_code == 2


def test_a_rename_must_lead_from_an_old_name_to_a_present_one():
    with pytest.raises(SchemaError, match='"a" is still among the classes'):
        LabelSchema(KIND, ("a", "b"), renamed={"a": "b"})
    with pytest.raises(SchemaError, match='"c", which is not among the classes'):
        LabelSchema(KIND, ("a", "b"), renamed={"old": "c"})


def test_a_near_miss_is_named():
    with pytest.raises(LabelError, match='did you mean "weather"'):
        LabelSchema(KIND, ("weather", "sport")).validate({"label": "wether"})
    with pytest.raises(SchemaError, match='did you mean "text-classification"'):
        LabelSchema("text-clasification", ("a", "b"))


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_gives_what_the_house_asks_of_it(kind):
    module = kind_module("store", kind)
    for name in ("check_schema", "check_value", "rename_value", "classes_in", "release_columns", "release_values"):
        assert callable(getattr(module, name)), f"{module.__name__} has no {name}"


@given(schemas())
def test_a_released_label_reads_back_as_its_class(schema):
    module = kind_module("store", KIND)
    told = module.release_columns(schema)["label"]["dtype"]["class_label"]["names"]
    for name in schema.classes:
        assert told[str(module.release_values(schema, {"label": name})["label"])] == name


def test_it_stands_on_the_standard_library_alone():
    code = (
        "import sys; before = set(sys.modules); import store.label_schema, store.kinds.text_classification; "
        "print(sorted({m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "['store']"
