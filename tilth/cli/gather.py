"""The verbs that bring records in: crawl, import, curate."""

import json
from typing import Annotated

import typer

from tilth.cli.console import print_json, print_rows, progress, say, warn


def crawl(
    context: typer.Context,
    source: Annotated[str | None, typer.Argument(help="The source's name; unless given, all of them.")] = None,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart", help="Fetch all of it anew, as if for the first time; records, answers and WARC files stay."
        ),
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and bring in the new entries of feeds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    as_lines: Annotated[
        bool, typer.Option("--json-lines", help="Print a line of JSON each second, and the result as the last.")
    ] = False,
) -> None:
    """Run the sources of the project file; what was cut off goes on."""
    from tilth.cli.live_view import live_view
    from tilth.gathering import crawl_sources

    if watch:
        _watch(context, source, restart=restart, as_lines=as_lines or as_json)
        return
    silent = as_json or as_lines
    with live_view(as_lines=as_lines, quiet=as_json) as show:
        result = crawl_sources(context.obj, source, show, (lambda _: None) if silent else say, restart=restart)
    if as_lines:
        print(json.dumps(result.as_dict(), ensure_ascii=False))
    elif as_json:
        print_json(result.as_dict())
    else:
        for line in result.lines():
            say(line)
        for line in result.troubles:
            warn(line)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _watch(context: typer.Context, source: str | None, *, restart: bool, as_lines: bool) -> None:
    from store.errors import RequestError
    from tilth.gathering import watch_feeds, with_lines

    if restart:
        raise RequestError("--watch goes on where it was; run tilth crawl --restart once before it.")
    try:
        for look in watch_feeds(context.obj, source):
            found = with_lines(context.obj, look.result) if look.result is not None else None
            told = found.as_dict() if found is not None else {"broke_off": look.broke_off}
            if as_lines:
                line = {"feeds": look.names, "next_look_in_seconds": round(look.wait), **told}
                print(json.dumps(line, ensure_ascii=False), flush=True)
                continue
            new = found.result.records_new if found is not None else 0
            records = f"{new} new record{'' if new == 1 else 's'}"
            say(f"{', '.join(look.names)}: {records}; the next look is in {_in_words(look.wait)}.")
            for trouble in found.troubles if found is not None else [str(look.broke_off)]:
                warn(trouble)
    except KeyboardInterrupt:  # the way to end it
        if not as_lines:
            say("No longer watching; what was found is in the store.")


def _in_words(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"


def import_(
    context: typer.Context,
    place: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A CSV, TSV, JSON Lines, JSON or Parquet file, a text or an image, a folder, "
            "hf://owner/name[@revision], or, with --query, a database's URL: sqlite:///path, duckdb:///path, "
            "postgresql://user@host/name.",
        ),
    ],
    text: Annotated[str, typer.Option(help="The column with the text.")] = "text",
    label: Annotated[str | None, typer.Option(help="The column with the label, where there is one.")] = None,
    key: Annotated[str | None, typer.Option(help="The column with the row's own id.")] = None,
    split: Annotated[
        str | None, typer.Option(help="The column that says train, validation (dev, val), test or holdout.")
    ] = None,
    annotator: Annotated[str | None, typer.Option(help="The column that says who labelled the row.")] = None,
    name: Annotated[str | None, typer.Option(help="What to call this source; unless given, the file's name.")] = None,
    query: Annotated[str | None, typer.Option(help="What to ask a database: a SELECT.")] = None,
) -> None:
    """Bring in what you have, whole or not at all.

    A file of rows with or without labels, a folder of texts or images, a dataset on the Hub, a query on a database.
    """
    from tilth.gathering import import_records

    with progress("rows") as advance:
        for line in import_records(
            context.obj,
            place,
            text=text,
            label=label,
            key=key,
            split=split,
            annotator=annotator,
            name=name,
            query=query,
            advance=advance,
        ):
            say(line)


def curate(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be set aside; change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Set aside what people need not see.

    Near-equal records, other languages, notices and the frames of pages; and find personal data. Nothing is deleted.
    """
    from tilth import curating

    with progress("records") as advance:
        found = curating.curate_project(context.obj, advance, dry_run=dry_run)
    if as_json:
        print_json(curating.as_dict(found))
        return
    print_rows("Set aside", ["step", "found", "setting", "records"], curating.rows(found))
    for line in curating.lines(found):
        say(line)
    if dry_run:
        say("Nothing was changed.")


def add_verbs(app: typer.Typer) -> None:
    """Put these verbs on the command line."""
    app.command()(crawl)
    app.command("import")(import_)
    app.command()(curate)
