"""The verb of the registry: which run is champion."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.verbs.front import AsJson, need, print_json, working


def promote(
    run: Annotated[
        str | None, typer.Argument(help="A run's id or identity, or the beginning of one.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Whatever the interval says; asks for a reason.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why it is forced; it is kept.")] = None,
    log: Annotated[bool, typer.Option("--log", help="Every decision so far.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a run its target's champion if it beats the present one; else the interval, exit 3."""
    from dataclasses import asdict

    from pipeline import files
    from pipeline.calendar import Calendar
    from pipeline.experiments import promotion, registry, store
    from pipeline.experiments import promotion_terminal as shown
    from pipeline.settings import load

    if log == (run is not None):
        raise typer.BadParameter("name a run, or ask for the --log of all decisions")
    if force != bool(reason and reason.strip()):
        raise typer.BadParameter("--force and --reason go together: a forced move is kept with why")
    where = store.address()
    if log:
        told = registry.decisions(where)
        print_json([asdict(one) for one in told]) if as_json else shown.log(told)
        return
    need(files.ARTIFACTS, "dvc repro")
    assert run is not None
    with working("judging it against the champion on the held-out mornings"):
        found = promotion.promote(load(), Calendar.read(files.CALENDAR), where, run, reason)
        promotion.publish(where)
    if as_json:
        print_json(asdict(found))
    else:
        shown.decided(found)
    if not found.promoted:
        raise typer.Exit(3)
