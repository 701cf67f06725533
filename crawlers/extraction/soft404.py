"""Pages that say "not found" while the server says that all is well."""

import re

from crawlers.extraction.element_text import one_line
from crawlers.extraction.html_page import HtmlPage

MOST_WORDS = 80
"""A page with more to say is about something, whatever its title."""

# A title is held against these as a whole, in each part between its separators: "Error 404 when I log in" is a question
# that somebody asks.
# fmt: off
NOT_FOUND = re.compile(
    r"(?:(?:oops|sorry|uh[ -]oh|error|http)\W*)*"
    r"(?:(?:error\W*)?404"
    r"(?:\W*(?:error|http|not found|page not found|nicht gefunden|no encontrad[ao]|non trouv[ée]e?))?"
    r"|(?:the |this |that )?(?:requested )?"
    r"(?:page|file|document|resource|url|thread|topic|post|article|content)?"
    r" ?(?:(?:was |is |could |can )?not (?:be )?found"
    r"|(?:does not|doesn.t|no longer) exists?|(?:is )?no longer available"
    r"|cannot be found|can.t be found|couldn.t be found)"
    r"|(?:diese |die )?seite (?:wurde )?(?:leider )?nicht gefunden"
    r"|(?:cette )?page (?:introuvable|non trouvée|inconnue)"
    r"|p[áa]gina no encontrada|pagina non trovata|p[áa]gina n[ãa]o encontrada|pagina niet gevonden"
    r"|sidan (?:kunde inte )?hittades inte|siden blev ikke fundet|strona nie (?:została )?znaleziona"
    r"|страница не найдена|ページが見つかりません|页面不存在|找不到页面)\W*",
    re.IGNORECASE,
)
# fmt: on
SEPARATORS = re.compile(r"\s+[|·•—–:»-]+\s+")


def says_not_found(page: HtmlPage, words: str | None) -> str | None:
    """The title or heading that says so, when the page has little else to say; None for any other page.

    Args:
        page: The page.
        words: Its main text; None where that was not looked for.
    """
    if words is not None and len(words.split()) > MOST_WORDS:
        return None
    for said in page.parsed.xpath("(//title | //h1)[position() <= 3]"):
        whole = one_line(said.xpath("string()").get() or "")
        if any(NOT_FOUND.fullmatch(part.strip()) for part in [whole, *SEPARATORS.split(whole)] if part.strip()):
            return whole[:80]
    return None
