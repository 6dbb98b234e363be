"""Stage: the cycles of the held-out time, as they would have been published, and what happened.

The models of the held-out cutoff score every morning from that day on: none has seen a later
outcome. It is what a ledger would hold had Renewcast been in use since, and it is said to be no
more than that: nothing here was sealed before the renewals were due.
"""

from __future__ import annotations

from datetime import date

import pandas as pd

from features.publication import published, read_frame, write_frame
from pipeline import cycle, files, rivals
from pipeline.calendar import Calendar
from pipeline.settings import Settings, load
from serve.record import KEY, Record
from serve.settling import of_predicted, outcomes

PREDICTIONS, OUTCOMES = "predictions.parquet", "outcomes.parquet"


def mornings(settings: Settings, calendar: Calendar) -> list[date]:
    """From the held-out cutoff to the day before the data end."""
    loss = cycle.loss(settings)
    first = calendar.heldout(loss, settings.heldout, settings.contracts.grace)[0]
    return [day for day in calendar.mornings if first <= day < calendar.data_until]


def replayed(settings: Settings, calendar: Calendar) -> Record:
    """What the models of the held-out cutoff say on each morning, and how it ended."""
    asked = mornings(settings, calendar)
    known = cycle.bundles(settings, asked[0])
    told = rivals.learnt(
        settings, cycle.loss(settings).name, known.cutoff, rivals.past_features(), calendar
    )
    said = [cycle.scored(settings, day, settings.cycle.within, known, told).record for day in asked]
    predictions = pd.concat(said, ignore_index=True).assign(sealed=False)
    known = outcomes(read_frame(files.RENEWALS), calendar.data_until)
    asked = pd.concat([predictions[KEY], known[KEY]])  # the account's other decisions count as well
    return Record(predictions, of_predicted(asked, known, calendar.data_until))


def read() -> Record:
    """What `run` wrote."""
    return Record(*(read_frame(files.RECORD / name) for name in (PREDICTIONS, OUTCOMES)))


def run() -> None:
    """Write data/record."""
    record = replayed(load(), Calendar.read(files.CALENDAR))
    with published(files.RECORD) as folder:
        order = ("as_of", "due_date", "account_id")
        write_frame(record.predictions, folder / PREDICTIONS, order)
        write_frame(record.outcomes, folder / OUTCOMES, ("due_date", "account_id"))


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run()
