"""Verbs of experiments: train a target, or search for its settings; compare, also two runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer

from pipeline.verbs.front import AsJson, need, print_json, working


def train(
    target: Annotated[str, typer.Argument(help="A target of params.yaml.")],
    search: Annotated[
        bool, typer.Option("--search", help="Search for the trees' settings; train nothing.")
    ] = False,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Of a search: in all, earlier ones included.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Of a search: no trial begins later.")
    ] = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Write what was found into params.yaml.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train one target on what is settled, and track the run; or search for its settings."""
    from pipeline import files, gate
    from pipeline import train as stage
    from pipeline.settings import load

    settings = load()
    if target not in settings.targets:
        raise typer.BadParameter(
            f"{target} is no target: choose among {', '.join(settings.targets)}"
        )
    if not search and (trials or minutes or adopt):
        raise typer.BadParameter("--trials, --minutes and --adopt belong to --search")
    need(files.LABELS / target, "dvc repro")
    with working(f"looking for leaks in what {target} would learn from"):
        gate.run(target)
    if search:
        _search(target, trials, minutes, adopt, as_json)
        return
    with working(f"training {target}"):
        stage.run(target)
    typer.echo((files.RUNS / f"{target}.json").read_text(encoding="utf-8"), nl=False)


def _search(
    target: str, trials: int | None, minutes: float | None, adopt: bool, as_json: bool
) -> None:
    from pipeline.experiments import adoption
    from pipeline.experiments import experiment_terminal as shown
    from pipeline.experiments.searching import Search
    from pipeline.settings import load

    settings = load()
    most = trials if trials or minutes else settings.learning.search.trials
    begun = Search.of(settings, target)
    seconds = None if minutes is None else 60 * minutes
    try:
        with _bar(f"searching for {target}'s settings", most) as told:
            found = begun.run(most, seconds, told)
    except KeyboardInterrupt:
        typer.echo("stopped; what was tried is kept: the same command goes on from there", err=True)
        raise typer.Exit(130) from None
    if adopt:
        adoption.adopt({name: after for name, (_, after) in found.changes.items()})
    if as_json:
        print_json(found.to_dict() | {"adopted": adopt and bool(found.changes)})
    else:
        shown.searched(found, adopted=adopt)


@contextmanager
def _bar(what: str, most: int | None) -> Iterator[Callable[[int, float | None], None]]:
    """A bar on standard error: how many trials are over, and the best of them."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[best]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=most, best="")

        def told(over: int, lowest: float | None) -> None:
            best = "" if lowest is None else f"log-loss {lowest:.4f}"
            progress.update(task, completed=over, best=best)

        yield told


def compare(
    run: Annotated[
        str | None, typer.Argument(help="A tracked run, by the beginning of its id or identity.")
    ] = None,
    against: Annotated[str | None, typer.Argument(help="Another run of the same target.")] = None,
    of: Annotated[
        Literal["heldout", "replay", "ledger"],
        typer.Option(help="Held-out mornings, their cycles replayed, or what was sealed."),
    ] = "heldout",
    as_json: AsJson = False,
) -> None:
    """Compare model, health score, rules and CSM calls with what happened; or two runs."""
    from pipeline import compare as stage
    from pipeline import files, ledger, replay
    from pipeline import terminal as shown
    from pipeline.settings import load

    if run is not None:
        _two_runs(run, against, of, as_json)
        return
    settings = load()
    need(files.HELDOUT if of == "heldout" else files.CALENDAR, "dvc repro")
    with working("comparing with what happened"):
        if of == "heldout":
            found = stage.held_out()
        elif of == "replay":
            need(files.RECORD, "dvc repro")
            found = stage.of_record(settings, replay.read())
        else:
            found = stage.of_record(settings, ledger.opened(settings, create=False).read())
    if as_json:
        print_json(found.to_dict())
    else:
        shown.comparison(found)


def _two_runs(first: str, second: str | None, of: str, as_json: bool) -> None:
    from pipeline import files
    from pipeline.experiments import experiment_terminal as shown
    from pipeline.experiments import run_record, side_by_side
    from pipeline.experiments.store import address
    from pipeline.settings import load

    if second is None:
        raise typer.BadParameter(f"{first} alone cannot be compared: name a second run")
    if of != "heldout":
        raise typer.BadParameter(f"two runs meet on the held-out mornings: leave out --of {of}")
    need(files.CALENDAR, "dvc repro")
    need(files.ARTIFACTS, "dvc repro")
    with TemporaryDirectory() as folder, working("putting two runs side by side"):
        runs = [run_record.run(address(), given, Path(folder)) for given in (first, second)]
        found = side_by_side.of_runs(load(), *runs)
    if as_json:
        print_json(found.to_dict())
    else:
        shown.two_runs(found)
