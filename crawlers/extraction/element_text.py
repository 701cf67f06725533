"""The text that a reader sees in an element."""

from typing import Any

UNSEEN = frozenset({"script", "style", "noscript", "template", "head", "iframe", "object", "svg"})
# fmt: off
BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "details", "dialog", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend",
    "li", "main", "nav", "ol", "optgroup", "option", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot",
    "th", "thead", "tr", "ul",
))
# fmt: on


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def element_text(element: Any, *, without: frozenset[str] = frozenset()) -> str:
    """The text of an lxml element: lines where blocks are, single spaces elsewhere; nothing of the tags `without`."""
    pieces: list[str] = []
    _collect(element, pieces, UNSEEN | without)
    return lines("".join(pieces).replace("\n", " ").replace("\0", "\n"))


def lines(text: str) -> str:
    """The lines of a text, single-spaced, without the empty ones."""
    return "\n".join(line for line in map(one_line, text.split("\n")) if line)


def _collect(element: Any, pieces: list[str], unseen: frozenset[str]) -> None:
    # A stack, not recursion: pages nest deeper than Python does. "\0", which HTML cannot hold, is the edge of a block.
    stack: list[tuple[Any, bool]] = [(element, False)]
    while stack:
        node, leaving = stack.pop()
        tag = node.tag if isinstance(node.tag, str) else None
        if leaving:
            pieces.append("\0" if tag in BLOCKS else "")
            pieces.append((node.tail or "").replace("\0", " ") if node is not element else "")
            continue
        stack.append((node, True))
        if tag is None or tag in unseen:
            continue
        pieces.append("\0" if tag in BLOCKS else "")
        pieces.append((node.text or "").replace("\0", " "))
        stack.extend((child, False) for child in reversed(node))
