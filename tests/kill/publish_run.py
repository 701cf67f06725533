"""One publish in a process of its own, which kills itself with SIGKILL at a chosen moment."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from store.database import Store
from store.release.build import build_release
from store.release.facts import ReleaseFacts, source_facts
from store.release.folder import publish_to_folder
from store.release.hub import publish_to_hub
from store.snapshots import take_snapshot
from tests.store.labelled_store import AT, SCHEMA

# Where a moment can fall: every call from these modules and every return to them. Functions that work row by row are
# not counted, or most moments would fall into them.
WATCHED = ("store.snapshots", "store.release", "store.database", "huggingface_hub._commit_api", "huggingface_hub.lfs")
ROW_BY_ROW = (
    "rows_hash",
    "_canonical",
    "_counts",
    "_present_rows",
    "_whole_groups",
    "_labelled",
    "_class_counts",
    "root",
)


def publish(project: Path, endpoint: str, repo_id: str, kill_at: int | None, moments: Path | None) -> None:
    """Take a snapshot, build its release, publish it to a folder and to the Hub.

    Args:
        kill_at: The number of the moment at which the process ends; none, to run undisturbed.
        moments: A file for the names of all moments, one a line.
    """
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_XET = True
    constants.HF_HUB_OFFLINE = False
    os.environ.update(HF_ENDPOINT=endpoint, HF_TOKEN="hf_writer")
    seen: list[str] = []

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if not module.startswith(WATCHED) or name.startswith("<") or name in ROW_BY_ROW:
            return
        if len(seen) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        seen.append(f"{event} {module}.{name} {getattr(argument, '__name__', '') if event.startswith('c_') else ''}")

    with Store(project / "tilth.duckdb") as store:
        store.let_go()
        sys.setprofile(watch)
        taken = take_snapshot(store, SCHEMA, at=AT)
        facts = ReleaseFacts("forum", "", "mit", ("en",), SCHEMA, sources=source_facts(store, taken.made_at))
        release = build_release(store, taken.snapshot_id, project / "releases" / "now", facts)
        publish_to_folder(store, release, project / "published" / "forum")
        publish_to_hub(store, release, repo_id)
        sys.setprofile(None)
    if moments:
        moments.write_text("\n".join(seen), encoding="utf-8")
