"""Pages that say "not found" with a status of 200, and pages that only look like it."""

import pytest

from crawlers.extraction.read_page import read_page
from crawlers.kinds import read_source
from crawlers.page import Extraction
from tests.crawlers.extraction.answers import URL, answer

LONG = "".join(
    f"<p>Visitor {number} asked why pages vanish; the log of day {number} says that a move had lost them.</p>"
    for number in range(8)
)


def read(title: str, body: str = "<p>Sorry, there is nothing here.</p>", **declared: object) -> Extraction:
    html = f"<html><head><title>{title}</title></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    return read_page(read_source({"name": "x", "start": [URL], **declared}), answer(html))


@pytest.mark.parametrize(
    "title",
    [
        "Not found",
        "404",
        "404 Not Found",
        "Error 404 - Page not found",
        "Page not found | Harbour Courier",
        "Harbour Courier – Page not found",
        "Oops! This page could not be found.",
        "The requested page does not exist",
        "Seite nicht gefunden - Stadt Auenburg",
        "Page introuvable",
        "Página no encontrada · Tienda",
        "ページが見つかりません",
    ],
)
def test_a_page_that_calls_itself_not_found_is_an_error_and_no_record(title: str) -> None:
    found = read(title)
    assert found.records == ()
    assert found.error is not None and found.error.startswith("soft-404: ")
    assert found.empty == 1


@pytest.mark.parametrize(
    "title",
    [
        "Error 404 when I log in with my card",
        "Why was my page not found by search engines?",
        "Room 404",
        "Lost and found",
        "404 ways to cook an egg",
        "Not found in nature: the colour blue",
        "The page that does not exist",
        "Contact not found by phone - Help",
    ],
)
def test_a_page_about_something_else_is_a_record(title: str) -> None:
    found = read(title, "<p>It says so whenever I try, since Tuesday. What can I do about it?</p>")
    assert found.error is None
    assert len(found.records) == 1


def test_a_page_with_much_to_say_is_a_record_whatever_its_title() -> None:
    found = read("Page not found", LONG)
    assert found.error is None and len(found.records) == 1


def test_a_page_with_items_is_no_soft_404_and_one_without_can_be() -> None:
    shape = {"item": "article", "fields": {"text": "p"}}
    there = read("Not found", "<article><p>I got this title in the shop.</p></article>", **shape)
    assert there.error is None and len(there.records) == 1
    assert str(read("Not found", **shape).error).startswith("soft-404: ")
