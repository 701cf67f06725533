"""AIPREF: usage preferences in the `Content-Usage` header and in robots.txt, and `Content-Signal` beside them.

The vocabulary is draft-ietf-aipref-vocab, the places draft-ietf-aipref-attach; both may still change, so the evidence
names the drafts that it was read by. A preference is a structured field dictionary (RFC 9651): `train-ai=n, search=y`.
`Content-Signal: search=yes, ai-train=no` (contentsignals.org) stands in the same place and says the same kind of thing.
"""

from collections.abc import Iterable

from crawlers.rights.words import Item, item

DRAFTS = "draft-ietf-aipref-vocab-07, draft-ietf-aipref-attach-05"
KEPT_LABELS = ("train-ai", "search", "bots", "train-genai", "ai", "genai", "tdm", "foundation-model-production")
"""The vocabulary's labels, and those of earlier drafts that sites still send."""
SIGNALS = ("search", "ai-input", "ai-train")


def header_preferences(values: Iterable[str]) -> list[Item]:
    """The preferences in the `Content-Usage` headers of an answer; several headers are one dictionary."""
    joined = ", ".join(values)
    return preferences(joined, "Content-Usage header") if joined.strip() else []


def preferences(text: str, where: str) -> list[Item]:
    """The preferences that a statement makes, one item a label, as `train-ai=n`.

    A label with another value than the tokens `y` and `n` says nothing; a statement that is no dictionary is kept as
    `aipref-unreadable` and says nothing either (draft-ietf-aipref-vocab, section "Processing Algorithm").
    """
    from http_sf import StructuredFieldError, Token, parse

    try:
        parsed = parse(text.strip().encode("utf-8", "replace"), tltype="dictionary")
    except StructuredFieldError:
        return [item("aipref-unreadable", text, where)]
    said = {}
    assert isinstance(parsed, dict)
    for label, value in parsed.items():
        token = value[0] if isinstance(value, tuple) else None
        if label in KEPT_LABELS and isinstance(token, Token) and str(token) in ("y", "n"):
            said[label] = str(token)
    return [item("aipref", f"{label}={token}", where) for label, token in sorted(said.items())]


def signals(text: str, where: str) -> list[Item]:
    """The content signals of a line, one item a signal, as `ai-train=no`."""
    said = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if name.strip().lower() in SIGNALS and value.strip().lower() in ("yes", "no"):
            said[name.strip().lower()] = value.strip().lower()
    return [item("content-signal", f"{name}={value}", where) for name, value in sorted(said.items())]
