"""Label schemas as they were when answers were given, by hash; and what a change of the schema would break."""

import json
from collections import Counter

from store.database import Store, utc_now
from store.errors import SchemaError
from store.label_schema import LabelSchema


def use_schema(store: Store, schema: LabelSchema) -> None:
    """Keep the schema under its hash, so that its answers can be read later.

    Raises:
        SchemaError: A class that answers speak of is no longer there, and no rename says what became of it.
    """
    if store.read("SELECT 1 FROM schemas WHERE schema_hash = $1", [schema.hash]).num_rows:
        return
    missing = _classes_in_use(store, schema)
    missing = Counter({name: count for name, count in missing.items() if name not in schema.classes})
    missing = Counter({name: count for name, count in missing.items() if name not in schema.renamed})
    if missing:
        named = ", ".join(f'"{name}" ({count} answers)' for name, count in missing.most_common())
        name = missing.most_common(1)[0][0]
        raise SchemaError(
            f"[schema] classes: {named} in use and no longer there. Put the class back, or say what it became: "
            f'renamed = {{ "{name}" = "…" }}.'
        )
    with store.transaction() as db:
        db.execute("INSERT OR IGNORE INTO schemas VALUES ($1, $2, $3)", [schema.hash, schema.to_json(), utc_now()])


def schema_by_hash(store: Store, schema_hash: str) -> LabelSchema | None:
    """The schema with that hash, if it was ever used."""
    rows = store.read("SELECT declared FROM schemas WHERE schema_hash = $1", [schema_hash]).to_pylist()
    return LabelSchema.from_json(rows[0]["declared"]) if rows else None


def _classes_in_use(store: Store, schema: LabelSchema) -> Counter[str]:
    rows = store.read("SELECT value, count(*) AS answers FROM annotations WHERE state = 'given' GROUP BY value")
    used: Counter[str] = Counter()
    for row in rows.to_pylist():
        for name in schema.classes_in(json.loads(row["value"])):
            used[name] += row["answers"]
    return used
