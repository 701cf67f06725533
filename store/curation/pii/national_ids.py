"""Numbers that states give to people, by form and, where they have one, by check digit.

A form that many other numbers share is taken only when a word before it names the number.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stdnum.br import cpf
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar, pan
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.us import ssn

from store.curation.pii.spans import Span

CONTEXT = 40


@dataclass(frozen=True)
class NationalId:
    """How one state's number looks.

    Attributes:
        form: Where it may stand.
        valid: Whether what stands there is one.
        word: What says so before it.
        alone: How sure it is without such a word; None: not taken then.
    """

    what: str
    form: re.Pattern[str]
    valid: Callable[[str], bool]
    word: re.Pattern[str]
    alone: float | None


def _id(what: str, form: str, valid: Callable[[str], bool], word: str, alone: float | None) -> NationalId:
    # No digit or letter may touch it: it would be a part of something longer.
    bounded = rf"(?<![A-Za-z0-9])(?<![0-9][ .-])(?:{form})(?![A-Za-z0-9])(?![ .-][0-9])"
    return NationalId(what, re.compile(bounded), valid, re.compile(word, re.IGNORECASE), alone)


def _is_nino(written: str) -> bool:
    return written[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def _is_spaced_ssn(written: str) -> bool:
    return bool(ssn.is_valid(written.replace(" ", "")))


IDS = (
    _id("us-ssn", r"[0-9]{3}-[0-9]{2}-[0-9]{4}", ssn.is_valid, r"\bssn\b|social security", 0.7),
    _id("us-ssn", r"[0-9]{3} [0-9]{2} [0-9]{4}|[0-9]{9}", _is_spaced_ssn, r"\bssn\b|social security", None),
    _id(
        "gb-nino",
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]",
        _is_nino,
        r"national insurance|\bnino?\b",
        0.8,
    ),
    _id("gb-nhs", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", nhs.is_valid, r"\bnhs\b", None),
    _id("de-idnr", r"[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", idnr.is_valid, r"steuer|\bid-?nr|\btin\b|\btax id", None),
    _id(
        "fr-nir",
        r"[12] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
        nir.is_valid,
        r"s[eé]cu|\bnir\b|\binsee\b",
        0.85,
    ),
    _id("es-dni", r"[0-9]{8}-?[A-Z]", dni.is_valid, r"\bdni\b|\bnif\b", 0.75),
    _id("es-nie", r"[XYZ]-?[0-9]{7}-?[A-Z]", nie.is_valid, r"\bnie\b", 0.8),
    _id(
        "it-codice-fiscale",
        r"[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]",
        codicefiscale.is_valid,
        r"codice fiscale|\bc\.?f\.?",
        0.95,
    ),
    _id("nl-bsn", r"[0-9]{3}[. ]?[0-9]{3}[. ]?[0-9]{3}", bsn.is_valid, r"\bbsn\b|burgerservice|\bsofi", None),
    _id("pl-pesel", r"[0-9]{11}", pesel.is_valid, r"\bpesel\b", None),
    _id("se-personnummer", r"(?:[0-9]{2})?[0-9]{6}[-+][0-9]{4}", personnummer.is_valid, r"personn", 0.85),
    _id("br-cpf", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", cpf.is_valid, r"\bcpf\b", 0.95),
    _id("br-cpf", r"[0-9]{11}", cpf.is_valid, r"\bcpf\b", None),
    _id("in-aadhaar", r"[2-9][0-9]{3}[ -][0-9]{4}[ -][0-9]{4}", aadhaar.is_valid, r"aadhaa?r", 0.75),
    _id("in-aadhaar", r"[2-9][0-9]{11}", aadhaar.is_valid, r"aadhaa?r", None),
    _id("in-pan", r"[A-Z]{3}P[A-Z][0-9]{4}[A-Z]", pan.is_valid, r"\bpan\b", 0.7),
)


def national_ids(text: str) -> Iterator[Span]:
    """The numbers of `IDS` that a text holds."""
    for one in IDS:
        for found in one.form.finditer(text):
            named = one.word.search(text, max(0, found.start() - CONTEXT), found.start())
            confidence = 0.95 if named else one.alone
            if confidence is not None and one.valid(found.group()):
                yield Span(found.start(), found.end(), "national-id", one.what, confidence)
