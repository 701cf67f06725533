"""The one memory: label schema, pages, records, annotations, labels, predictions, rounds, snapshots, releases.

`Store` opens a project's DuckDB file; each table has a module of its own (`store.records`, `store.annotations`, …)
whose functions take and give Arrow. `LabelSchema` and the errors stand on the standard library alone.
"""

from typing import TYPE_CHECKING, Any

from store.errors import LabelError, RequestError, SchemaError, TilthError
from store.label_schema import LabelSchema

if TYPE_CHECKING:
    from store.database import Store

__all__ = ["LabelError", "LabelSchema", "RequestError", "SchemaError", "Store", "TilthError"]


def __getattr__(name: str) -> Any:
    # DuckDB is imported when a store is opened, not on the way to the label schema or to `--help`.
    if name == "Store":
        from store.database import Store

        return Store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
