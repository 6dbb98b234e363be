"""Verbs of the comparison: what was predicted, what happened, who was right."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipeline.verbs.front import AsJson, need, print_json, working


def compare(as_json: AsJson = False) -> None:
    """Compare model, health score and rules on the held-out mornings."""
    from pipeline import compare as stage
    from pipeline import files
    from pipeline import terminal as shown

    need(files.HELDOUT, "dvc repro")
    with working("comparing on the held-out mornings"):
        found = stage.held_out()
    if as_json:
        print_json(found.to_dict())
    else:
        shown.comparison(found)


def report(
    as_json: AsJson = False,
    draw: Annotated[bool, typer.Option("--draw", help="Draw it again first.")] = False,
) -> None:
    """Print the headline figures of the report, and where it is."""
    from pipeline import files
    from pipeline import report as stage
    from pipeline import terminal as shown

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
