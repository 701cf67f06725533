"""Why a URL is left alone, as the frontier keeps it: `kind: a sentence`."""

SCOPE = "scope"
MAX_PAGES = "max_pages"
MAX_PER_PATTERN = "max_per_pattern"
MAX_QUERY_VARIANTS = "max_query_variants"
NOTHING_NEW = "nothing new"
KILLED = "killed"
LOST = "lost"

CAPS = (MAX_PER_PATTERN, MAX_QUERY_VARIANTS)
"""Counted when a URL is found; what they kept out is found again on the pages that led there."""
BOUNDS = (SCOPE, MAX_PAGES)
"""Judged when a URL is taken, and so judged anew by taking it."""
TRIED_AGAIN = (MAX_PAGES, NOTHING_NEW, KILLED, LOST)
"""What they kept out is tried again by each new pass."""


def reason(kind: str, said: str) -> str:
    """As it is kept."""
    return f"{kind}: {said}"


def kind_and_words(kept: str) -> tuple[str, str]:
    """The parts of a reason."""
    kind, _, said = kept.partition(": ")
    return kind, said
