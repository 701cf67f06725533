"""Rows as records, some thousands at a time, and what is counted of those that give none."""

import pytest

from crawlers.page import FoundRecord
from crawlers.reading.batches import NO_TEXT, NoRecord, in_batches
from crawlers.reading.row_records import row_record


def record(number: int) -> FoundRecord:
    return FoundRecord(number, str(number), "text", {})


def test_every_record_is_given_and_every_row_without_one_counted_once() -> None:
    rows = [NO_TEXT if number % 3 else record(number) for number in range(20)]
    batches = list(in_batches(rows, size=4))
    assert [len(batch) for batch in batches] == [4, 3]
    assert [found.position for batch in batches for found in batch] == list(range(0, 20, 3))
    assert sum(batch.passed_by["no text"] for batch in batches) == 13


def test_rows_of_which_none_gives_a_record_are_a_batch_that_says_why() -> None:
    (batch,) = in_batches([NoRecord("a"), NoRecord("b"), NoRecord("a")])
    assert batch == [] and batch.passed_by == {"a": 2, "b": 1}


@pytest.mark.parametrize("error", [ValueError, MemoryError])
def test_what_came_before_an_error_of_any_kind_is_given_first(error: type[Exception]) -> None:
    def rows():
        yield record(1)
        yield NO_TEXT
        raise error

    batches = in_batches(rows())
    assert next(batches) == [record(1)]
    with pytest.raises(error):
        next(batches)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (None, "no text"),
        (" \n", "no text"),
        (b"caf\xc3\xa9", '"body" is bytes, not a text'),
        ({"en": "x"}, '"body" is an object, not a text'),
    ],
)
def test_a_row_without_text_says_what_stands_there_instead(cell: object, why: str) -> None:
    assert row_record(0, {"body": cell}, text="body", key=None, url=None, more={}) == NoRecord(why)
