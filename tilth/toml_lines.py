"""On which line of a TOML text something stands; the parser does not say."""

import re

from store.validation import Place

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[\w-]+))*)\s*=""")
_NAME = re.compile(r""""([^"]*)"|'([^']*)'|([\w-]+)""")


def line_of(text: str, place: Place) -> int | None:
    """The line, from 1, where a key or table of a TOML text stands; where it has none, its nearest parent's."""
    lines: dict[Place, int] = {}
    counts: dict[tuple[str, ...], int] = {}
    current: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            names = _names(header.group(2))
            if header.group(1) == "[[":
                # Tables inside a new table of a list are counted from 0 again.
                counts = {path: n for path, n in counts.items() if path[: len(names)] != names or path == names}
                counts[names] = counts.get(names, -1) + 1
            current = ()
            for depth, name in enumerate(names, 1):
                path = names[:depth]
                current = (*current, name, counts[path]) if path in counts else (*current, name)
            if header.group(1) == "[[":
                lines.setdefault(current[:-1], number)
            lines.setdefault(current, number)
        elif key := _KEY.match(line):
            lines.setdefault((*current, *_names(key.group(1))), number)
    while place:
        if place in lines:
            return lines[place]
        place = place[:-1]
    return None


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(next(part for part in found.groups() if part is not None) for found in _NAME.finditer(dotted))
