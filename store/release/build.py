"""Building a release: Parquet files per split, the card, and `tilth.json`, which names everything by its hash.

The same snapshot and the same facts give the same bytes: rows are sorted by record, the writer's settings are fixed,
and no time of building is written down.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from store.database import Store
from store.errors import TilthError
from store.release.card import CardRights, card
from store.release.facts import ReleaseFacts, file_hash
from store.release.placing import FolderOccupied, beside, clear_about_writing, put_in_place, settle
from store.release.rows import ReleaseRows, release_rows
from store.release.transform import Transform
from store.releases import ever_released, keep_built
from store.rights import RightsPolicy
from store.snapshots import Snapshot, snapshot

MANIFEST = "tilth.json"
EVIDENCE_FILE = "evidence.parquet"
FORMAT = 1
SHARD_BYTES = 500_000_000
ROW_GROUP = 10_000


class NotARelease(TilthError):
    """A folder holds no release of tilth, or one that was changed after it was built."""


@dataclass(frozen=True)
class Release:
    """A release in a folder.

    Attributes:
        content_hash: SHA-256 over all that `tilth.json` says, which includes the hash of every other file.
        files: Path in the folder to SHA-256, without `tilth.json` itself.
        splits: Records by split.
        set_aside: Labelled records left out because their group lies in a split that measures.
        without_text: Labelled records left out because they have no text.
        held_back: Labelled records left out because their pages forbid to publish them.
        because: How many of these for each kind of evidence (`store.rights.SIGNALS`).
        withdrawn: How many of these were in an earlier release that was published.
        transformed_away: Labelled records that the transform left out.
    """

    folder: Path
    content_hash: str
    snapshot_id: str
    model_id: str | None
    name: str
    files: Mapping[str, str]
    splits: Mapping[str, int]
    set_aside: int
    without_text: int
    held_back: int
    because: Mapping[str, int]
    withdrawn: int
    transformed_away: int

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file of the release, `tilth.json` last."""
        return (*self.files, MANIFEST)


