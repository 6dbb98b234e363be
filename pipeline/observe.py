"""Stage: tables -> facts -> who is asked about, on which mornings, and what is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from features import contracts, observations
from features.engine import connect
from features.facts import build_facts
from features.feature import longest_window
from features.publication import published, write_frame, write_parquet
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.settings import Settings, load

INDEX = ("as_of", "account_id")


def observed(
    con: duckdb.DuckDBPyConnection,
    facts: Path,
    settings: Settings,
    mornings: Sequence[date],
    data_from: date,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The observations of some mornings, and the renewals that were settled on each."""
    grace = settings.contracts.grace
    asked = observations.observe(
        con,
        facts,
        mornings=mornings,
        grace=grace,
        horizon=settings.contracts.ahead,
        data_from=data_from,
        static=settings.accounts.static,
    )
    past = contracts.past_renewals(con, facts, mornings, grace=grace).df()
    return asked, past.rename(columns={"by": "as_of"})


def run() -> None:
    """Write data/facts and data/observed."""
    settings = load()
    with connect(settings.engine) as con, published(files.OBSERVED) as folder:
        build_facts(con, files.TABLES, files.FACTS, settings.accounts.static)
        calendar = Calendar.of(files.FACTS, longest_window())
        asked, past = observed(con, files.FACTS, settings, calendar.mornings, calendar.data_from)
        due = contracts.renewals(
            con,
            files.FACTS,
            [calendar.data_until],
            grace=settings.contracts.grace,
            until_days=settings.contracts.ahead,
        )
        write_frame(asked, folder / files.OBSERVATIONS.name, INDEX)
        write_frame(past, folder / files.PAST_RENEWALS.name, (*INDEX, "due_date"))
        path = folder / files.RENEWALS.name
        write_parquet(con, due.sql_query(), path, ("account_id", "due_date"))
        calendar.write(folder / files.CALENDAR.name)


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run()
