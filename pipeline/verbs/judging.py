"""Verbs of the comparison: what was predicted, what happened, who was right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pipeline.verbs.front import AsJson, AsOf, need, plain, print_json, working


def settle(as_of: AsOf, as_json: AsJson = False) -> None:
    """Write down in the ledger how every predicted renewal stands, by what was known on a day."""
    from dataclasses import asdict

    from pipeline import files, ledger
    from pipeline import record_terminal as shown
    from pipeline.settings import load

    need(files.FACTS / "facts.json", "dvc repro")
    settings = load()
    with working(f"settling what was predicted, as of {as_of:%Y-%m-%d}"):
        held = ledger.opened(settings, create=False)
        done, vanished = ledger.settle(settings, held, as_of.date())
        stands = held.renewals()["outcome"].fillna("open").value_counts().to_dict()
    if as_json:
        print_json({**asdict(done), "renewals": stands, "vanished": vanished})
    else:
        shown.settled(done, stands, vanished)


def verify(
    anchor: Annotated[
        Path | None, typer.Option(help="A MANIFEST.json or receipt that was kept elsewhere.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Whether the ledger is what was sealed; exit 3 and the first entry that is not."""
    from dataclasses import asdict

    from pipeline import ledger
    from pipeline import record_terminal as shown
    from pipeline.settings import load

    kept = None
    if anchor:
        need(anchor, "renewcast score")
        kept = _anchor(anchor)
    with working("walking the ledger"):
        found = ledger.opened(load(), create=False).verify(kept)
    if as_json:
        print_json({"intact": found.intact, **asdict(found)})
    else:
        shown.verified(found)
    if not found.intact:
        raise typer.Exit(3)


def _anchor(path: Path) -> dict[str, Any]:
    """The anchor that a manifest or a receipt states."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise typer.BadParameter(f"{path} is no JSON: name a MANIFEST.json or a receipt") from None
    of = read if isinstance(read, dict) else {}
    found = of.get("ledger", of)
    return found if isinstance(found, dict) else {}


def holdout(
    as_of: AsOf,
    share: Annotated[float | None, typer.Option(help="Of the scored accounts.")] = None,
    salt: Annotated[str | None, typer.Option(help="Another salt, other accounts.")] = None,
    as_json: AsJson = False,
) -> None:
    """Leave some accounts of a published cycle alone, so that a saving can be told from luck."""
    from dataclasses import asdict

    from pipeline import holdout as drawing
    from pipeline import ledger
    from pipeline import record_terminal as shown
    from pipeline.settings import load

    settings = load()
    found = drawing.assign(
        ledger.opened(settings, create=False),
        as_of.date(),
        share or settings.holdout.share,
        salt or settings.holdout.salt,
    )
    if as_json:
        print_json({"rows": plain(found.rows), "new": found.new, **asdict(found.detectable)})
    else:
        shown.assigned(found)


def report(
    as_json: AsJson = False,
    draw: Annotated[bool, typer.Option("--draw", help="Draw it again first.")] = False,
    of: Annotated[
        Literal["cycle", "ledger"],
        typer.Option(help="The coming cycle, or what was sealed and has happened since."),
    ] = "cycle",
) -> None:
    """Print the headline figures of the report, and where it is."""
    from pipeline import files
    from pipeline import report as stage
    from pipeline import terminal as shown

    if of == "ledger":
        print_sealed(as_json)
        return
    if draw:
        need(files.COMPARISON, "dvc repro")
        stage.run()
    page, figures = files.REPORT.with_suffix(".html"), files.REPORT.with_suffix(".json")
    need(figures, "dvc repro")
    read = json.loads(figures.read_text(encoding="utf-8"))
    if as_json:
        print_json(read)
    else:
        shown.headline(read, page)


def print_sealed(as_json: bool) -> None:
    """Draw predicted against actual from the ledger, and say who was right."""
    from pipeline import files, holdout, ledger, predicted
    from pipeline import record_terminal as shown
    from pipeline.calendar import Calendar
    from pipeline.settings import load
    from serve.predicted import write

    need(files.CYCLE / "MANIFEST.json", "dvc repro")
    settings = load()
    with working("reading the ledger"):
        held = ledger.opened(settings, create=False)
        found, frames = predicted.figures(
            settings,
            Calendar.read(files.CALENDAR),
            held.read(),
            source="ledger",
            tested=holdout.newest_effect(held, settings.holdout),
        )
        write(found, frames, files.SEALED)
    if as_json:
        print_json(found)
    else:
        shown.sealed_page(found, files.SEALED.with_suffix(".html"))
