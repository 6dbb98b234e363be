"""The verb that begins with a company's own exports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.verbs.front import AsJson, print_json, working


def init(
    name: Annotated[str, typer.Argument(help="The new source: a folder of that name in sources/.")],
    given: Annotated[
        str, typer.Option("--input", help="A folder of CSV or Parquet files, or a database URL.")
    ],
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Look at this file or table alone; repeat.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose how your own exports become our tables, as SELECTs for you to correct.

    Reads headers and values, writes sources/NAME with a README of what to settle, overwrites
    nothing. What names a person is masked.
    """
    from pipeline.beginning.guide import text, told
    from pipeline.init import begin

    with working(f"looking at {given.split('://')[0]}"):
        proposal = begin(name, given, only or [], Path("sources"))
    if as_json:
        print_json(told(proposal, name, given))
    else:
        typer.echo(text(proposal, name, given), nl=False)
