"""Which way through the encoder a machine takes, with how many threads."""

from dataclasses import dataclass

from training.scoring.passes import Pass
from training.scoring.run import cores

# More threads would wait for one another at Python's lock; each then has several threads of torch's.
MOST_WORKERS = 16


@dataclass(frozen=True)
class Way:
    """How vectors are computed.

    Attributes:
        through: The pass that is taken.
        workers: Threads that take a batch each.
        why: What led to it, in a line for a person.
    """

    through: Pass
    workers: int
    why: str


def usual_way(through: Pass) -> Way:
    """Without a measurement: torch; on a CPU a batch for each core, since cores that share a batch wait at its ends."""
    on_cpu = through.device.name == "cpu"
    workers = min(cores(), MOST_WORKERS) if on_cpu else 1
    return Way(through, workers, f"PyTorch, {through.name} batches, {workers} at a time; nothing was measured")
