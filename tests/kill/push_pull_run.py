"""One push or pull in a process of its own, which kills itself with SIGKILL at a chosen moment."""

import json
import os
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import labeling.push
import labeling.studio_client
from labeling.pull import pull
from labeling.push import push
from labeling.studio_client import StudioClient
from labeling.studio_project import StudioProject
from store.database import Store
from store.label_schema import LabelSchema
from tests.integration.conftest import add_letters, choose

# Small, so that a few records make several imports and several pages.
CHUNK, PAGE = 8, 4
LETTERS, TWICE = 40, 3
SURE = json.dumps({"probabilities": {"praise": 0.75, "billing": 0.25}})

# Where a moment can fall: every call of these modules' functions and every return. Those that work row by row are not
# counted, or most moments would fall into them.
WATCHED = ("labeling.push", "labeling.pull", "labeling.studio_", "labeling.twins", "store.", "httpx._client")
ROW_BY_ROW = ("_task", "_item", "_moment", "_read", "_answer", "kind", "origin", "content_hash", "record_id")
ROW_BY_ROW_IN = ("labeling.kinds", "store.kinds", "store.label_schema")


@dataclass(frozen=True)
class Where:
    """What a run needs to find its store and its Label Studio project."""

    store: Path
    url: str
    token: str
    studio: str
    project_id: int
    schema: str


@dataclass(frozen=True)
class Moment:
    """When a run ends: `delay` seconds after its event number `event`, while it goes on."""

    event: int
    delay: float = 0.0


@dataclass(frozen=True)
class Event:
    """A moment that there was, and when, in seconds."""

    name: str
    at: float


def letters(store: Store) -> Any:
    """What the push is to send; the first ones are asked of two people."""
    ids = add_letters(store, LETTERS)
    both = choose(ids, prediction=SURE).to_pylist()
    for row in both[:TWICE]:
        row["answers_wanted"] = 2
    return choose(ids).schema, both


def run(step: str, where: Where, moment: Moment | None = None, events: Path | None = None) -> None:
    """Push or pull once.

    Args:
        step: `push` or `pull`.
        moment: When the process kills itself; without it, it runs to its end.
        events: A file for all moments that there were, as JSON.
    """
    import pyarrow as pa

    labeling.push.CHUNK, labeling.studio_client.PAGE = CHUNK, PAGE
    seen: list[Event] = []

    def watch(frame: FrameType, event: str, _: Any) -> None:
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if event not in ("call", "return") or not module.startswith(WATCHED) or module.startswith(ROW_BY_ROW_IN):
            return
        if name.startswith("<") or name in ROW_BY_ROW:
            return
        if moment is not None and len(seen) == moment.event:
            if moment.delay:
                threading.Timer(moment.delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        seen.append(Event(f"{event} {module}.{name}", time.monotonic()))

    with Store(where.store) as store:
        project = StudioProject(
            StudioClient(where.url, where.token, studio=where.studio),
            where.project_id,
            LabelSchema.from_json(where.schema),
        )
        schema, rows = letters(store)
        store.let_go()
        threading.setprofile(watch)
        sys.setprofile(watch)
        if step == "push":
            push(store, project, pa.Table.from_pylist(rows, schema=schema))
        else:
            pull(store, project)
        sys.setprofile(None)
        threading.setprofile(None)
        project.client.close()
    if events is not None:
        events.write_text(json.dumps([asdict(event) for event in seen]))
