"""All personal data of a text that forms and check digits can tell."""

import re
from collections.abc import Sequence

from store.curation.pii.national_ids import national_ids
from store.curation.pii.numbers import cards, emails, ibans, ip_addresses
from store.curation.pii.phones import phones
from store.curation.pii.spans import Span, settled

VERSION = "patterns-1"
_ANY = re.compile(r"\d|@|[(\[{] ?at ?[)\]}]", re.IGNORECASE)


def find_pii(text: str, regions: Sequence[str] = ()) -> list[Span]:
    """Where personal data stands: e-mail, phone, card, IBAN, IP and national numbers; in order, none overlapping.

    Args:
        regions: Countries (ISO 3166 codes) whose national way of writing phone numbers is looked for.
    """
    if not _ANY.search(text):
        return []
    finders = (emails, ip_addresses, cards, ibans, national_ids)
    return settled(span for spans in (*(find(text) for find in finders), phones(text, regions)) for span in spans)
