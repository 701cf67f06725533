"""From the bytes of a response to HTML text, as a browser would read them."""

import re

from w3lib.encoding import html_to_unicode

# Bytes that text never holds, https://mimesniff.spec.whatwg.org/#binary-data-byte, are looked for in as much as that
# standard reads of a resource.
BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
SNIFFED = 1445
HTML_TYPES = ("text/html", "application/xhtml+xml")
WIDE = re.compile(rb"utf-?(16|32)", re.IGNORECASE)


def why_not_html(content_type: str | None, body: bytes) -> str | None:
    """Why a response is no HTML page, as a clause; None when it is one.

    A response that says nothing of its type is judged by its bytes.
    """
    named = (content_type or "").split(";")[0].strip().lower()
    if named and named not in HTML_TYPES:
        return f"it is {named}"
    if not body.strip():
        return "its body is empty"
    wide = body[:2] in (b"\xff\xfe", b"\xfe\xff") or WIDE.search((content_type or "").encode())
    if not wide and BINARY.search(body[:SNIFFED]):
        return "it holds binary data, though it is called HTML" if named else "it holds binary data"
    if not named and b"<" not in body:
        return "it has no markup"
    return None


def html_text(content_type: str | None, body: bytes) -> str:
    """The text of an HTML page: by byte order mark, header, `<meta>`, else UTF-8 or windows-1252."""
    return html_to_unicode(content_type, body, auto_detect_fun=_undeclared)[1]


def _undeclared(body: bytes) -> str:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
