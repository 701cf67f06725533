"""Half characters, which JSON can write and nothing can keep, never leave the reader of a page."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crawlers.extraction.whole_characters import whole
from crawlers.page import Extraction, FoundRecord, Link

TORN = st.text(st.characters(exclude_categories=()) | st.sampled_from("\0\ud83d\udc00"), max_size=6)
VALUES = st.recursive(TORN | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TORN, inner))


@given(TORN, st.dictionaries(TORN, VALUES), TORN)
def test_every_string_of_what_a_page_gave_can_be_kept(text: str, values: dict[str, Any], error: str) -> None:
    given_so = Extraction(
        records=(FoundRecord(0, text, text, values),),
        links=(Link("http://a.example/", about=values),),
        rights={"items": [values]},
        error=error,
    )
    kept = whole(given_so)
    strings = json.dumps([vars(kept.records[0]), kept.links[0].about, kept.rights, kept.error], ensure_ascii=False)
    assert "\0" not in strings.encode().decode()
    assert whole(kept) is kept


def test_halves_that_belong_together_become_their_character() -> None:
    assert whole(Extraction(error="\ud83d\ude00 \ud83d")).error == "\U0001f600 \ufffd"
