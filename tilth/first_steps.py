"""The first step of a project: a folder with a commented project file."""

import json
import re
from importlib.resources import files
from pathlib import Path

from store.errors import RequestError
from tilth.project_file import FILE_NAME


class ProjectExists(RequestError):
    """There is a project already."""


def make_project(folder: Path, *, contact: str = "") -> Path:
    """Make `folder` with a commented `tilth.toml`, and give the file's path.

    Raises:
        ProjectExists: The folder has a project file; it is left as it is.
    """
    path = folder / FILE_NAME
    if path.exists():
        raise ProjectExists(f"{path} is there already; edit it, or choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^\w-]+", "-", folder.resolve().name).strip("-")[:50] or "project"
    template = (files("tilth") / "project_template.toml").read_text(encoding="utf-8")
    text = template.replace('"NAME"', json.dumps(name)).replace('"CONTACT"', json.dumps(contact))
    path.write_text(text, encoding="utf-8")
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text(
            "studio/\nsessions/\npii.key\n*.duckdb*\nfrontier.sqlite*\nwarc/\nmedia/\nmodels/\nruns/\nreleases/\nsimulations/\nreport.html\n",
            encoding="utf-8",
        )
    return path
