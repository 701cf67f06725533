"""What the process that fetches is told: which sources, where things lie, and how it may behave."""

import json
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class SourceSpec:
    """A source: as declared, and how the store names that declaration."""

    source_id: str
    declared: dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """How much is fetched at once, and what a page may cost.

    Attributes:
        concurrency: So many requests are in hand at most, in all.
        per_host: The same for one host.
        timeout: Seconds until a fetch is given up.
        max_bytes: A body over this, packed or unpacked, is not read.
        extract_seconds: A page is read for no longer.
        workers: Processes that read pages; None: as many as there are processors.
        patience: Seconds over which a robots.txt that cannot be had is tried again, before its host is left.
    """

    concurrency: int = 16
    per_host: int = 4
    timeout: float = 30.0
    max_bytes: int = 10 * 2**20
    extract_seconds: float = 10.0
    workers: int | None = None
    patience: float = 30.0


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class RightsSpec:
    """What is asked about rights before a page is fetched.

    Attributes:
        tdmrep: Whether each host is asked for its TDM file, once a day.
        policy: `store.rights.RightsPolicy.declared`; empty: the defaults.
    """

    tdmrep: bool = True
    policy: str = ""


DEFAULT_RIGHTS = RightsSpec()


@dataclass(frozen=True)
class CrawlSpec:
    """A crawl of one or more sources.

    Attributes:
        run_id: Names the crawl; the outbox keeps it with each page.
        sources: Their names differ.
        project_folder: Where `frontier.sqlite`, `warc/` and `media/` lie.
        contact: How the people of a site can reach the user; empty: not said.
        limits: What it may take.
        rights: What is asked about rights.
        proxies: `[proxies]` as declared, without credentials; empty: there are none.
    """

    run_id: str
    sources: tuple[SourceSpec, ...]
    project_folder: str
    contact: str
    limits: Limits = DEFAULT_LIMITS
    rights: RightsSpec = DEFAULT_RIGHTS
    proxies: dict[str, Any] = field(default_factory=dict)

    @property
    def timeout(self) -> float:
        """Seconds until a fetch is given up."""
        return self.limits.timeout

    @property
    def max_bytes(self) -> int:
        """A body over this is not read."""
        return self.limits.max_bytes

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
        told = json.loads(path.read_text(encoding="utf-8"))
        sources = tuple(SourceSpec(**one) for one in told["sources"])
        limits, rights = Limits(**told["limits"]), RightsSpec(**told["rights"])
        return cls(**told | {"sources": sources, "limits": limits, "rights": rights})


def user_agent(contact: str) -> str:
    """How the crawler names itself, and whom a site can turn to."""
    try:
        number = version("tilth")
    except PackageNotFoundError:
        number = "0"
    words = " ".join(contact.split()).encode("ascii", "ignore").decode()
    return f"tilth/{number} (+{words})" if words else f"tilth/{number}"
