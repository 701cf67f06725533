"""A place in a text where personal data stands."""

from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass

KINDS = ("email", "phone", "card", "iban", "ip", "national-id", "person", "place", "other")


@dataclass(frozen=True, order=True)
class Span:
    """Characters `start` to `end` (code points, end not included) of a text.

    Attributes:
        kind: One of `KINDS`.
        what: More exactly, such as `us-ssn` or `ipv6`; the kind again where there is no more to say.
        confidence: 0 to 1: how seldom such a match is something else. An opinion of the rule, not a measured share.
    """

    start: int
    end: int
    kind: str
    what: str
    confidence: float


def settled(spans: Iterable[Span]) -> list[Span]:
    """Spans that do not overlap, in order: of those that do, the surest stays, then the longest, then the first."""
    kept: list[Span] = []  # in order
    for span in sorted(spans, key=lambda one: (-one.confidence, one.start - one.end, one)):
        place = bisect(kept, span)
        after_last = place == 0 or kept[place - 1].end <= span.start
        before_next = place == len(kept) or span.end <= kept[place].start
        if after_last and before_next:
            kept.insert(place, span)
    return kept
