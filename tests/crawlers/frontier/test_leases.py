"""Who has requests in hand, and whether it lives."""

import subprocess
import sys
import time

import psutil

from crawlers.frontier.leases import lives, this_process


def test_this_process_lives() -> None:
    assert lives(this_process())


def test_another_process_of_the_same_number_is_not_the_one_that_was_meant() -> None:
    pid, _, began = this_process().partition(":")
    assert not lives(f"{pid}:{float(began) - 60:.2f}")


def test_a_process_that_ended_is_dead_also_while_nobody_has_asked_how_it_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    process = psutil.Process(child.pid)
    owner = f"{child.pid}:{process.create_time():.2f}"
    while process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert not lives(owner)
    child.wait()
    assert not lives(owner)
