"""The verb that makes a run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.verbs.front import AsJson, print_json, working


def reproduce(
    run: Annotated[
        str, typer.Argument(help="The beginning of a run's id or identity, or a prediction's id.")
    ],
    publication: Annotated[Path, typer.Option(help="Where the prediction was published.")] = Path(
        "data/cycle"
    ),
    keep: Annotated[
        Path | None, typer.Option(help="Leave the scratch clone in this new folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a run again in a scratch clone; exit 3 and what differs if it is not the same."""
    from dataclasses import asdict

    from pipeline.reproducing import reproduction
    from pipeline.reproducing import reproduction_terminal as shown

    if keep is not None and keep.exists():
        raise typer.BadParameter(f"{keep} is there already: name a new folder")
    with working(f"making {run} again"):
        found = reproduction.reproduce(run, publication, keep)
    if as_json:
        print_json(
            {"reproduced": found.reproduced, "to_the_bit": found.to_the_bit, **asdict(found)}
        )
    else:
        shown.reproduction(found)
        if keep is not None:
            typer.echo(f"The scratch clone is in {keep}")
    if not found.reproduced:
        raise typer.Exit(3)
