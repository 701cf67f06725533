"""Personal data of each text as a trait, and what is shown of it: kinds and masked examples, never the data itself."""

import json
from collections import Counter
from collections.abc import Callable, Sequence

import pyarrow as pa

from store.curation.pii.spans import Span

NAME = "pii"
SPANS = pa.list_(
    pa.struct(
        [
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("kind", pa.string()),
            ("what", pa.string()),
            ("confidence", pa.float64()),
        ]
    )
)


def personal(batch: pa.Table, find: Callable[[str], list[Span]]) -> pa.Table:
    """From `record_id` and `text` to `record_id` and `spans` (a list, empty where there are none)."""
    found = [[vars(span) for span in find(text)] for text in batch["text"].to_pylist()]
    return pa.table({"record_id": batch["record_id"], "spans": pa.array(found, SPANS)})


def spans_from_json(written: str) -> list[Span]:
    """Spans as the trait keeps them."""
    return [Span(**one) for one in json.loads(written)]


def evidence(text: str, spans: Sequence[Span]) -> str:
    """JSON: how many of each kind, and each of them masked."""
    kinds = Counter(span.kind for span in spans)
    return json.dumps({"kinds": dict(kinds), "masked": [masked(text[one.start : one.end], one.kind) for one in spans]})


def masked(value: str, kind: str) -> str:
    """Enough of it to recognise it when it is at hand, and no more."""
    if kind == "email" and "@" in value:
        name, _, host = value.rpartition("@")
        return f"{name[:1]}…@…{host[host.rfind('.') :]}"
    if kind in ("person", "place"):
        return f"{value[:1]}…"
    return f"…{value[-2:]}" if len(value) > 6 else "…"
