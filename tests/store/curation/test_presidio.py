"""Presidio finds names where it and a model are installed; what is missing is named with the way to get it."""

import builtins

import pytest

from store.curation.pii.find import finder
from store.curation.pii.presidio import PresidioMissing
from store.curation.settings import CurationSettings


@pytest.fixture
def model(tmp_path):
    """A real spaCy model, small enough to be made here: it marks two names."""
    pytest.importorskip("presidio_analyzer", reason="needs pip install -e '.[presidio]'")
    spacy = pytest.importorskip("spacy")
    pipeline = spacy.blank("en")
    names = pipeline.add_pipe("entity_ruler")
    names.add_patterns([{"label": "PERSON", "pattern": "Jane Doe"}, {"label": "GPE", "pattern": "Paris"}])
    pipeline.to_disk(tmp_path / "names")
    return str(tmp_path / "names")


def test_names_are_found_beside_what_patterns_find(model):
    text = "🔥 Jane Doe of Paris, jane@example.org"
    spans = finder(CurationSettings(presidio_model=model)).find(text)
    assert [(text[one.start : one.end], one.kind) for one in spans] == [
        ("Jane Doe", "person"),
        ("Paris", "place"),
        ("jane@example.org", "email"),
    ]


def test_another_model_is_another_version(model):
    patterns = finder(CurationSettings()).version
    assert finder(CurationSettings(presidio_model=model)).version not in (patterns, "")


def test_a_model_that_is_not_installed_is_not_fetched_but_named():
    pytest.importorskip("presidio_analyzer", reason="needs pip install -e '.[presidio]'")
    with pytest.raises(PresidioMissing, match="spacy download xx_no_model"):
        finder(CurationSettings(presidio_model="xx_no_model"))


def test_without_presidio_the_way_to_get_it_is_told(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **named):
        if name.partition(".")[0] in ("presidio_analyzer", "spacy"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PresidioMissing, match=r"pip install -e '\.\[presidio\]'"):
        finder(CurationSettings(presidio_model="en_core_web_lg"))
