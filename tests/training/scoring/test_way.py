"""Which way through the encoder is taken is measured, kept, and changes no vector."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.training.labelled_words import some_examples
from tests.training.scoring.encoders import TEXTS, write_tiny
from training.encoder import VIEWS, Encoder
from training.errors import OnnxUnusable
from training.examples import Inputs
from training.scoring.passes import Pass, Vectors
from training.scoring.way import Choice, choice_file, keep_choice, kept_choices, measure, read_choice

INPUTS = some_examples(40).inputs()
TOKENS = [[2, 4, 5], [3, 6]] * 20


class Slow:
    """A pass that turns a clock on by what it costs."""

    def __init__(self, encoder: Encoder, cost: Callable[[int], float], error: float = 0.0) -> None:
        self.inner: Pass = encoder.way.through
        self.name, self.device, self.tokens = self.inner.name, self.inner.device, self.inner.tokens
        self.cost, self.error = cost, error
        self.now = 0.0

    def batches(self, lengths, shares: int) -> Iterator[np.ndarray]:
        self.now += self.cost(self.tokens)
        return self.inner.batches(lengths, shares)

    def vectors(self, tokens, views) -> dict[str, Vectors]:
        return {view: vectors + self.error for view, vectors in self.inner.vectors(tokens, views).items()}


def no_onnx() -> Pass:
    raise OnnxUnusable("it is not installed")


def test_the_fastest_budget_is_taken(encoder: Encoder) -> None:
    through = Slow(encoder, lambda tokens: 1.0 if tokens == 512 else 2.0)
    choice = measure(through, no_onnx, TOKENS, lambda: through.now)
    assert (choice.engine, choice.tokens) == ("torch", 512)
    assert "it is not installed" in choice.why
    assert through.tokens == encoder.way.through.tokens


def test_what_is_hardly_faster_is_not_taken(encoder: Encoder) -> None:
    through = Slow(encoder, lambda tokens: 1.0 if tokens == 512 else 1.02)
    assert measure(through, no_onnx, TOKENS, lambda: through.now).tokens == 1024


@pytest.mark.parametrize("error, engine", [(0.0, "onnx"), (5e-5, "onnx"), (1e-3, "torch")])
def test_onnx_is_taken_when_it_is_faster_and_gives_equal_vectors(encoder: Encoder, error: float, engine: str) -> None:
    through, other = Slow(encoder, lambda _: 2.0), Slow(encoder, lambda _: 1.0, error)
    choice = measure(through, lambda: other, TOKENS, lambda: through.now + other.now)
    assert choice.engine == engine


def test_a_large_pool_is_measured_once_and_the_choice_is_kept(
    encoder: Encoder, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.encoder.MEASURE_FROM", 4)
    monkeypatch.setattr("training.scoring.way.SAMPLE", 16)
    monkeypatch.setattr("training.encoder.exported", lambda *_: no_onnx())
    expected = Encoder(str(encoder.folder.path))
    assert "nothing was measured" in expected.way.why
    first = encoder.embed(INPUTS)
    kept = read_choice(choice_file(encoder.key))
    assert kept is not None and kept.why == encoder.way.why
    assert kept_choices() == [kept]
    assert cache_folder in choice_file(encoder.key).parents
    monkeypatch.setattr("training.encoder.measure", lambda *_: pytest.fail("it was measured again"))
    again = Encoder(str(encoder.folder.path))
    np.testing.assert_allclose(again.embed(INPUTS).vectors, first.vectors, atol=1e-6)
    assert again.way.why == kept.why


def test_a_kept_choice_that_cannot_be_read_or_followed_falls_back(encoder: Encoder) -> None:
    path = choice_file(encoder.key)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert read_choice(path) is None
    keep_choice(Choice("onnx", 2, 1024, {}, "it was faster"), path)

    def broken(*_: object) -> Path:
        raise OnnxUnusable("onnx not installed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.encoder.exported", broken)
        assert encoder.way.why == "PyTorch, since onnx not installed"
        assert len(encoder.embed(INPUTS).vectors) == len(INPUTS)


def test_the_choice_hangs_on_the_encoder_and_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    first = choice_file("a@1")
    assert choice_file("a@2") != first == choice_file("a@1")
    monkeypatch.setattr("training.scoring.way._version", lambda _: "0.0")
    assert choice_file("a@1") != first


@pytest.mark.slow
def test_onnx_runtime_gives_the_vectors_of_pytorch_in_every_view(tmp_path: Path) -> None:
    for package in ("onnxruntime", "onnx", "onnxscript"):
        pytest.importorskip(package)
    from training.encoder import read_tokenizer, tokenize
    from training.scoring.onnx import OnnxPass, exported

    folder = write_tiny(tmp_path / "tiny", "Bert")
    graph = exported(folder, tmp_path / "graphs")
    assert exported(folder, tmp_path / "graphs") == graph
    assert [file.name for file in (tmp_path / "graphs").iterdir()] == [graph.name]
    tokenizer = read_tokenizer(folder)
    found = OnnxPass(graph, tokenizer, folder).vectors(tokenize(tokenizer, TEXTS, folder.max_length), VIEWS)
    expected = Encoder(str(folder.path)).embed_views(Inputs(np.arange(len(TEXTS)).astype(str), TEXTS), VIEWS)
    for view in VIEWS:
        np.testing.assert_allclose(found[view], expected[view].vectors, rtol=0, atol=1e-4, err_msg=view)


def test_a_broken_graph_is_no_way(tmp_path: Path, encoder: Encoder) -> None:
    pytest.importorskip("onnxruntime")
    from training.scoring.onnx import OnnxPass

    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    with pytest.raises(OnnxUnusable, match="cannot read"):
        OnnxPass(tmp_path / "broken.onnx", encoder._tokenizer, encoder.folder)


@pytest.mark.parametrize(
    "said, raised", [("Failed to allocate memory for requested buffer", MemoryError), ("x", ValueError)]
)
def test_onnx_runtimes_lack_of_memory_is_known_as_such(said: str, raised: type[Exception], encoder: Encoder) -> None:
    from training.scoring.onnx import OnnxPass

    class NoRoom:
        def run(self, *_: object) -> None:
            raise ValueError(said)

    through = OnnxPass.__new__(OnnxPass)
    through.session, through.tokenizer, through.device = NoRoom(), encoder._tokenizer, encoder.device
    with pytest.raises(raised):
        through.vectors([[2, 3]], ["sentence"])
