"""A batch whose features are given: which models may score it, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from features.publication import write_frame
from pipeline import cycle, files
from pipeline.morning import INDEX, Morning
from pipeline.settings import Settings
from serve import bundles
from serve.bulk import DECIDED, PART, Progress, score_bulk
from serve.given import first_morning


def score(
    settings: Settings,
    features: Path,
    out: Path,
    *,
    intervals: bool = False,
    threads: int = 1,
    part_rows: int = PART,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score every row of the features with the newest models that had seen no outcome of theirs.

    What it reads and writes is serve.bulk's. Raises NoBundle where the models have learnt from
    after the earliest morning of the features, and what score_bulk raises.
    """
    known = cycle.bundles(settings, first_morning(features) or date.max)
    folders = {name: files.bundle(name, known.cutoff) for name in settings.targets}
    return score_bulk(
        features,
        bundles.load(folders),
        out,
        intervals=intervals,
        threads=threads,
        part_rows=part_rows,
        progress=progress,
    )


def write_features(asked: Morning, path: Path) -> None:
    """The features of a morning as a batch takes them: with `decided`, null for the undecided."""
    decided = asked.observations.set_index(INDEX)[DECIDED]
    rows = asked.features.join(decided).reset_index()
    rows["as_of"] = rows["as_of"].dt.date
    write_frame(rows, path, INDEX)


@contextmanager
def told() -> Iterator[Progress]:
    """Say on standard error how far a batch is: a bar for a person, a line a part for a log."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: console.print(f"{done:,} of {total:,} rows scored")
        return
    columns = TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("rows", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
