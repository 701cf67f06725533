"""Path patterns as robots.txt writes them: a prefix, in which `*` is anything and a `$` at the end is the end.

RFC 9309, section 2.2.2 and 2.2.3; TDMRep takes the same notation for its file, and AIPREF for its lines in robots.txt.
"""

import re
from functools import lru_cache
from urllib.parse import urlsplit

_OCTET = re.compile(r"%([0-9A-Fa-f]{2})|([^A-Za-z0-9_.~/%-])")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def path_of(url: str) -> str:
    """The path and query of a URL, spelt as patterns are compared: `/` where there is none."""
    parts = urlsplit(url)
    return same_spelling((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def same_spelling(path: str) -> str:
    """Each octet as itself where it is a letter, a digit or one of `-._~/`, else percent-encoded with large digits.

    An escape is read first, so that it makes no difference whether a path or a pattern is written with it (section
    2.2.2); only an escaped `/` stays another thing than `/`.
    """

    def spelt(found: re.Match[str]) -> str:
        if found[1] is None:
            return "".join(f"%{octet:02X}" for octet in found[2].encode("utf-8", "surrogatepass"))
        sign = chr(int(found[1], 16))
        return sign if sign in _UNRESERVED else f"%{found[1].upper()}"

    return _OCTET.sub(spelt, path)


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern matches a path (of `path_of`); the time grows with their lengths only, whatever the pattern."""
    (first, *rest), to_the_end = _parts(pattern)
    if not path.startswith(first):
        return False
    at = len(first)
    if not rest:
        return not to_the_end or at == len(path)
    for part in rest[:-1]:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    last = rest[-1]
    if to_the_end:
        return len(path) - len(last) >= at and path.endswith(last)
    return path.find(last, at) >= 0


def weight(pattern: str) -> int:
    """How specific a pattern is: its octets, as RFC 9309 counts them, however it is spelt."""
    parts, to_the_end = _parts(pattern)
    return sum(map(len, parts)) + len(parts) - 1 + to_the_end


@lru_cache(maxsize=16_384)  # as many as a file of 500 KiB may have; each is asked about for every page of its host
def _parts(pattern: str) -> tuple[tuple[str, ...], bool]:
    """What stands between the stars, and whether the last of it is the end."""
    to_the_end = pattern.endswith("$")
    return tuple(map(same_spelling, pattern.removesuffix("$").split("*"))), to_the_end
