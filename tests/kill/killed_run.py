"""Running a push or a pull in another process, killing it, and drawing the moments at which to."""

import json
import multiprocessing
import random
import signal
from pathlib import Path

from tests.kill.push_pull_run import Event, Moment, Where, run

# A server process that has imported what a run needs, and forks for each.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.kill.push_pull_run", "label_studio_sdk.client"])
COMMIT = "call store.database._clear_about_the_disk"


def in_another_process(step: str, where: Where, moment: Moment | None = None, events: Path | None = None) -> int | None:
    """Push or pull in another process; its exit code, negative where a signal ended it."""
    process = PROCESSES.Process(target=run, args=(step, where, moment, events))
    process.start()
    process.join(300)
    assert process.exitcode is not None, "the run neither ended nor was killed"
    return process.exitcode


def undisturbed(step: str, where: Where, folder: Path) -> list[Event]:
    """Run once to the end, and give all moments that there were."""
    events = folder / "events.json"
    assert in_another_process(step, where, events=events) == 0
    return [Event(**event) for event in json.loads(events.read_text())]


def moments(events: list[Event], count: int, seed: int, *, waits: str) -> list[Moment]:
    """`count` moments between the first and the last durable write, in order.

    Half of them fall on a call or a return, half while the server works on a request, that is inside the call `waits`.
    """
    rng = random.Random(seed)
    writes = [place for place, event in enumerate(events) if event.name == COMMIT]
    first, last = writes[0] + 1, writes[-1]
    drawn = [Moment(event) for event in sorted(rng.sample(range(first, last + 1), count - count // 2))]
    requests = [place for place in range(first, last) if events[place].name == f"call {waits}"]
    for place in (rng.choice(requests) for _ in range(count // 2)):
        ends = next(later.at for later in events[place:] if later.name == f"return {waits}")
        drawn.append(Moment(place, rng.uniform(0.01, 0.9) * (ends - events[place].at)))
    return sorted(drawn, key=lambda moment: (moment.event, moment.delay))


def describe(moment: Moment, events: list[Event]) -> str:
    """A moment as a reader can find it."""
    after = f" + {1000 * moment.delay:.0f} ms" if moment.delay else ""
    return f"moment {moment.event} of {len(events)}{after}: {events[moment.event].name}"


def killed(exit_code: int | None) -> bool:
    """Whether SIGKILL ended the run."""
    return exit_code == -signal.SIGKILL
