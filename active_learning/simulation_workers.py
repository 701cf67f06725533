"""A simulation over the cores: processes that each play one arm at a time, and give its rounds as they come.

The parent alone keeps what was played. A worker that dies loses the round in its hands; a worker whose parent died ends
at the next thing it says. Each has one thread, so that as many run as there are cores, and a result does not turn with
their number.
"""

import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from store.errors import TilthError

if TYPE_CHECKING:
    from active_learning.simulate import Play
    from active_learning.simulated_arm import Arm, Played

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# A process that begins anew, with no threads or locks of this one.
PROCESSES = multiprocessing.get_context("spawn")


class WorkerDied(TilthError):
    """A process that played an arm came to its end in the middle of it."""


@dataclass(frozen=True)
class Failed:
    """What a worker says in place of a round when an arm cannot be played."""

    error: TilthError | None
    said: str


def play_in_processes(
    play: "Play", arms: Sequence["Arm"], known: Mapping["Arm", Mapping[int, "Played"]], jobs: int
) -> Iterator[tuple["Arm", "Played"]]:
    """Each round of each arm as soon as it is played; what `known` has is not played again.

    Args:
        play: What is played with; every worker is given it once.
        arms: Taken in this order by whichever worker is free.
        known: The rounds of an arm that were played before.
        jobs: How many processes.

    Raises:
        WorkerDied: A process was killed, or could not say why it ended.
        TilthError: What a classifier or strategy raised.
    """
    waiting = list(reversed(arms))
    with ExitStack() as stack:
        started = [_start(stack) for _ in range(min(jobs, len(arms)))]
        pickled = pickle.dumps(play)
        busy: dict[Connection, tuple[Arm, BaseProcess]] = {}
        for connection, process in started:
            try:
                connection.send_bytes(pickled)
            except OSError as error:
                raise _died(process) from error
            _give(connection, process, waiting.pop(), known, busy)
        while busy:
            for ready in wait(list(busy)):
                assert isinstance(ready, Connection)
                connection = ready
                arm, process = busy[connection]
                said = _hear(connection, arm, process)
                if said is not None:
                    yield arm, said
                    continue
                del busy[connection]
                if waiting:
                    _give(connection, process, waiting.pop(), known, busy)


def _start(stack: ExitStack) -> tuple[Connection, BaseProcess]:
    """A worker and the way to it; it is ended with the stack."""
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=work, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    stack.callback(process.join)
    stack.callback(process.terminate)
    stack.callback(ours.close)
    return ours, process


def _give(
    connection: Connection,
    process: BaseProcess,
    arm: "Arm",
    known: Mapping["Arm", Mapping[int, "Played"]],
    busy: dict[Connection, tuple["Arm", BaseProcess]],
) -> None:
    try:
        connection.send((arm, known.get(arm, {})))
    except OSError as error:
        raise _died(process) from error
    busy[connection] = (arm, process)


def _hear(connection: Connection, arm: "Arm", process: BaseProcess) -> "Played | None":
    """The next round of the arm; None when it has no more."""
    try:
        said: Played | Failed | None = connection.recv()
    except (EOFError, OSError) as error:
        raise _died(process) from error
    if isinstance(said, Failed):
        raise said.error or WorkerDied(f"{arm.strategy} with {arm.rung}, seed {arm.seed}: {said.said}")
    return said


def _died(process: BaseProcess) -> WorkerDied:
    process.join(5)
    code = process.exitcode or 0
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return WorkerDied(
        f"A process of the simulation ended ({how}), perhaps for want of memory. What was played is kept: run it "
        "again, with fewer --jobs if that was it."
    )


def work(parent: Connection) -> None:
    """Play arms for the parent until it has no more, or is gone."""
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who ends this process
    try:
        play: Play = pickle.loads(parent.recv_bytes())  # our own parent's
        while True:
            arm, known = parent.recv()
            _play(parent, play, arm, known)
    except (EOFError, OSError):
        return


def _play(parent: Connection, play: "Play", arm: "Arm", known: Mapping[int, "Played"]) -> None:
    from threadpoolctl import threadpool_limits

    rounds = play.rounds(arm, known)
    said: Played | Failed | None
    while True:
        # Where torch was imported before the environment said one.
        if "torch" in sys.modules and sys.modules["torch"].get_num_threads() > 1:
            sys.modules["torch"].set_num_threads(1)
        try:
            with threadpool_limits(1):
                said = next(rounds, None)
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent says it
            said = _failed(error)
        parent.send(said)
        if said is None or isinstance(said, Failed):
            return


def _failed(error: Exception) -> Failed:
    if not isinstance(error, TilthError):
        return Failed(None, f"{type(error).__name__}: {error}")
    try:
        pickle.loads(pickle.dumps(error))  # some errors come back only as what they say
    except Exception:  # noqa: BLE001
        return Failed(None, str(error))
    return Failed(error, str(error))
