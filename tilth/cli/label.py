"""The verbs between the store and people: studio, push, pull, audit."""

from typing import Annotated

import typer

from tilth.cli.console import print_json, print_rows, say
from tilth.strategy_names import IN_A_LIST

studio = typer.Typer(help="The Label Studio that people answer in.", no_args_is_help=True)


@studio.command()
def up(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help="The port; a free one is chosen without it.")] = None,
    restore_config: Annotated[
        bool, typer.Option("--restore-config", help="Put the labeling set-up back that was edited by hand.")
    ] = False,
    new_project: Annotated[
        bool, typer.Option("--new-project", help="Begin a new project there, when the old one was deleted.")
    ] = False,
) -> None:
    """Start Label Studio (installing it the first time) and make the project from the schema."""
    from tilth.people import studio_up

    for line in studio_up(context.obj, port=port, restore=restore_config, new_project=new_project, say=say):
        say(line)


@studio.command()
def down(context: typer.Context) -> None:
    """Stop the embedded Label Studio; what was answered stays."""
    from tilth.people import studio_down

    say(studio_down(context.obj))


def push(
    context: typer.Context,
    n: Annotated[
        int | None, typer.Option("-n", min=1, help="Choose so many records of the pool now, and send them.")
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(help=f"With -n, how they are chosen: {IN_A_LIST}. [rounds] strategy unless given."),
    ] = None,
    issues: Annotated[
        bool, typer.Option("--issues", help="Send the suspicious labels back to be looked at again.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="With --issues: at most so many, the most suspicious first.")
    ] = None,
) -> None:
    """Send records to people.

    Those that were chosen and not yet sent; with -n new ones, with --issues the suspicious labels.
    """
    from tilth.people import push_chosen

    for line in push_chosen(context.obj, n=n, strategy=strategy, issues=issues, limit=limit, say=say):
        say(line)


def pull(context: typer.Context) -> None:
    """Bring in what people answered since.

    A changed answer is kept beside the old one, one that was taken back is marked; then the labels are resolved.
    """
    from tilth.people import pull_answers

    for line in pull_answers(context.obj, say=say):
        say(line)


def audit(
    context: typer.Context,
    show: Annotated[int, typer.Option(min=0, help="How many suspicious labels to print.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find labels that are probably wrong.

    And say how well the annotators agree, and how good each of them is. `tilth push --issues` sends the suspicious
    labels back to people.
    """
    from tilth.people import audit_project

    found = audit_project(context.obj, show=show, say=say if not as_json else lambda _: None)
    if as_json:
        print_json(found.as_dict())
        return
    for line in found.lines:
        say(line)
    if found.suspicious:
        print_rows("Most suspicious", ["score", "label", "rather", "text"], found.suspicious)
    if found.annotators:
        print_rows(
            "Annotators",
            ["name", "answers", "agrees with the label", "estimated right", "seconds an answer"],
            found.annotators,
        )


def add_verbs(app: typer.Typer) -> None:
    """Put these verbs on the command line."""
    app.add_typer(studio, name="studio")
    for verb in (push, pull, audit):
        app.command()(verb)
