"""What a text looks like from outside: its length, its letters, lines that repeat, and whether it is a mere notice."""

import re
from collections.abc import Sequence

import pyarrow as pa

NAME = "quality"
VERSION = "quality-2"
# Fewer lines than this say nothing about repetition.
LINES = 4
NOTICE_CHARS = 600

_BEGINS = re.IGNORECASE | re.DOTALL
# A notice says so and stops, or goes on as notices do: "Access denied when paying by card" is somebody's question.
_ENDS = (
    r"(?=[^\S\n]*(?:$|[.!…|\n\r]|[–—-](?!.*\?))"
    r"|[^\S\n]*[,;:]?[^\S\n]+(?:\(?(?:error )?40[0-9]|sorry|please|because|due to|try |or |bitte|veuillez"
    r"|on (?:this|our|the) (?:\w+ )?(?:site|website|server|page|system)|at this|here|any ?more|any longer"
    r"|the (?:page|requested|url|resource|link|document)|you (?:do|are|don)|your|this ))"
)
_NOTICES = {
    "not found": re.compile(
        r"\W*(?:(?:http )?(?:error )?(?:404|410)\b[\s\W]*(?:error\b[\s\W]*)?"
        r"(?:(?:page |file |seite |página |pagina )?"
        r"(?:not found|gone|nicht gefunden|introuvable|no encontrada|non trovata)|$)"
        r"|(?:sorry|oops|whoops|hoppla|d[ée]sol[ée])?[\s\W]{0,4}"
        r"(?:(?:the|this|that) )?"
        r"(?:page|content|article|link|thread|topic)"
        r"(?: that)?(?: you(?:'re| are|’re) (?:looking for|requested|trying to reach))?(?: you requested)?"
        r" (?:could not be found|was not found|not found|could ?n[o'’]t be found|cannot be found|can[’']t be found"
        r"|does ?n[o'’]t exist|does not exist|is no longer available|no longer exists|has been removed)"
        r"|(?:die )?(?:angeforderte )?seite (?:wurde )?nicht gefunden|(?:cette )?page (?:introuvable|non trouvée)"
        r"|página no encontrada|pagina non trovata|pagina niet gevonden|nie znaleziono strony)" + _ENDS,
        _BEGINS,
    ),
    "cookies": re.compile(
        r"(?=.*(?:accept|agree|consent|reject|preferences|settings|policy|akzeptieren|zustimmen|ablehnen"
        r"|accepter|refuser|aceptar|accetta|accepteren))"
        r".{0,120}?(?:\b(?:we|site|website|partners|wir|nous|page|seite)\b"
        r".{0,40}?\b(?:uses?|using|store|verwenden|nutzen|utilis\w+)\b.{0,40}?\bcookies"
        r"|utilizamos cookies|usiamo (?:i )?cookie|gebruiken cookies)",
        _BEGINS,
    ),
    "no JavaScript": re.compile(
        r".{0,80}?(?:enable|activate|turn on|requires?|aktivieren|activer) (?:sie )?javascript"
        r"|.{0,40}?javascript (?:is )?(?:disabled|required|deaktiviert|désactivé)",
        _BEGINS,
    ),
    "access refused": re.compile(
        r"\W*(?:(?:error )?(?:401|403)\b[\s\W]*(?:forbidden|unauthorized|access denied|$)"
        r"|access (?:to this page )?(?:is |has been )?denied)"
        + _ENDS
        + r"|\W*(?:(?:please )?verify (?:that )?you are (?:a )?human|checking your browser|are you a robot"
        r"|just a moment)",
        _BEGINS,
    ),
}
_A_PERSON_SPEAKS = re.compile(r"\b(?:I|i'm|my|ich|mein|meine|je|mon|ma|mi|mio)\b")


def quality(batch: pa.Table) -> pa.Table:
    """From `record_id` and `text` to `record_id`, `chars`, `letters`, `repeated_lines` (shares) and `notice`."""
    texts = [text.strip() for text in batch["text"].to_pylist()]
    return pa.table(
        {
            "record_id": batch["record_id"],
            "chars": pa.array([len(text) for text in texts], pa.int64()),
            "letters": pa.array([letter_share(text) for text in texts], pa.float64()),
            "repeated_lines": pa.array([repeated_share(text.splitlines()) for text in texts], pa.float64()),
            "notice": pa.array([notice(text) for text in texts], pa.string()),
        }
    )


def letter_share(text: str) -> float:
    """The share of letters among the characters that are no spaces; 0 for a blank text."""
    dense = "".join(text.split())
    return round(sum(map(str.isalpha, dense)) / len(dense), 4) if dense else 0.0


def repeated_share(lines: Sequence[str]) -> float:
    """The share of lines that stand in the text before; blank lines do not count, and under four lines it is 0."""
    written = [line.strip() for line in lines if line.strip()]
    return round(1 - len(set(written)) / len(written), 4) if len(written) >= LINES else 0.0


def notice(text: str) -> str | None:
    """What a short text says instead of having content: `not found`, `cookies`, `no JavaScript`, `access refused`.

    Only a text that begins so counts: people write about such pages too.
    """
    if len(text) > NOTICE_CHARS:
        return None
    found = next((name for name, form in _NOTICES.items() if form.match(text)), None)
    return None if found and _A_PERSON_SPEAKS.search(text) else found
