"""The command line: one module a group of verbs; what a verb needs is imported when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from tilth.cli import begin, gather, give, label, learn, try_url

app = typer.Typer(
    name="tilth",
    help="Makes data ready for a model: gathers it, has people label it, finds the labels that are wrong, says "
    "what to label "
    "next, and publishes a dataset that can answer for every row.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the boxes around the help would cost a fifth of a second
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    context: typer.Context,
    project: Annotated[Path, typer.Option("--project", "-C", help="The project's folder.")] = Path(),
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,  # noqa: ARG001
) -> None:
    """Every verb works on the project in the current folder, or on `--project DIR`."""
    from tilth.project import Project

    context.obj = Project(project.resolve())


for group in (begin, try_url, gather, label, learn, give):
    group.add_verbs(app)
