"""Pseudonyms: personal data in a release replaced by a name that stays the same for the same value and tells its kind.

The name is HMAC-SHA256 (RFC 2104) under a key that each project has for itself and that no release holds: without the
key nobody can try values until one fits. Hashes that were made of the text before would allow just that, so a changed
row gets those anew: its content hash from the new text, its ids under the key.
"""

import hashlib
import hmac
import itertools
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa

from store.curation.pii.find import Finder, find_pii
from store.curation.pii.spans import Span, settled
from store.errors import TilthError
from store.records import content_hash
from store.release.transform import Transform

KEY_FILE = "pii.key"
KEY_BYTES = 32
NAME_DIGITS = 6
ID_DIGITS = 32
ID_COLUMNS = ("record_id", "group_id")


Policy = Literal["pseudonymise", "drop", "keep"]


class KeyUnusable(TilthError):
    """The project's key for pseudonyms is there, but cannot be what was made."""


def project_key(folder: Path) -> bytes:
    """The key of a project, made when it is first asked for: `pii.key`, for its owner's eyes only (mode 0600).

    Raises:
        KeyUnusable: The file is there and holds no key.
    """
    path = folder / KEY_FILE
    try:
        written = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return _new_key(path)
    except (OSError, UnicodeDecodeError) as error:
        raise KeyUnusable(f"{path} cannot be read ({error}); restore it from a copy.") from error
    try:
        key = bytes.fromhex(written)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyUnusable(
            f"{path} holds no key of {KEY_BYTES} bytes; restore it from a copy, or remove it: a new one is made, and "
            "pseudonyms change."
        )
    return key


def _new_key(path: Path) -> bytes:
    # Written aside and linked into its place: a killed run leaves no half key, and of two runs one key stands.
    key = secrets.token_bytes(KEY_BYTES)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        return project_key(path.parent)
    finally:
        aside.unlink()
    return key


def pseudonym(value: str, kind: str, key: bytes) -> str:
    """The name of a value, such as `<EMAIL-3f9a2c>`; how it is written (case, spaces, dashes) makes no difference."""
    plain = "".join(one for one in value.casefold() if one.isalnum() or one in "@._:+" * (kind in ("email", "ip")))
    return f"<{kind.upper()}-{_keyed(f'{kind}:{plain}', key)[:NAME_DIGITS]}>"


def replaced(text: str, spans: Sequence[Span], key: bytes) -> str:
    """The text with each span replaced by its pseudonym; of spans that overlap, the surest."""
    parts, last = [], 0
    for span in settled(spans):
        parts += [text[last : span.start], pseudonym(text[span.start : span.end], span.kind, key)]
        last = span.end
    return "".join([*parts, text[last:]])


def pseudonymise(table: pa.Table, spans: Sequence[Sequence[Span]], key: bytes) -> pa.Table:
    """Rows with the spans of their `text` replaced.

    Where there are such columns, a changed row's `content_hash` becomes that of the new text, its `record_id` and
    every mention of it in `group_id` the old id under the key, and a `url` that holds an e-mail address null.

    Args:
        spans: For each row, where in its text.
    """
    texts = table["text"].to_pylist()
    new = [replaced(text, found, key) if found else text for text, found in zip(texts, spans, strict=True)]
    changed = [bool(found) for found in spans]
    columns = {"text": new}
    if "content_hash" in table.column_names:
        known = zip(new, table["content_hash"].to_pylist(), changed, strict=True)
        columns["content_hash"] = [content_hash(text) if is_new else old for text, old, is_new in known]
    if "record_id" in table.column_names:
        gone = set(itertools.compress(table["record_id"].to_pylist(), changed))
        for name in ID_COLUMNS:
            if name in table.column_names:
                columns[name] = [
                    _keyed(one, key)[:ID_DIGITS] if one in gone else one for one in table[name].to_pylist()
                ]
    if "url" in table.column_names:
        columns["url"] = [None if _tells_an_address(url) else url for url in table["url"].to_pylist()]
    for name, values in columns.items():
        field = table.schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))
    return table


def release_transform(policy: Policy, looking: Finder, folder: Path) -> Transform | None:
    """What is done with personal data in the rows of a release before they are written; None: nothing.

    Args:
        policy: `pseudonymise` replaces personal data, `drop` leaves out the rows that hold any, `keep` changes nothing.
        looking: How personal data is found, now: what a trait says may be missing or old.
        folder: The project's, for its key, which is made when the first row needs it.
    """

    def spans_of(table: pa.Table) -> list[list[Span]]:
        return [looking.find(text or "") for text in table["text"].to_pylist()]

    def drop(table: pa.Table) -> pa.Table:
        return table.filter(pa.array([not found for found in spans_of(table)], pa.bool_()))

    def pseudonymise_rows(table: pa.Table) -> pa.Table:
        spans = spans_of(table)
        return pseudonymise(table, spans, project_key(folder)) if any(spans) else table

    if policy == "keep":
        return None
    if policy == "drop":
        return Transform("records with personal data left out", looking.version, drop)
    return Transform("personal data replaced by pseudonyms", looking.version, pseudonymise_rows)


def _tells_an_address(url: str | None) -> bool:
    return url is not None and any(span.kind == "email" for span in find_pii(url.replace("%40", "@")))


def _keyed(value: str, key: bytes) -> str:
    return hmac.new(key, value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
