"""The demo, from an empty folder to the report: how long it takes, how much memory, what the second looks put right.

Memory is the sum over the demo and all that it starts (the crawl, the browser, Label Studio), sampled four times a
second as proportional set size, which counts a page that several processes share once.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from claim import Proof, arguments, at_least, at_most, reported

MINUTES, GIGABYTES, SHARE = 5.0, 3.0, 0.5


def memory_of(process: psutil.Process) -> float:
    """Gigabytes of a process and everything it started, Label Studio too, which runs detached."""
    total = 0
    members = [process, *process.children(recursive=True)]
    members += [
        one for one in psutil.process_iter(["cmdline"]) if "label-studio" in " ".join(one.info["cmdline"] or [])
    ]
    for one in {member.pid: member for member in members}.values():
        try:
            total += one.memory_full_info().pss
        except (psutil.Error, AttributeError):
            continue
    return total / 1e9


def main() -> int:
    """Measure and publish; the exit code says whether the claim holds."""
    options = arguments(__doc__)
    proof = Proof("demo", "one run of `tilth demo` against what it may take", quick=options.quick)
    with tempfile.TemporaryDirectory() as place, (Path(place) / "said").open("w+") as said:
        began, peak = time.monotonic(), 0.0
        command = [sys.executable, "-m", "tilth", "demo", str(Path(place) / "demo")]
        with subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT) as demo:
            watched = psutil.Process(demo.pid)
            while demo.poll() is None:
                peak = max(peak, memory_of(watched))
                time.sleep(0.25)
        seconds = time.monotonic() - began
        said.seek(0)
        text = said.read()
    print(text)
    found = re.search(r"gave (\d+) wrong answers. A second look corrected (\d+) .*?outvoted (\d+)", text, re.DOTALL)
    wrong, corrected, outvoted = (int(number) for number in found.groups()) if found else (0, 0, 0)
    accuracy = re.search(r"corrected labels: accuracy on the holdout ([\d.]+)", text)
    proof.add(at_most("the demo ends by itself within", seconds / 60, MINUTES, unit="minutes"))
    proof.add(at_most("peak memory of all its processes", peak, GIGABYTES, unit="GB"))
    proof.add(reported("wrong answers given", wrong, unit="answers"))
    proof.add(at_least("share of them that second looks corrected", corrected / max(wrong, 1), SHARE, unit="share"))
    proof.add(reported("share of them that another person's answer outvoted", outvoted / max(wrong, 1), unit="share"))
    proof.add(
        reported("accuracy on the demo's holdout at its end", float(accuracy[1]) if accuracy else 0.0, unit="share")
    )
    proof.add(at_most("exit code", demo.returncode, 0, unit=""))
    return proof.publish()


if __name__ == "__main__":
    raise SystemExit(main())
