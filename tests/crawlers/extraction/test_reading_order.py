"""Lines of a main text stand in the order of their page, and none is lost or made up."""

import time

from hypothesis import given
from hypothesis import strategies as st

from crawlers.extraction.reading_order import in_order

LINES = st.lists(st.text(st.characters(categories=["L", "Zs"]), min_size=20, max_size=40).map(str.strip), max_size=8)


@given(LINES, st.randoms(use_true_random=False))
def test_lines_are_put_in_the_order_of_the_page_and_none_is_lost(lines, random):
    numbered = [f"{number} {line}" for number, line in enumerate(lines)]
    shuffled = random.sample(numbered, len(numbered))
    assert in_order("\n".join(shuffled), "menu\n" + "\n".join(numbered)).split("\n") == (numbered or [""])


def test_a_line_that_stands_in_several_places_stays_behind_the_one_before_it():
    whole = "The heading of the page\nReply\nThe first of the posts\nReply\nThe second of the posts\nReply"
    words = "The first of the posts\nReply\nThe heading of the page\nThe second of the posts\nReply"
    wanted = "The heading of the page\nThe first of the posts\nReply\nThe second of the posts\nReply"
    assert in_order(words, whole) == wanted


def test_what_the_page_does_not_have_stays_where_it_is():
    words = "| Name | Default |\n|---|---|\n- a point of some length\nnot on the page at all"
    assert in_order(words, "Name Default a point of some length") == words


def test_a_long_text_does_not_take_long():
    lines = [f"Line {number} of a text that is long indeed" for number in range(2_000)]
    began = time.process_time()
    assert in_order("\n".join(lines[::-1]), " ".join(lines)) == "\n".join(lines)
    assert in_order("\n".join(lines * 20), " ".join(lines * 20)) == "\n".join(lines * 20)
    assert time.process_time() - began < 2
