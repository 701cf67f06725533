"""A tiny encoder with random weights, whose word vectors tell the labelled words apart."""

from pathlib import Path

import pytest

from tests.tiny_project import write_encoder
from tests.training.labelled_words import FILLERS, WORDS
from training.encoder import Encoder
from training.vector_cache import MemoryCache


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers, 32 wide, that knows the words of `labelled_words`."""
    words = [*FILLERS, *(word for some in WORDS.values() for word in some)]
    return write_encoder(tmp_path_factory.mktemp("encoder") / "tiny", words)


@pytest.fixture
def encoder(encoder_folder: Path) -> Encoder:
    return Encoder(str(encoder_folder), MemoryCache())
