"""Where memory runs short, the batch shrinks and nothing starts anew."""

import numpy as np
import pytest
import torch

from tests.training.labelled_words import some_examples
from training.encoder import VIEWS, Encoder
from training.errors import NotFinite, OutOfMemory
from training.examples import Inputs
from training.scoring.passes import PackedPass
from training.scoring.run import vectors_of

INPUTS = some_examples(40).inputs()
ERRORS = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"),
]
computed = PackedPass.vectors


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_batch_that_does_not_fit_is_halved_and_the_vectors_are_the_same(
    error: Exception, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Encoder(str(encoder.folder.path)).embed(INPUTS).vectors
    sizes: list[int] = []

    def with_room_for_three(self, tokens, views):
        if len(tokens) > 3:
            raise error
        sizes.append(len(tokens))
        return computed(self, tokens, views)

    encoder.way  # noqa: B018  # it is chosen before memory runs short
    monkeypatch.setattr(PackedPass, "vectors", with_room_for_three)
    np.testing.assert_allclose(encoder.embed(INPUTS).vectors, expected, atol=1e-6)
    assert sum(sizes) == len(set(INPUTS.texts))


def test_a_text_that_does_not_fit_alone_is_named(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room_for_eight(self, tokens, views):
        if any(len(ids) == 8 for ids in tokens):
            raise MemoryError
        return computed(self, tokens, views)

    encoder.way  # noqa: B018
    monkeypatch.setattr(PackedPass, "vectors", no_room_for_eight)
    inputs = Inputs(np.array(["short", "long"]), ["apple", "apple " * 8])
    with pytest.raises(OutOfMemory, match=r"'long'.*8 tokens"):
        encoder.embed(inputs)


def test_another_error_is_no_lack_of_memory(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder.way  # noqa: B018
    monkeypatch.setattr(PackedPass, "vectors", lambda *_: (_ for _ in ()).throw(RuntimeError("shapes differ")))
    with pytest.raises(RuntimeError, match="shapes differ"):
        encoder.embed(INPUTS)


@pytest.mark.parametrize("view", VIEWS)
def test_nan_from_the_encoder_names_the_record_and_is_not_kept(view, encoder, monkeypatch) -> None:
    def one_nan(self, tokens, views):
        found = computed(self, tokens, views)
        return {view: np.where(np.arange(len(v))[:, None] == 0, np.nan, v) for view, v in found.items()}

    encoder.way  # noqa: B018
    monkeypatch.setattr(PackedPass, "vectors", one_nan)
    with pytest.raises(NotFinite, match="'r0-"):
        encoder.embed(INPUTS, view=view)
    assert encoder.cache.get(encoder.key_of(view), INPUTS.content_hashes.tolist())[0] == []


def test_batches_that_were_cut_too_large_are_not_tried_again(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    through = encoder.way.through
    through.tokens = 40
    failed: list[int] = []

    def with_room_for_five(self, tokens, views):
        if len(tokens) > 5:
            failed.append(len(tokens))
            raise MemoryError
        return computed(self, tokens, views)

    monkeypatch.setattr(PackedPass, "vectors", with_room_for_five)
    vectors_of(through, [[2, 3, 4, 5]] * 60, ["sentence"], workers=1)
    assert failed == [10]


@pytest.mark.parametrize("workers", [2, 3, 8])
def test_several_threads_give_the_vectors_of_one(workers: int, encoder: Encoder) -> None:
    through = encoder.way.through
    through.tokens = 16
    tokens = [[2 + row % 9] * (1 + row % 5) for row in range(50)]
    threads = torch.get_num_threads()
    told: list[int] = []
    one = vectors_of(through, tokens, VIEWS, workers=1)
    several = vectors_of(through, tokens, VIEWS, workers=workers, done=told.append)
    assert sum(told) == len(tokens)
    assert torch.get_num_threads() == threads
    for view in VIEWS:
        np.testing.assert_allclose(several[view], one[view], atol=1e-6)
