"""Shingles of a batch are those of each text alone, and their similarity is Jaccard's."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from store.curation.shingling import SHINGLE, normal_forms, shingle_hashes, similarities

texts = st.lists(
    st.text(max_size=30)
    | st.sampled_from(["👍🏽", "שלום עולם", "水を飲む人", "e\u0301te\u0301", "ＡＢＣ", "a\0b", "ﬁsh"])
)


def sets_of(normal):
    return [
        {text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))} if text else set() for text in normal
    ]


@given(texts)
@example(["", "", ""])
@example(["a", "\0", "\0\0b"])
def test_a_batch_has_the_normal_forms_of_its_texts_alone(batch):
    assert normal_forms(batch) == [normal_forms([text])[0] for text in batch]


@given(texts)
def test_a_normal_form_is_its_own(batch):
    once = normal_forms(batch)
    assert all(form == form.strip() and not re.search(r"\s\s", form) for form in once)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I need a card!", "i need  a CARD"),
        ("ﬁve ＡＢＣ", "five abc"),
        ("été", "e\u0301te\u0301"),
        ("Straße", "STRASSE"),
        ("a\nb\tc", "a b c"),
    ],
)
def test_writing_that_makes_no_difference(one, other):
    assert len(set(normal_forms([one, other]))) == 1


@pytest.mark.parametrize(
    ("one", "other"), [("🔥🔥", "😭😭"), ("10 €", "10 $"), ("कम", "काम"), ("a b", "ab"), ("水", "火"), ("שלום", "סלום")]
)
def test_writing_that_makes_a_difference(one, other):
    assert len(set(normal_forms([one, other]))) == 2


@given(texts)
def test_two_texts_share_a_hash_where_they_share_a_shingle(batch):
    normal = normal_forms(batch)
    hashes, offsets = shingle_hashes(normal)
    found = [set(hashes[a:b].tolist()) for a, b in itertools.pairwise(offsets)]
    known = sets_of(normal)
    assert [len(one) for one in found] == [len(one) for one in known]
    for one in range(len(batch)):
        for other in range(one):
            assert len(found[one] & found[other]) == len(known[one] & known[other])


@given(texts.filter(len), st.integers(0, 2**32 - 1))
def test_similarity_is_that_of_the_sets(batch, seed):
    normal = normal_forms(batch)
    known = sets_of(normal)
    rng = np.random.default_rng(seed)
    left, right = rng.integers(0, len(batch), (2, 10))
    for one, other, similarity in zip(left, right, similarities(normal, left, right), strict=True):
        union = known[one] | known[other]
        assert similarity == pytest.approx(len(known[one] & known[other]) / len(union) if union else 0)
