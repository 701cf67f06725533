"""What is kept of hosts in the frontier's tables `hosts` and `host_files`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol


class Rows(Protocol):
    """The open frontier, as far as it is needed here."""

    def read(self, sql: str, args: Sequence[Any] = ()) -> Sequence[Any]:
        """Rows whose columns can be had by name."""

    def write(self, sql: str, args: Sequence[Any] = ()) -> Any:
        """Change one row, durably."""


@dataclass(frozen=True)
class Kept:
    """What survives of a host.

    Attributes:
        delay: Seconds that its robots.txt asks for.
        troubles: 429, 503 and broken connections in a row.
        saved_at: Epoch seconds.
        held_for, held_why: How many seconds from `saved_at` nothing is asked, and why.
        page_ended, file_ended: When the last answer was complete, of a page and of robots.txt and the like.
        open: Whether a request was under way.
    """

    delay: float = 0.0
    troubles: int = 0
    saved_at: float = 0.0
    held_for: float = 0.0
    held_why: str = ""
    page_ended: float | None = None
    file_ended: float | None = None
    open: bool = False


def keep_host(rows: Rows, host: str, kept: Kept) -> None:
    """Write what survives of a host, over what was there."""
    rows.write("INSERT OR REPLACE INTO hosts (host, state) VALUES (?, ?)", [host, json.dumps(asdict(kept))])


def kept_hosts(rows: Rows) -> Iterator[tuple[str, Kept]]:
    """All hosts of which something was kept; what cannot be read was never kept."""
    for row in rows.read("SELECT host, state FROM hosts"):
        try:
            said: Mapping[str, Any] = json.loads(row["state"])
            yield row["host"], Kept(**said)
        except (ValueError, TypeError):
            continue
