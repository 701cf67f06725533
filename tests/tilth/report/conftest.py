"""A project with rounds behind it, once for all tests of the report."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import active_learning.pool_map
import tilth.report.pool_picture
from active_learning.settings import LearningSettings
from store.database import Store
from store.label_schema import LabelSchema
from tests.played_rounds import play
from tests.tiny_project import CLASSES, letters, write_encoder, write_project

SCHEMA = LabelSchema("text-classification", CLASSES, question="What is it about?")
HOSTILE = (
    '</script><script>alert("x")</script><img src=x onerror=alert(1)> \u202eevil\u202c \U0001f469\u200d\U0001f680 שלום'
)


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 120 letters: two rounds of 15 chosen and 6 random records, 30 held out; one text is hostile."""
    folder = tmp_path_factory.mktemp("played")
    encoder = write_encoder(folder / "tiny")
    write_project(folder, encoder)
    answers = {one.text: one.label for one in letters(119)} | {HOSTILE: CLASSES[0]}
    play(
        Store(folder / "tilth.duckdb"),
        SCHEMA,
        LearningSettings(encoder=str(encoder)),
        answers,
        sizes=[15, 15],
        holdout=30,
        control=6,
    )
    return folder


@pytest.fixture(scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for all these tests, and not the user's."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True, scope="module")
def by_principal_components(own_cache: Path) -> Iterator[None]:
    """No UMAP, which takes half a minute to warm up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TILTH_CACHE", str(own_cache))
        for module in (active_learning.pool_map, tilth.report.pool_picture):
            patch.setattr(module, "method_here", lambda _records: "pca")
        yield
