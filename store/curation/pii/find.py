"""All personal data of a text: what forms and check digits can tell, and names where somebody can find them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from store.curation.pii.cards import cards
from store.curation.pii.national_ids import national_ids
from store.curation.pii.numbers import emails, ibans, ip_addresses
from store.curation.pii.phones import phones, require_known
from store.curation.pii.presidio import name_finder
from store.curation.pii.spans import Span, settled
from store.curation.settings import CurationSettings

VERSION = "patterns-2"
_ANY = re.compile(r"\d|@|[(\[{] ?at ?[)\]}]| dot ", re.IGNORECASE)


def find_pii(text: str, regions: Sequence[str] = ()) -> list[Span]:
    """Where personal data stands: e-mail, phone, card, IBAN, IP and national numbers; in order, none overlapping.

    Args:
        regions: Countries (ISO 3166 codes) whose national way of writing phone numbers is looked for.
    """
    if not _ANY.search(text):
        return []
    finders = (emails, ip_addresses, cards, ibans, national_ids)
    return settled(span for spans in (*(find(text) for find in finders), phones(text, regions)) for span in spans)


@dataclass(frozen=True)
class Finder:
    """A way of looking for personal data.

    Attributes:
        find: From a text to where personal data stands in it, in order, none overlapping.
        version: Which way; another one may find other things.
    """

    find: Callable[[str], list[Span]]
    version: str


def finder(settings: CurationSettings) -> Finder:
    """The way of looking that the settings ask for.

    Raises:
        RegionUnknown: They name a country that there is not.
        PresidioMissing: They ask for Presidio, which is not there.
    """
    regions, model = settings.phone_regions, settings.presidio_model
    require_known(regions)
    version = "-".join((VERSION, *regions))
    if model is None:
        return Finder(lambda text: find_pii(text, regions), version)
    names = name_finder(model, settings.presidio_language)
    return Finder(lambda text: settled([*find_pii(text, regions), *names(text)]), f"{version}-presidio-{model}")
