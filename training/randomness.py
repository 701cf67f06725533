"""Seeds for libraries that draw from global random states, without leaving a trace in them."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it Python, numpy and torch draw from `seed`; afterwards their states are as they were."""
    import torch
    from transformers import set_seed

    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - kept, not used
    with torch.random.fork_rng():
        set_seed(seed % 2**32)
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)  # noqa: NPY002 - given back
