"""Payment cards by the beginnings of their issuers and Luhn's check (ISO/IEC 7812).

One number in ten passes that check by chance: how a number is written, what stands beside it and whether a word before
it names something else decide too.
"""

import re
from collections.abc import Iterator, Sequence

from stdnum import ean, luhn

from store.curation.pii.spans import Span

CONTEXT = 30
MOST_GROUPS = 5
_RUN = re.compile(r"(?<![0-9/])(?<![0-9]\.)[0-9]+(?:(?:[ \u00a0\u2009\u202f]{1,2}|[.‐‑–-])[0-9]+)*")
_GROUP = re.compile(r"[0-9]+")
_ISSUERS = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
    r"|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|35[0-9]{14}|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}"
    r"|62[0-9]{14,17}|(?:50|5[6-8]|6[0-9])[0-9]{10,17}"
)
_EXPIRY = re.compile(r"(?:0[1-9]|1[0-2])[0-9]{2}|20[0-9]{2}")
_SAYS_CARD = re.compile(
    r"\b(?:card|visa|master ?card|maestro|amex|american express|pan|credit|debit|karte|kredit|carte|tarjeta|carta"
    r"|kaart|kart[ay])",
    re.IGNORECASE,
)
_SAYS_OTHER = re.compile(
    r"\b(?:order|invoice|ticket|tracking|parcel|shipment|serial|isbn|issn|ean|gtin|upc|sku|imei|s/?n|barcode|bestell"
    r"|auftrag|rechnung|sendung|commande|facture|colis|pedido|factura|ordine|fattura)",
    re.IGNORECASE,
)

Place = tuple[int, int]


def cards(text: str) -> Iterator[Span]:
    """Card numbers, evenly written; beside them may stand what is written beside cards, such as when they expire."""
    for run in _RUN.finditer(text):
        if run.end() - run.start() < 12:
            continue
        groups = [found.span() for found in _GROUP.finditer(text, run.start(), run.end())]
        first = after_card = 0
        while first < len(groups):
            end = _card_from(text, groups, first, follows_card=first == after_card)
            if end is None:
                first += 1
                continue
            yield Span(groups[first][0], groups[end - 1][1], "card", "card", 0.9)
            first = after_card = end


def _card_from(text: str, groups: Sequence[Place], first: int, *, follows_card: bool) -> int | None:
    """Behind which group the longest card that begins with the group `first` ends; None where none does."""
    for end in range(min(first + MOST_GROUPS, len(groups)), first, -1):
        card = groups[first:end]
        written = text[card[0][0] : card[-1][1]]
        digits = "".join(text[start:stop] for start, stop in card)
        if not _ISSUERS.fullmatch(digits) or len(set(digits)) == 1 or not luhn.is_valid(digits):
            continue
        before = "" if follows_card else _joined(text, groups, first - 1, first)
        after = _joined(text, groups, end - 1, end)
        if len(card) == 1:
            fits = _alone(before, after) and not _is_something_else(text, card[0][0], digits)
        else:
            fits = _evenly(written, card) and _in_groups(before, after, card[-1])
        if fits:
            return end
    return None


def _joined(text: str, groups: Sequence[Place], one: int, other: int) -> str:
    """From group `one` to group `other`, one of which is of the card; empty where there is no other."""
    return text[groups[one][0] : groups[other][1]] if one >= 0 and other < len(groups) else ""


def _alone(before: str, after: str) -> bool:
    # A point or a dash makes it a part of a decimal fraction or of some longer number.
    return not re.search(r"[.‐‑–-]", before + after)


def _evenly(written: str, card: Sequence[Place]) -> bool:
    between = set(re.findall(r"[^0-9]+", written))
    return len(between) == 1 and all(2 < stop - start < 8 for start, stop in card)


def _in_groups(before: str, after: str, last: Place) -> bool:
    """Whether what stands beside is no further group of a longer number."""
    if re.search(r"[.‐‑–-]", before + after):
        return False
    left, right = re.match(r"[0-9]*", before), re.search(r"[0-9]*$", after)
    assert left and right
    if len(left[0]) > 2:
        return False
    return len(right[0]) != last[1] - last[0] or bool(_EXPIRY.fullmatch(right[0]))


def _is_something_else(text: str, start: int, digits: str) -> bool:
    before = text[max(0, start - CONTEXT) : start]
    if _SAYS_CARD.search(before):
        return False
    return bool(_SAYS_OTHER.search(before)) or (len(digits) <= 13 and ean.is_valid(digits))
