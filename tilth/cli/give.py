"""The verbs that give something away: report, snapshot, publish."""

from pathlib import Path
from typing import Annotated

import typer

from tilth.cli.console import print_json, say


def report(
    context: typer.Context,
    to: Annotated[Path | None, typer.Option("--to", help="The file; report.html in the project without it.")] = None,
) -> None:
    """Write one HTML page with the pictures.

    It holds all it needs and opens offline.
    """
    from tilth.report import write_report

    path = to or context.obj.folder / "report.html"
    write_report(context.obj, path, say=say)
    say(f"Wrote {path}")


def snapshot(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Keep the labelled data as it is now.

    Under the hash of its content; it can be built again after later answers.
    """
    from tilth.publishing import snapshot_project

    taken = snapshot_project(context.obj)
    if as_json:
        print_json({"snapshot_id": taken.snapshot_id, "rows": taken.rows, **taken.manifest})
    else:
        say(f"Snapshot {taken.snapshot_id}: {taken.rows} records, {taken.manifest['splits']}.")


def publish(
    context: typer.Context,
    to: Annotated[Path | None, typer.Option("--to", help="Write the release into this folder.")] = None,
    hub: Annotated[
        str | None, typer.Option("--hub", help="The dataset on the Hub, user/name; default: [project] hub.")
    ] = None,
) -> None:
    """Publish a release.

    Into a folder with --to, else to the Hugging Face Hub in one commit. When nothing changed, nothing happens.
    """
    from tilth.publishing import publish_project

    for line in publish_project(context.obj, to=to, hub=hub, say=say):
        say(line)


def add_verbs(app: typer.Typer) -> None:
    """Put these verbs on the command line."""
    for verb in (report, snapshot, publish):
        app.command()(verb)
