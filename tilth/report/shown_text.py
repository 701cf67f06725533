"""Texts of records as the report shows them: cut, on one line, and such that any file can hold them."""

import re

CUT = "…"


def shown_text(text: str | None, most: int) -> str:
    """At most `most` characters of a text, runs of white space as one space.

    Halves of surrogate pairs and control characters, those that turn the direction of what follows among them, are
    left out: they would reach beyond the text.
    """
    whole = (text or "").encode("utf-8", "ignore").decode("utf-8")
    line = re.sub(
        r"\s+", " ", re.sub("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", whole)
    ).strip()
    return line if len(line) <= most else line[: most - 1].rstrip() + CUT
