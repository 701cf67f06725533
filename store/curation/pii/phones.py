"""Phone numbers, international and as countries write them, by libphonenumber's plans.

A national number is taken only when it is written as one (in groups) or a word before it says so: bare digits are more
often an order's.
"""

import re
from collections.abc import Iterator, Sequence

from phonenumbers import SUPPORTED_REGIONS, Leniency, PhoneNumberMatcher

from store.curation.pii.spans import Span
from store.errors import RequestError

_MAYBE = re.compile(r"\d(?:[\s().\-/‐-―]{0,3}\d){6,}")
_SAYS_PHONE = re.compile(
    r"(?:\btel|phone|telefon|t[eé]l[eé]fono?|\bcall|\bring\b|mobile?|\bcell|celular|handy|\bfax|whats ?app|\bsms\b"
    r"|\btext (?:me|us)|\breach (?:me|us)|\bdial|\bappele|portable|anrufen|m[oó]vil|dzwo[nń]|kom[oó]rk|bellen)",
    re.IGNORECASE,
)
_SAYS_OTHER = re.compile(
    r"(?:order|invoice|ticket|\bref|\bcase|tracking|account|parcel|shipment|serial|\bisbn|\bissn|\bsku\b|\bpart\b|article"
    r"|konto|bestell|auftrag|rechnung|kunden|artikel|commande|facture|pedido|factura|ordine|fattura|\bno\.?|\bnr\.?"
    r"|\bid\b|\bzip|post ?code|postal|\bplz\b|\bsiren\b|\bsiret\b|\bvat\b|#)[\w\s.:#-]{0,12}$",
    re.IGNORECASE,
)
_TIMES = re.compile(r"(?:[01][0-9]|2[0-4])[0-5][0-9]-(?:[01][0-9]|2[0-4])[0-5][0-9]")
CONTEXT = 30


class RegionUnknown(RequestError):
    """The settings name a country that has no phone numbers."""


def require_known(regions: Sequence[str]) -> None:
    """Return when each is a country whose numbers are known.

    Raises:
        RegionUnknown: One is not.
    """
    for region in regions:
        if region not in SUPPORTED_REGIONS:
            raise RegionUnknown(
                f'[curation] phone_regions: "{region}" is no country; write codes such as "US" or "DE".'
            )


def phones(text: str, regions: Sequence[str]) -> Iterator[Span]:
    """Numbers with a `+`, and national ones of `regions` (ISO 3166 codes)."""
    if not _MAYBE.search(text):
        return
    for found in PhoneNumberMatcher(text, None, leniency=Leniency.VALID):
        yield Span(found.start, found.end, "phone", "international", 0.9)
    for region in regions:
        for found in PhoneNumberMatcher(text, region, leniency=Leniency.STRICT_GROUPING):
            if found.raw_string.startswith("+") or _TIMES.fullmatch(found.raw_string):
                continue
            before = text[max(0, found.start - CONTEXT) : found.start]
            if _SAYS_PHONE.search(before):
                yield Span(found.start, found.end, "phone", region.lower(), 0.85)
            elif re.search(r"\d[\s().\-/]+\d", found.raw_string) and not _SAYS_OTHER.search(before):
                yield Span(found.start, found.end, "phone", region.lower(), 0.6)
