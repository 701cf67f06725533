"""E-mail and IP addresses, payment cards by Luhn's check (ISO/IEC 7812), bank accounts by the check of ISO 13616."""

import ipaddress
import re
from collections.abc import Iterator

from stdnum import iban, luhn

from store.curation.pii.spans import Span

# Local parts and labels have upper lengths, so that no text makes the search quadratic (RFC 5321, 4.5.3.1).
_EMAIL = re.compile(
    r"(?<![\w.!#$%&'*+/=?^`{|}~-])[\w!#$%&'*+/=?^`{|}~-][\w.!#$%&'*+/=?^`{|}~-]{0,63}"
    r"@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_][\w-]{0,61}[^\W_]"
)
_SPELLED_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64} ?[(\[{] ?at ?[)\]}] ?[\w-]{1,63}(?:(?: ?[(\[{] ?dot ?[)\]}] ?|\.)[\w-]{1,63}){1,4}",
    re.IGNORECASE,
)
_CARD = re.compile(r"(?<![0-9])(?<![0-9][ -])[2-6](?:[ -]?[0-9]){12,18}(?![ -]?[0-9])")
_ISSUERS = re.compile(
    r"4[0-9]{12}(?:[0-9]{3}){0,2}|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}"
    r"|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|35[0-9]{14}|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}"
    r"|62[0-9]{14,17}|(?:50|5[6-8]|6[0-9])[0-9]{10,17}"
)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]){11,30}(?![a-z])|[a-z]{2}[0-9]{2}(?:[ -]?[a-z0-9]){11,30})"
)
_IPV4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w]|\.[0-9])")
_IPV6 = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f:.]{0,45}[0-9])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?:(?:\.[0-9]{1,3}){3})?(?![\w:])"
)
_VERSION = re.compile(
    r"(?:\bv|\bver|\bversion|\brelease|\bbuild|\bfirmware|\bsection|\bchapter)[.:]? ?$", re.IGNORECASE
)


def emails(text: str) -> Iterator[Span]:
    """Addresses with an @, and those that spell it out in brackets."""
    if "@" in text:
        for found in _EMAIL.finditer(text):
            if ".." not in found.group() and ".@" not in found.group():
                yield Span(found.start(), found.end(), "email", "email", 0.95)
    for found in _SPELLED_EMAIL.finditer(text):
        yield Span(found.start(), found.end(), "email", "email", 0.7)


def cards(text: str) -> Iterator[Span]:
    """Numbers with the length and beginning of an issuer, evenly written, that pass Luhn's check."""
    for found in _CARD.finditer(text):
        written = found.group()
        digits = re.sub(r"[ -]", "", written)
        groups = re.split(r"[ -]", written)
        even = len(groups) == 1 or (len(groups) <= 5 and all(2 < len(group) < 8 for group in groups))
        if even and len(set(digits)) > 1 and _ISSUERS.fullmatch(digits) and luhn.is_valid(digits):
            yield Span(found.start(), found.end(), "card", "card", 0.9)


def ibans(text: str) -> Iterator[Span]:
    """Bank accounts with the length and form of their country whose check digits are right."""
    for found in _IBAN.finditer(text):
        written = found.group()
        # Words that follow may look like more of it: the longest beginning that passes is taken.
        for length in range(len(written), 14, -1):
            if written[length - 1].isalnum() and _ends_there(written, length) and iban.is_valid(written[:length]):
                yield Span(found.start(), found.start() + length, "iban", "iban", 0.98)
                break


def _ends_there(written: str, length: int) -> bool:
    return length == len(written) or not written[length].isalnum()


def ip_addresses(text: str) -> Iterator[Span]:
    """Addresses that can be somebody's: not of the machine itself, not unspecified, no multicast."""
    for found in _IPV4.finditer(text):
        if not _VERSION.search(text, max(0, found.start() - 12), found.start()) and _personal(found.group()):
            yield Span(found.start(), found.end(), "ip", "ipv4", 0.8)
    for found in _IPV6.finditer(text):
        if _personal(found.group()):
            yield Span(found.start(), found.end(), "ip", "ipv6", 0.9)


def _personal(written: str) -> bool:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast or written.startswith("0."))