def build_release(
    store: Store,
    snapshot_id: str,
    folder: Path,
    facts: ReleaseFacts,
    *,
    policy: RightsPolicy | None = None,
    transform: Transform | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> Release:
    """Write the release of a snapshot into `folder`, replacing what an earlier build left there.

    Args:
        policy: What the evidence of the records' pages forbids; None: what `RightsPolicy()` says.
        transform: What is done to the rows before they are written.
        shard_bytes: A split becomes as many Parquet files as keep each under this many bytes of Arrow memory.

    Raises:
        LicenceMissing: The facts name no licence.
        SnapshotUnknown, SnapshotDamaged, NothingToRelease: See `store.release.rows`.
        FolderOccupied: The folder holds something that is not a release.
        FolderUnwritable, DiskFull: It cannot be written.
    """
    facts.require_licence()
    taken = snapshot(store, snapshot_id)
    policy = policy or RightsPolicy()
    rows = release_rows(store, snapshot_id, facts.schema, policy, transform)
    withdrawn = ever_released(store, rows.held_back)
    folder = folder.expanduser().absolute()
    with clear_about_writing(folder):
        settle(folder)
        check_ours(folder)
        rights = _rights(policy, rows, withdrawn)
        _write(beside(folder), facts, taken, rows, rights, transform, shard_bytes)
        put_in_place(beside(folder), folder)
    release = read_release(folder)
    keep_built(store, snapshot_id, release.content_hash, rows.record_ids)
    return release


def check_ours(folder: Path) -> None:
    """Return when `folder` may be written: it is absent, empty or a release; else raise `FolderOccupied`."""
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_dir() and (not any(folder.iterdir()) or _is_manifest(folder / MANIFEST)):
        return
    raise FolderOccupied(
        f"{folder} is not a release of tilth (it has no {MANIFEST}), so it is left alone. Name a new or empty folder."
    )


def read_release(folder: Path) -> Release:
    """The release in a folder, as its `tilth.json` says.

    Raises:
        NotARelease: There is none.
    """
    path = folder / MANIFEST
    if not _is_manifest(path):
        raise NotARelease(f"{folder} holds no release of tilth ({MANIFEST} is missing or damaged); build it again.")
    told = json.loads(path.read_text(encoding="utf-8"))
    return Release(
        folder=folder,
        content_hash=told["content_hash"],
        snapshot_id=told["snapshot"]["id"],
        model_id=told["model"]["model_id"] if told["model"] else None,
        name=told["name"],
        files={name: facts["sha256"] for name, facts in told["files"].items()},
        splits=told["splits"],
        set_aside=told["set_aside"],
        without_text=told["without_text"],
        held_back=told.get("rights", {}).get("held_back", 0),
        because=told.get("rights", {}).get("because", {}),
        withdrawn=told.get("rights", {}).get("withdrawn", 0),
        transformed_away=(told.get("transform") or {}).get("left_out", 0),
    )


def verify(release: Release) -> None:
    """Raise `NotARelease` unless every file of the release has the hash that `tilth.json` gives."""
    for name, expected in release.files.items():
        path = release.folder / name
        if not path.is_file() or file_hash(path) != expected:
            raise NotARelease(f"{path} is not what {MANIFEST} says of it; build the release again.")


def _rights(policy: RightsPolicy, rows: ReleaseRows, withdrawn: int) -> dict[str, Any]:
    return {
        "policy_hash": policy.hash,
        "policy": json.loads(policy.declared),
        "held_back": len(rows.held_back),
        "because": dict(rows.because),
        "withdrawn": withdrawn,
        "permitted": dict(rows.permitted),
        "evidence": EVIDENCE_FILE,
    }


def _write(
    folder: Path,
    facts: ReleaseFacts,
    taken: Snapshot,
    rows: ReleaseRows,
    rights: dict[str, Any],
    transform: Transform | None,
    shard_bytes: int,
) -> None:
    data = folder / "data"
    data.mkdir(parents=True)
    for split, part in rows.splits.items():
        _write_split(data, split, part, shard_bytes)
    written = sorted(data.iterdir())
    size = sum(path.stat().st_size for path in written)
    evidence = folder / EVIDENCE_FILE
    pq.write_table(rows.evidence, evidence, compression="zstd", version="2.6", row_group_size=ROW_GROUP)
    readme = folder / "README.md"
    about = CardRights(rights["held_back"], rights["because"], rights["withdrawn"], rights["permitted"], transform)
    readme.write_text(card(facts, taken, rows, size, about), encoding="utf-8", newline="\n")
    files = {
        path.relative_to(folder).as_posix(): {"sha256": file_hash(path), "bytes": path.stat().st_size}
        for path in [readme, evidence, *written]
    }
    told: dict[str, Any] = {
        "format": FORMAT,
        "made_by": _made_by(),
        "name": facts.name,
        "license": facts.license,
        "language": list(facts.language),
        "snapshot": {"id": taken.snapshot_id, "rows": taken.rows, "made_at": taken.made_at.isoformat()},
        "schema": json.loads(facts.schema.to_json()),
        "schema_hash": facts.schema.hash,
        "model": asdict(facts.model) if facts.model else None,
        "splits": {split: part.num_rows for split, part in rows.splits.items()},
        "set_aside": rows.set_aside,
        "without_text": rows.without_text,
        "rights": rights,
        "transform": {"name": transform.name, "version": transform.version, "left_out": rows.transformed_away}
        if transform is not None
        else None,
        "files": files,
    }
    told["content_hash"] = _content_hash(told)
    (folder / MANIFEST).write_text(
        json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n"
    )


def _made_by() -> str:
    try:
        return f"tilth {metadata.version('tilth')}"
    except metadata.PackageNotFoundError:
        return "tilth"  # run from a checkout that was never installed


def _write_split(data: Path, split: str, part: pa.Table, shard_bytes: int) -> None:
    shards = max(1, math.ceil(part.nbytes / shard_bytes))
    length = math.ceil(part.num_rows / shards)
    for shard in range(shards):
        pq.write_table(
            part.slice(shard * length, length),
            data / f"{split}-{shard:05d}-of-{shards:05d}.parquet",
            compression="zstd",
            version="2.6",
            row_group_size=ROW_GROUP,
            write_page_index=True,
        )


def _content_hash(told: Mapping[str, Any]) -> str:
    said = {name: value for name, value in told.items() if name != "content_hash"}
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _is_manifest(path: Path) -> bool:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and told.get("content_hash") == _content_hash(told)
