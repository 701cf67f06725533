"""The verbs around a project: init, doctor, status, demo."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from tilth.cli.console import print_json, print_rows, say

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def init(
    folder: Annotated[Path, typer.Argument(help="Where the project shall be.")],
    contact: Annotated[
        str | None,
        typer.Option(help="An address that site owners can write to; it stands in the crawler's user agent."),
    ] = None,
) -> None:
    """Make a folder with a commented project file.

    Asks for a contact where a person is there to answer: sites are crawled only under one.
    """
    from tilth.first_steps import make_project

    if contact is None and sys.stdin.isatty():
        contact = typer.prompt(
            "An address that the owners of crawled sites can write to, such as you@example.org (empty: add it later)",
            default="",
            show_default=False,
        )
    path = make_project(folder, contact=contact or "")
    say(f"Made {path}. Say there what you gather and what you ask, then: tilth --project {folder} crawl")


def doctor(
    context: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Install what is missing: a browser, Label Studio.")] = False,
    as_json: Json = False,
) -> None:
    """Say what this machine lacks, and the remedy."""
    from tilth import doctor as machine

    if fix:
        machine.fix(say)
    checks = machine.checks(context.obj.folder)
    if as_json:
        print_json([vars(check) for check in checks])
    else:
        print_rows(
            "", ["", "what", "found", "to do"], [["ok" if c.ok else "--", c.name, c.detail, c.remedy] for c in checks]
        )
    if not all(check.ok or not check.required for check in checks):
        raise typer.Exit(1)


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show where the project stands, and what to do next."""
    from tilth.status import project_status

    found = project_status(context.obj)
    if as_json:
        print_json(found.as_dict())
        return
    print_rows(found.name, ["", ""], [[name, value] for name, value in found.counts.items()])
    if found.rounds:
        columns = ["round", "state", "strategy", "labels", "accuracy", "from", "to", "control arm"]
        print_rows("Rounds", columns, found.rounds)
    for line in found.proof:
        say(line)
    say(f"Next: {found.next_step}")


def demo(
    folder: Annotated[Path, typer.Argument(help="Where the demo's project shall be; made anew.")] = Path("tilth-demo"),
    keep: Annotated[bool, typer.Option("--keep", help="Leave Label Studio running at the end.")] = False,
) -> None:
    """Run the whole job on a small site of its own.

    It crawls a village board that comes with tilth, has simulated annotators answer in Label Studio, learns in five
    rounds, lets them look again at suspicious labels, publishes into a folder and writes the report.
    """
    from tilth.demo.run import run_demo

    run_demo(folder.resolve(), keep=keep, say=say)


def add_verbs(app: typer.Typer) -> None:
    """Put these verbs on the command line."""
    for verb in (init, doctor, status, demo):
        app.command()(verb)
