"""Run the stages of `make test` one after another, quickest first, and close with one line over all tests.

Every stage runs even when one before it failed, so that one run shows all that is wrong. All of them together may take
70 minutes, three times what they take on two free cores: a busy machine is no failure, a test that hangs is one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LIMIT_SECONDS = 70 * 60
# More workers than cores only slow each other down, and each holds its own copy of torch in memory.
WORKERS = max(1, min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))

STAGES: dict[str, tuple[tuple[str, ...], ...]] = {
    "lint": (("ruff", "check", "."), ("ruff", "format", "--check", ".")),
    "types": (("mypy",),),
    "floors": (("lint-imports",),),
    "unit": (
        ("pytest", "tests", "--ignore=tests/integration", "--ignore=tests/kill", f"-n{WORKERS}", "--dist=loadfile"),
    ),
    # A file stays with one worker; they share one Label Studio.
    "integration": (("pytest", "tests/integration", f"-n{WORKERS}", "--dist=loadfile", "--durations=10"),),
    "kill": (("pytest", "tests/kill", f"-n{WORKERS}", "--dist=loadfile", "--durations=5"),),
}


@dataclass
class Counts:
    """What pytest counted, over all stages."""

    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0

    def add(self, junit: Path) -> None:
        try:
            suites = list(ElementTree.parse(junit).iter("testsuite"))
        except (OSError, ElementTree.ParseError):
            self.errors += 1  # ended before it could count
            return
        for suite in suites:
            failed, errors, skipped = (int(suite.get(name, 0)) for name in ("failures", "errors", "skipped"))
            self.passed += int(suite.get("tests", 0)) - failed - errors - skipped
            self.failed += failed
            self.errors += errors
            self.skipped += skipped

    def __str__(self) -> str:
        counted = (("failed", self.failed), ("passed", self.passed), ("skipped", self.skipped), ("errors", self.errors))
        return ", ".join(f"{number} {name}" for name, number in counted if number)


def run(command: tuple[str, ...], deadline: float, threads: int) -> int:
    """Run one command in the project's root until it ends or the deadline comes; 124 for the deadline."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
    child = subprocess.Popen(
        [BIN / command[0], *command[1:]], cwd=ROOT, stdin=subprocess.DEVNULL, env=environment, start_new_session=True
    )
    try:
        return child.wait(timeout=max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return 124
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def run_stage(name: str, deadline: float, counts: Counts) -> int:
    """Run a stage's commands, all of them; the first failure's exit code."""
    code = 0
    for command in STAGES[name]:
        if command[0] != "pytest":
            code = run(command, deadline, threads=1) or code
            continue
        with tempfile.TemporaryDirectory() as folder:
            junit = Path(folder) / "counts.xml"
            threads = 1 if name == "unit" else WORKERS
            code = run((*command, f"--junit-xml={junit}"), deadline, threads) or code
            counts.add(junit)
    return code


def main() -> int:
    asked = sys.argv[1:]
    unknown = [name for name in asked if name not in STAGES]
    if unknown or not asked:
        print(f"usage: python tools/run_stages.py {' '.join(f'[{name}]' for name in STAGES)}", file=sys.stderr)
        return 2
    # A stage runs in a session of its own: whoever ends this process must end that as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    counts, lines, failed = Counts(), [], False
    for name in asked:
        print(f"\n== {name}", flush=True)
        started = time.monotonic()
        code = run_stage(name, began + LIMIT_SECONDS, counts)
        failed = failed or code != 0
        how = "ok" if code == 0 else f"ended at the limit of {LIMIT_SECONDS // 60} minutes" if code == 124 else "failed"
        lines.append(f"  {name:<12} {time.monotonic() - started:6.0f} s  {how}")
    print("\n== stages", *lines, sep="\n")
    summary = str(counts) or ("failed" if failed else "ok")
    print(f"{f' {summary} in {time.monotonic() - began:.2f}s ':=^80}", flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
