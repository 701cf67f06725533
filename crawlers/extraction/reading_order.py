"""The order in which a reader meets the lines of a main text."""

from crawlers.extraction.element_text import one_line

SURE = 15
"""A line of so many characters that is not where it should be shows that lines are out of order."""
SHORTEST = 5
"""One of fewer is a part of other words too often to be looked for."""
MOST_LINES = 2_000
"""More are left as they are: each is looked for in the whole page."""


def in_order(words: str, whole: str) -> str:
    """The lines of a main text in the order that they have in the whole text of the page.

    trafilatura puts what it finds last at the end, such as the heading of a page whose parts are short. A line that
    stands in several places of the page, or in none, stays behind the one before it.
    """
    whole = one_line(whole)
    lines = words.split("\n")
    anchors = [one_line(line.removeprefix("- ")) for line in lines]
    if len(lines) > MOST_LINES or _are_in_order(anchors, whole):
        return words
    places, place = [], -1
    for anchor in anchors:
        at = whole.find(anchor) if len(anchor) >= SHORTEST else -1
        if at >= 0 and whole.find(anchor, at + 1) < 0:
            place = at
        places.append(place)
    return "\n".join(line for _, line in sorted(zip(places, lines, strict=True), key=lambda one: one[0]))


def _are_in_order(anchors: list[str], whole: str) -> bool:
    reached = 0
    for anchor in anchors:
        if len(anchor) < SURE or anchor.startswith("|"):
            continue
        at = whole.find(anchor, reached)
        if at >= 0:
            reached = at + len(anchor)
        elif whole.find(anchor, 0, reached) >= 0:
            return False
    return True
