"""The verbs around models: fit, tune, evaluate, round, loop, simulate."""

from pathlib import Path
from typing import Annotated

import typer

from tilth.cli.console import print_json, print_rows, progress, say
from tilth.strategy_names import IN_A_LIST

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def fit(context: typer.Context) -> None:
    """Fit the model on what is labelled now."""
    from tilth.learning import fit_project

    for line in fit_project(context.obj, say=say):
        say(line)


def tune(
    context: typer.Context,
    trials: Annotated[
        int, typer.Option(min=1, help="How many settings are tried, those of a study begun counted.")
    ] = 20,
    model: Annotated[str | None, typer.Option(help="The model to tune; that of the project file unless given.")] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Forget what was found, and fit as ever.")] = False,
) -> None:
    """Try out settings of a model.

    What gives the least log loss out of fold is used from the next fit on. A study that was stopped goes on. It needs
    the extra `tune`.
    """
    from tilth.tuning import tune_project

    with progress("trials done") as advance:
        lines = list(tune_project(context.obj, model, trials=trials, forget=forget, advance=advance))
    for line in lines:
        say(line)


def evaluate(context: typer.Context, as_json: Json = False) -> None:
    """Measure the model on the holdout."""
    from tilth.learning import evaluate_project

    figures = evaluate_project(context.obj, say=say if not as_json else lambda _: None)
    if as_json:
        print_json(figures.metrics)
        return
    print_rows("On the holdout", ["", "value", "from", "to"], figures.scalars)
    print_rows("Per class", ["class", "precision", "recall", "F1", "records"], figures.per_class)
    for line in figures.lines:
        say(line)


def round_(
    context: typer.Context,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for people's answers instead of stopping there.")] = False,
    budget: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many answers a new round asks for, besides those of its holdout; [rounds] size says so unless "
            "given. They go to new records, second opinions and second looks, wherever each tells most.",
        ),
    ] = None,
) -> None:
    """Run one round of active learning.

    Score, select, push, wait for people, pull, audit, fit, evaluate. A round left open goes on where it stopped.
    """
    from tilth.learning import run_rounds

    for line in run_rounds(context.obj, rounds=1, wait=wait, answers=budget, say=say):
        say(line)


def loop(
    context: typer.Context,
    rounds: Annotated[int, typer.Option(min=1, help="How many rounds at most.")] = 10,
    budget: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Begin no further round once so many answers were asked for, all of the project's counted; a round "
            "may go past it.",
        ),
    ] = None,
) -> None:
    """Run rounds until a stop.

    It waits for people in each, until the pool, the rounds or the budget end.
    """
    from tilth.learning import run_rounds

    for line in run_rounds(context.obj, rounds=rounds, wait=True, budget=budget, say=say):
        say(line)


def simulate(
    context: typer.Context,
    strategies: Annotated[
        list[str] | None,
        typer.Option(
            "--strategy",
            "--strategies",
            help=f"What to play against random, auto unless given: several, or with commas. There are: {IN_A_LIST}.",
        ),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", help="What is fitted, auto too: several, or with commas. [training] model unless given."
        ),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How many rounds.")] = 7,
    size: Annotated[int, typer.Option(min=1, help="How many labels a round.")] = 100,
    schedule: Annotated[
        str | None, typer.Option(help="Instead: how many labels there are after each round, such as 25,50,75.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, from 0.")] = 3,
    want: Annotated[
        list[str] | None, typer.Option(help="An accuracy of which to say how many labels it needs: several, or commas.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="How many processes; one for each processor.")] = None,
    file: Annotated[Path | None, typer.Option(help="A labelled CSV instead of the project's own labels.")] = None,
    text: Annotated[str, typer.Option(help="With --file: the column with the text.")] = "text",
    label: Annotated[str, typer.Option(help="With --file: the column with the label.")] = "label",
    as_json: Json = False,
) -> None:
    """Play strategies and models on labels you have.

    Each against random choice with the same model, seeds and holdout; it says what choosing saved. What was played
    is kept in simulations/ of the project, and not played again.
    """
    from tilth.simulation import Asked, as_accuracies, as_sizes, processors, simulate_project

    asked = Asked(
        strategies=_several(strategies) or ["auto"],
        models=_several(models),
        sizes=as_sizes(schedule) if schedule is not None else tuple(size * (one + 1) for one in range(rounds)),
        seeds=seeds,
        wanted=as_accuracies(_several(want)),
        jobs=jobs or processors(),
    )
    with progress("rounds played") as advance:
        shown = simulate_project(context.obj, asked, file=file, text=text, label=label, advance=advance)
    if as_json:
        print_json(shown.as_dict())
        return
    for table in shown.tables:
        print_rows(table.title, table.columns, table.rows)
    for line in shown.lines:
        say(line)


def _several(given: list[str] | None) -> list[str]:
    """The values of an option that may stand several times, and have commas between."""
    return list(dict.fromkeys(name.strip() for some in given or [] for name in some.split(",") if name.strip()))


def add_verbs(app: typer.Typer) -> None:
    """Put these verbs on the command line."""
    app.command()(fit)
    app.command()(tune)
    app.command()(evaluate)
    app.command("round")(round_)
    app.command()(loop)
    app.command()(simulate)
