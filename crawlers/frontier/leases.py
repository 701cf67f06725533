"""Who has requests in hand, and whether it lives."""

import os
from functools import cache

import psutil

from store.errors import TilthError


class LeaseLost(TilthError):
    """A request that was to be ended is no longer this process's: the frontier was begun anew, or it was released."""


@cache
def this_process() -> str:
    """Names this process among all that ever ran on the machine: its pid and when it began."""
    return f"{os.getpid()}:{psutil.Process().create_time():.2f}"


def lives(owner: str) -> bool:
    """Whether the process of that name still runs."""
    pid, _, began = owner.partition(":")
    try:
        process = psutil.Process(int(pid))
        # One that has ended keeps its pid until its parent asks for it; in a container nobody may ever do.
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - float(began)) < 0.05
    except (psutil.Error, ValueError):
        return False
