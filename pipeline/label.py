"""Stage: what became of each observation, as known at the held-out cutoff and at the data's end."""

from __future__ import annotations

import sys

import pandas as pd

from features.engine import connect
from features.publication import published, read_frame, write_frame
from models.target import labels
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.settings import load


def run(name: str) -> None:
    """Write data/labels/<target>: each of the two cutoffs has its own labels."""
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    target, grace = settings.targets[name], settings.contracts.grace
    asked = read_frame(files.OBSERVATIONS)
    held = calendar.heldout(target, settings.heldout, grace)
    days = {files.BACKTEST: held[0], files.SERVING: calendar.data_until}
    with published(files.LABELS / name) as folder, connect(settings.engine) as con:
        for cutoff, day in days.items():
            told = labels(
                con, asked, files.FACTS, target, by=day, grace=grace, delay=calendar.delay
            ).assign(by=pd.Timestamp(day))
            write_frame(told, folder / f"{cutoff}.parquet", ("as_of", "account_id"))


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run(sys.argv[1])
