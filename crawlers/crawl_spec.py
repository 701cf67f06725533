"""What the process that fetches is told: one source, where things lie, and how it may behave."""

import json
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class CrawlSpec:
    """One source's crawl.

    Attributes:
        run_id: Names the crawl; the outbox keeps it with each page.
        source_id: The source as declared, named by the store.
        source: The declaration.
        project_folder: Where `frontier.sqlite` and `warc/` lie.
        contact: How the people of a site can reach the user; empty: not said.
        timeout: Seconds until a fetch is given up.
        max_bytes: A body over this, packed or unpacked, is not read.
    """

    run_id: str
    source_id: str
    source: dict[str, Any]
    project_folder: str
    contact: str
    timeout: float = 30.0
    max_bytes: int = 10 * 2**20

    @property
    def user_agent(self) -> str:
        """`tilth/<version> (+<contact>)`."""
        return user_agent(self.contact)

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "CrawlSpec":
        """What `write` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def user_agent(contact: str) -> str:
    """How the crawler names itself, and whom a site can turn to."""
    try:
        number = version("tilth")
    except PackageNotFoundError:
        number = "0"
    words = " ".join(contact.split()).encode("ascii", "ignore").decode()
    return f"tilth/{number} (+{words})" if words else f"tilth/{number}"
