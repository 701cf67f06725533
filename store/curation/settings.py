"""What a project wants curation to set aside."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CurationSettings:
    """Limits; what lies outside them is set aside and kept.

    Attributes:
        languages: ISO 639-1 codes that are wanted; all of them where empty.
        min_chars: The fewest characters of a text, spaces at its ends not counted.
        max_chars: The most; None: no limit.
        min_letters: The smallest share of letters among the characters that are no spaces.
        max_repeated_lines: The largest share of lines that stand in the same text before.
        max_boilerplate: The largest share of a text in lines that many records of its source have.
        notices: Whether "page not found", cookie banners and the like are set aside.
        phone_regions: Countries (ISO 3166) whose national phone numbers are looked for.
        presidio_model: The spaCy model with which Presidio looks for names; None: nobody does.
        presidio_language: That model's language.
    """

    languages: tuple[str, ...] = ()
    min_chars: int = 1
    max_chars: int | None = None
    min_letters: float = 0.0
    max_repeated_lines: float = 0.5
    max_boilerplate: float = 0.8
    notices: bool = True
    phone_regions: tuple[str, ...] = ()
    presidio_model: str | None = None
    presidio_language: str = "en"


REGIONS = {
    "en": ("US", "GB"),
    "de": ("DE", "AT", "CH"),
    "fr": ("FR", "BE", "CH"),
    "es": ("ES", "MX"),
    "it": ("IT",),
    "nl": ("NL", "BE"),
    "pl": ("PL",),
    "pt": ("PT", "BR"),
    "sv": ("SE",),
    "hi": ("IN",),
}
"""Whose national forms to look for in texts of a language, where nobody says."""


def regions_of(language: str) -> tuple[str, ...]:
    """The countries for a language (ISO 639-1, with or without a region); none where the language is not known here."""
    return REGIONS.get(language.split("-")[0].lower(), ())
