"""A store with labelled records of every origin, for the tests of snapshots and releases."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from store.database import Store
from store.label_schema import LabelSchema
from store.labels import write_labels
from store.records import add_records
from store.splits import assign_splits

SCHEMA = LabelSchema(
    "text-classification",
    ("weather", "sport", "food | drink"),
    question="What is this message about?",
    instructions="Read it once.\nThen choose.",
    descriptions={"weather": "rain and sun"},
)
MORNING = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
DECLARED = json.dumps({"start": ["https://forum.example/page/1"]})
AT = datetime(2099, 1, 1, tzinfo=UTC)


def texts(n: int) -> list[str]:
    """`n` different texts, some with signs that are hard to write."""
    hard = ('a "quoted" line', "two\nlines", "naïve Ωmega 🌱", "pipe | and `tick`", "trailing space ")
    return [f"message {i}: {hard[i % len(hard)]}" for i in range(n)]


def fill(store: Store, n: int = 60) -> list[str]:
    """Add `n` records: half from a crawled site, half imported; all labelled, some held out, some imported as test."""
    half = n // 2
    all_texts = texts(n)
    crawled = add_records(
        store,
        pa.table({"text": all_texts[:half], "natural_key": [str(i) for i in range(half)]}),
        source_name="forum",
        source_id="s1",
    ).record_ids
    imported = add_records(store, pa.table({"text": all_texts[half:]}), source_name="old.csv").record_ids
    ids = crawled + imported
    _pages(store, crawled)
    write_labels(store, label_rows(ids, [i % 3 for i in range(n)]))
    assign_splits(
        store, pa.table({"record_id": crawled[::4], "split": ["holdout"] * len(crawled[::4])}), origin="drawn"
    )
    split = ["validation" if i % 2 else "test" for i in range(len(imported[::5]))]
    assign_splits(store, pa.table({"record_id": imported[::5], "split": split}), origin="import")
    return ids


def label_rows(ids: list[str], classes: list[int], *, quality: float = 0.9, annotators: int = 2) -> pa.Table:
    """Rows for `write_labels`: each record with the class of that index."""
    n = len(ids)
    return pa.table(
        {
            "record_id": ids,
            "value": [json.dumps({"label": SCHEMA.classes[c]}) for c in classes],
            "quality": [quality] * n,
            "annotations": pa.array([annotators] * n, pa.int32()),
            "annotators": pa.array([annotators] * n, pa.int32()),
            "method": ["majority"] * n,
            "schema_hash": [SCHEMA.hash] * n,
            "resolved_at": [MORNING] * n,
        }
    )


def _pages(store: Store, ids: list[str]) -> None:
    """Two pages that show every record, the second later; a third that robots.txt disallows."""
    with store.transaction() as db:
        db.execute("INSERT INTO sources VALUES ('s1', 'forum', 'site', $1, $2)", [DECLARED, MORNING])
        for number, robots in ((1, "allowed"), (2, "allowed"), (3, "disallowed")):
            db.execute(
                """
                INSERT INTO pages
                    (page_id, source_id, url, fetched_at, status, warc_file, warc_offset, robots, rendered)
                VALUES ($1, 's1', $2, $3, $4, 'warc/forum.warc.gz', $5, $6, 'http')
                """,
                [
                    f"p{number}",
                    f"https://forum.example/page/{number}",
                    MORNING + timedelta(days=number),
                    200 if robots == "allowed" else None,
                    number * 1000,
                    robots,
                ],
            )
        sightings = [(one, f"p{page}", MORNING + timedelta(days=page)) for one in ids for page in (1, 2)]
        table = pa.table(
            {
                "record_id": [s[0] for s in sightings],
                "page_id": [s[1] for s in sightings],
                "seen_at": [s[2] for s in sightings],
            }
        )
        with store.table("seen", table):
            db.execute("INSERT INTO sightings SELECT record_id, page_id, 0, seen_at FROM seen")
