"""What a frontier knows of hosts, for another one: how they want to be asked, and their robots.txt."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from crawlers.frontier.file import Frontier

TABLES = {"hosts": ("host", "state"), "host_files": ("host", "path", "fetched_at", "status", "body", "error")}


def carry_hosts(known: Path, frontier: Frontier) -> None:
    """Copy what the frontier file `known`, which may not be there, knows of hosts; that file stays as it is."""
    if not known.is_file():
        return
    at_rest = not known.with_name(f"{known.name}-wal").exists()
    how = "immutable=1" if at_rest else "mode=ro"  # merely reading would leave files beside it
    try:
        with closing(sqlite3.connect(f"file:{quote(str(known))}?{how}", uri=True)) as db:
            found = {
                table: db.execute(f"SELECT {', '.join(of)} FROM {table}").fetchall() for table, of in TABLES.items()
            }
    except sqlite3.Error:
        return  # an older or damaged one: the hosts are asked anew
    for table, columns in TABLES.items():
        marks = ", ".join("?" * len(columns))
        frontier.write_many(f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({marks})", found[table])
