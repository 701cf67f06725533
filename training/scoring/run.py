"""Many batches through one pass: by several threads, and in smaller pieces where memory runs short."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice

import numpy as np

from training.errors import OutOfMemory
from training.out_of_memory import free_memory, is_out_of_memory
from training.scoring.batches import Rows
from training.scoring.passes import Pass, Vectors
from training.scoring.views import View

Done = Callable[[int], None]


def vectors_of(
    through: Pass,
    tokens: list[list[int]],
    views: Sequence[View],
    *,
    workers: int,
    done: Done | None = None,
) -> dict[View, Vectors]:
    """Vectors (N, D) float32 of N tokenised texts for each view, in their order.

    Args:
        through: The way through the encoder.
        tokens: Token ids of each text.
        views: What is asked for.
        workers: Threads that take a batch each, with one thread of torch each; 1 leaves torch its own threads.
        done: Called with the number of texts after each batch, in the calling thread.

    Raises:
        OutOfMemory: A text does not fit in memory even alone; `row` names it.
    """
    lengths = [len(ids) for ids in tokens]
    batches = list(through.batches(lengths, workers))
    vectors: dict[View, Vectors] = {}
    for rows, found in _each(through, tokens, batches, views, min(workers, len(batches))):
        for view, some in found.items():
            if view not in vectors:
                vectors[view] = np.zeros((len(tokens), some.shape[1]), dtype=np.float32)
            vectors[view][rows] = some
        if done is not None:
            done(len(rows))
    return vectors


def one_batch(
    through: Pass, tokens: list[list[int]], rows: Rows, views: Sequence[View]
) -> list[tuple[Rows, dict[View, Vectors]]]:
    """Vectors of these rows; where memory runs out the batch is halved, and the halves again.

    Raises:
        OutOfMemory: One text alone does not fit.
    """
    some = [tokens[int(row)] for row in rows]
    # Batches are cut before the first of them is computed; what was cut too large shrinks as well.
    if len(rows) == 1 or sum(map(len, some)) <= through.tokens:
        try:
            return [(rows, through.vectors(some, views))]
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if len(rows) == 1:
                said = f"A text of {len(some[0])} tokens does not fit in memory even alone."
                raise OutOfMemory(said, row=int(rows[0])) from error
        through.tokens = max(1, min(through.tokens, sum(map(len, some))) // 2)
        free_memory()
    half = len(rows) // 2
    return one_batch(through, tokens, rows[:half], views) + one_batch(through, tokens, rows[half:], views)


def cores() -> int:
    """How many cores torch may use here: the processor's, or what OMP_NUM_THREADS or a caller left it."""
    import torch

    return int(torch.get_num_threads())


def _each(
    through: Pass, tokens: list[list[int]], batches: list[Rows], views: Sequence[View], workers: int
) -> Iterator[tuple[Rows, dict[View, Vectors]]]:
    if workers <= 1:
        for rows in batches:
            yield from one_batch(through, tokens, rows, views)
        return
    with torch_threads(workers) as threads:
        waiting = iter(batches)
        running: set[Future[list[tuple[Rows, dict[View, Vectors]]]]] = {
            threads.submit(one_batch, through, tokens, rows, views) for rows in islice(waiting, 2 * workers)
        }
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for one in finished:
                yield from one.result()
            running |= {
                threads.submit(one_batch, through, tokens, rows, views) for rows in islice(waiting, len(finished))
            }


@contextmanager
def torch_threads(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Threads of one thread of torch each, or of their share of what the caller has; it is as before when they end."""
    import torch

    before = torch.get_num_threads()
    each = max(1, before // workers)
    threads = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(each,))
    # The caller's own work too: torch's threads that wait for one another would take the cores from these.
    torch.set_num_threads(each)
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)
        # Set in a thread, the number is also what threads that start later get.
        torch.set_num_threads(before)
