"""Ends the crawl's browsers when the crawl has died, however it died.

Chromium ends by itself when its owner goes, but not when it hangs or is stopped, and its owner's driver waits for it.
So a process of its own waits for the end of its standard input, which the crawl holds open, and then ends every process
that bears the crawl's mark on its command line, with all that these started.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

LOOKS = 10
"""A Chromium may be about to start while the crawl dies: it is looked for so many times, half a second apart."""


def start_watch(mark: str) -> subprocess.Popen[bytes]:
    """Start the watch over the processes that have `mark` among their arguments; closing its `stdin` sets it off."""
    return subprocess.Popen(
        [sys.executable, "-m", "crawlers.browser.watch", mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C and a kill of the crawl's process group are not for it
    )


def end_marked(mark: str) -> int:
    """Kill every process but this one that has `mark` among its arguments, with descendants; how many there were."""
    import psutil

    ended = 0
    for process in psutil.process_iter(["cmdline"]):
        if process.pid != os.getpid() and mark in (process.info["cmdline"] or ()):
            ended += end_tree(process.pid)
    return ended


def runs(pid: int) -> bool:
    """Whether the process runs: not ended, nor ended and only not yet noticed by its parent."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def end_tree(pid: int) -> int:
    """Kill a process and its descendants; how many there were."""
    import psutil

    try:
        top = psutil.Process(pid)
        family = [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            pass
    return len(family)


def main() -> None:
    """Wait for the end of standard input, then look until nothing is found any more."""
    sys.stdin.buffer.read()
    for _ in range(LOOKS):
        end_marked(sys.argv[1])
        time.sleep(0.5)


if __name__ == "__main__":
    main()
