"""The text that a reader sees in an element."""

from typing import Any

UNSEEN = frozenset({"script", "style", "noscript", "template", "head", "iframe", "object", "svg"})
# fmt: off
BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend",
    "li", "listing", "main", "nav", "ol", "optgroup", "option", "p", "pre", "section", "summary", "table", "tbody",
    "td", "textarea", "tfoot", "th", "thead", "tr", "ul",
))
# fmt: on
PREFORMATTED = frozenset({"pre", "textarea", "listing", "xmp"})
KEPT_SPACE = "\x01"
"""A space of preformatted text, which HTML cannot hold either."""


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def element_text(element: Any, *, without: frozenset[str] = frozenset()) -> str:
    """The text of an lxml element: lines where blocks are, single spaces elsewhere; nothing of the tags `without`.

    Preformatted text keeps its lines and how far each is set in.
    """
    pieces: list[str] = []
    _collect(element, pieces, UNSEEN | without)
    found = lines("".join(pieces).replace("\n", " ").replace("\0", "\n"))
    if KEPT_SPACE not in found:
        return found
    kept = (line.replace(KEPT_SPACE, " ").rstrip() for line in found.split("\n"))
    return "\n".join(line for line in kept if line)


def lines(text: str) -> str:
    """The lines of a text, single-spaced, without the empty ones."""
    return "\n".join(line for line in map(one_line, text.split("\n")) if line)


def _collect(element: Any, pieces: list[str], unseen: frozenset[str]) -> None:
    # A stack, not recursion: pages nest deeper than Python does. "\0", which HTML cannot hold, is the edge of a block.
    stack: list[tuple[Any, bool]] = [(element, False)]
    preformatted = int(any(above.tag in PREFORMATTED for above in element.iterancestors()))
    while stack:
        node, leaving = stack.pop()
        tag = node.tag if isinstance(node.tag, str) else None
        if leaving:
            preformatted -= tag in PREFORMATTED
            pieces.append("\0" if tag in BLOCKS else "")
            pieces.append(_said(node.tail, preformatted) if node is not element else "")
            continue
        preformatted += tag in PREFORMATTED
        stack.append((node, True))
        if tag is None or tag in unseen:
            continue
        pieces.append("\0" if tag in BLOCKS else "")
        pieces.append(_said(node.text, preformatted))
        stack.extend((child, False) for child in reversed(node))


def _said(text: str | None, preformatted: int) -> str:
    said = (text or "").replace("\0", " ").replace(KEPT_SPACE, " ")
    if not preformatted:
        return said
    return said.expandtabs().replace(" ", KEPT_SPACE).replace("\r\n", "\0").replace("\n", "\0").replace("\r", "\0")
