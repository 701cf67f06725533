"""A place in a text where personal data stands."""

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
    kept: list[Span] = []
    for span in sorted(spans, key=lambda one: (-one.confidence, one.start - one.end, one)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept)
