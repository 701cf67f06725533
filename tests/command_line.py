"""Running a verb of the command line in this process, which has the heavy libraries loaded already."""

import contextlib
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from store.database import Store
from tilth.main import main


@dataclass(frozen=True)
class Ran:
    """What a verb printed, and its exit code."""

    code: int
    out: str
    err: str

    def refused(self, code: int = 2) -> str:
        """What it said when it refused, checked for the form that every refusal has."""
        assert self.code == code, f"exit code {self.code}\n{self.out}\n{self.err}"
        assert self.err.startswith("tilth: "), self.err
        assert "Traceback" not in self.err
        for line in self.err.strip().splitlines():
            assert line.startswith("tilth: "), f"no sentence of ours: {line}"
            assert len(line) < 500, f"too long: {line}"
            print(line)
        return self.err.removeprefix("tilth: ").strip()


def tilth(*arguments: str | Path, project: Path | None = None) -> Ran:
    """Run `tilth ARGUMENTS`, in `project` where one is given."""
    out, err = io.StringIO(), io.StringIO()
    line = ["tilth", *(["--project", str(project)] if project else []), *map(str, arguments)]
    code: object = 0
    with mock.patch.object(sys, "argv", line), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    assert isinstance(code, int)
    return Ran(code, out.getvalue(), err.getvalue())


def done(*arguments: str | Path, project: Path | None = None) -> str:
    """Run a verb that must end well, and give what it printed."""
    ran = tilth(*arguments, project=project)
    assert ran.code == 0, f"{arguments}: exit code {ran.code}\n{ran.out}\n{ran.err}"
    return ran.out


def what_must_stay(project: Path) -> dict[str, list[dict[str, object]]]:
    """The rows that a refused request leaves as they were."""
    tables = (
        "records",
        "annotations",
        "labels",
        "splits",
        "assignments",
        "models",
        "predictions",
        "rounds",
        "releases",
    )
    with Store(project / "tilth.duckdb") as store:
        return {table: store.read(f"SELECT * FROM {table} ORDER BY ALL").to_pylist() for table in tables}
