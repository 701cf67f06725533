"""E-mail and IP addresses, and bank accounts by the check of ISO 13616."""

import ipaddress
import re
from collections.abc import Iterator

from stdnum import iban

from store.curation.pii.spans import Span

# Local parts and labels have upper lengths, so that no text makes the search quadratic (RFC 5321, 4.5.3.1). Of what a
# local part may hold, characters that addresses and quotation marks bring with them are left out: `to=a@b.example`.
_EMAIL = re.compile(
    r"(?<!\w)\w(?:[\w+'~-]|\.(?![.@])){0,63}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_][\w-]{0,61}[^\W_]"
)
_SPELLED_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}(?: ?[(\[{] ?at ?[)\]}] ?[\w-]{1,63}(?:(?: ?[(\[{] ?dot ?[)\]}] ?|\.)[\w-]{1,63}){1,4}"
    r"| at [\w-]{1,63}(?: dot [\w-]{1,63}){0,3} dot (?:com|org|net|edu|gov|io|eu|info|[a-z]{2})\b)",
    re.IGNORECASE,
)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Z]{2}[0-9]{2}(?:[ \u00a0\u2009\u202f-]?[A-Z0-9]){11,30}(?![a-z])"
    r"|[a-z]{2}[0-9]{2}(?:[ \u00a0\u2009\u202f-]?[a-z0-9]){11,30})"
)
_IPV4 = re.compile(r"(?<![\w.])(?<![A-Za-z]/)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w]|\.[0-9])")
# What an @ stands in too: pictures for dense screens (`logo@2x.png`), repositories (`git@code.example:team/project`).
_NO_EMAIL = re.compile(r"@[0-9]x\.(?:png|jpe?g|gif|webp|avif|svg)$|^git@", re.IGNORECASE)
_NETWORK = re.compile(r"/[0-9]")
# A word with a colon may stand before it.
_IPV6 = re.compile(
    r"(?:(?<![\w:.])|(?<=[G-Zg-z]:)|(?<=[A-Za-z]{4}:))(?=[0-9A-Fa-f:.]{0,45}[0-9])"
    r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?:(?:\.[0-9]{1,3}){3})?(?![\w:])"
)
_VERSION = re.compile(
    r"(?:\bv|\bver|\bversion|\brelease|\bbuild|\bfirmware|\bsection|\bchapter)[.:]? ?$", re.IGNORECASE
)


def emails(text: str) -> Iterator[Span]:
    """Addresses with an @, and those that spell it out."""
    if "@" in text:
        for found in _EMAIL.finditer(text):
            if not _NO_EMAIL.search(found.group()):
                yield Span(found.start(), found.end(), "email", "email", 0.95)
    for found in _SPELLED_EMAIL.finditer(text):
        yield Span(found.start(), found.end(), "email", "email", 0.7)


def ibans(text: str) -> Iterator[Span]:
    """Bank accounts with the length and form of their country whose check digits are right."""
    start = 0
    while found := _IBAN.search(text, start):
        start = found.start() + _account_at_its_beginning(found.group())
        if start > found.start():
            yield Span(found.start(), start, "iban", "iban", 0.98)
        else:
            start += 4  # what it swallowed may hold another one


def _account_at_its_beginning(written: str) -> int:
    """The length of the account that it begins with; 0 for none."""
    # Words that follow may look like more of it: the longest beginning that passes is taken.
    for length in range(len(written), 14, -1):
        if written[length - 1].isalnum() and _ends_there(written, length) and iban.is_valid(written[:length]):
            return length
    return 0


def _ends_there(written: str, length: int) -> bool:
    return length == len(written) or not written[length].isalnum()


def ip_addresses(text: str) -> Iterator[Span]:
    """Addresses that can be somebody's: not of the machine itself, not unspecified, no multicast."""
    for found in _IPV4.finditer(text):
        if _VERSION.search(text, max(0, found.start() - 12), found.start()) or _is_network(text, found):
            continue
        if _personal(found.group()):
            yield Span(found.start(), found.end(), "ip", "ipv4", 0.8)
    for found in _IPV6.finditer(text):
        if not _is_network(text, found) and _personal(found.group()):
            yield Span(found.start(), found.end(), "ip", "ipv6", 0.9)


def _is_network(text: str, found: re.Match[str]) -> bool:
    return found.group().endswith((".0", "::")) and bool(_NETWORK.match(text, found.end()))


def _personal(written: str) -> bool:
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback or address.is_unspecified or address.is_multicast or written.startswith("0."):
        return False
    # What begins with less than four digits (`a1::b2`) is not given to anybody, and mostly no address at all.
    return address.version == 4 or not address.is_reserved
