"""Brings raw data in: sites over HTTP or through a browser, and files.

`crawlers.crawl.crawl` runs the sources of a project in a process of their own and brings what they gave into the store;
`import_file` brings in a CSV, JSON Lines or Parquet file. A source is declared by `read_source`; each kind of source
is a module of `crawlers.kinds`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crawlers.files import import_file
    from crawlers.kinds import read_source

__all__ = ["import_file", "read_source"]

_HOMES = {"import_file": "crawlers.files", "read_source": "crawlers.kinds"}


def __getattr__(name: str) -> Any:
    # Pydantic, DuckDB and the rest are imported when they are used, not on the way to `--help`.
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
