"""The numbers of the trade from the files of the stages before: tables, figures, and their rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from duckdb import DuckDBPyConnection

from features import contracts
from features.engine import connect
from features.publication import read_frame
from models import definitions
from models.book import SLICES, Period, book, described, whole_periods
from models.nps import answers, nps_rates
from models.rates import book_rates, renewal_rates
from models.slices import sized
from models.standing import Standing, standing
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.settings import Settings
from serve.record import KEY
from serve.settling import of_predicted, outcomes

ROWS = ("renewals", "book", "answers")
"""The frames that hold the rows from which the other frames were counted."""


def frames(
    settings: Settings, calendar: Calendar, predictions: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Every table of figures, and the ROWS behind them, by name.

    renewal_rates, book_rates and nps: of all and by terms (book_rates), segment, owner, plan and
    size, a row a period; definitions_due, definitions_book and orders: the same year under other
    definitions, and the order of the scorers by `predictions` (columns of serve.record.PUBLISHED).
    """
    rates = settings.rates
    with connect(settings.engine) as con:
        due = _due(con, settings, calendar)
        customers = book(
            con,
            files.FACTS,
            whole_periods(calendar.data_from, calendar.data_until, rates.every),
            by=calendar.data_until,
            grace=settings.contracts.grace,
            sizes=rates.sizes,
        )
        told = _answers(con, settings, calendar)
        year = _year(settings, calendar)
        under = [
            definitions.rates(con, files.FACTS, grace, year, by=calendar.data_until, settings=rates)
            for grace in rates.graces
        ]
        standings = {g: _standing(con, settings, calendar, predictions, g) for g in rates.graces}
    return {
        "renewal_rates": renewal_rates(due, rates, SLICES),
        "book_rates": book_rates(customers, rates, ["terms", *SLICES]),
        "nps": nps_rates(told, rates, SLICES),
        "definitions_due": pd.concat([found for found, _ in under], ignore_index=True),
        "definitions_book": pd.concat([found for _, found in under], ignore_index=True),
        "orders": definitions.orders(standings, settings.comparison, settings.cycle.share),
        "renewals": due,
        "book": customers,
        "answers": told,
    }


def figures(found: Mapping[str, pd.DataFrame], settings: Settings, calendar: Calendar) -> dict:
    """The tables of `frames`, but for the ROWS, as plain values for JSON: unknown is null."""
    return {
        "as_of": str(calendar.data_until),
        "every": settings.rates.every,
        "grace": settings.contracts.grace,
        "definitions_period": _year(settings, calendar).period,
        "involuntary": definitions.INVOLUNTARY,
        **{name: _plain(frame) for name, frame in found.items() if name not in ROWS},
    }


def _wait(settings: Settings, calendar: Calendar) -> int:
    """Days after a due date until its end is known under every grace, late facts included."""
    return max(settings.rates.graces) + calendar.delay + 1


def _year(settings: Settings, calendar: Calendar) -> Period:
    wait = _wait(settings, calendar)
    return definitions.settled_year(calendar.data_from, calendar.data_until, wait)


def _due(con: DuckDBPyConnection, settings: Settings, calendar: Calendar) -> pd.DataFrame:
    """The renewals due within the data, as known at their end, with their slices."""
    renewals = read_frame(files.RENEWALS)
    start, end = pd.Timestamp(calendar.data_from), pd.Timestamp(calendar.data_until)
    inside = renewals[renewals["due_date"].between(start, end, inclusive="left")]
    rows = inside.reset_index(drop=True)
    return _with_slices(con, rows, "due_date", settings, calendar)


def _answers(con: DuckDBPyConnection, settings: Settings, calendar: Calendar) -> pd.DataFrame:
    told = answers(con, files.FACTS, calendar.data_until)
    inside = told[told["occurred_at"] >= pd.Timestamp(calendar.data_from)].reset_index(drop=True)
    rows = inside.assign(day=inside["occurred_at"].dt.normalize())
    return _with_slices(con, rows, "day", settings, calendar)


def _with_slices(
    con: DuckDBPyConnection, rows: pd.DataFrame, day: str, settings: Settings, calendar: Calendar
) -> pd.DataFrame:
    was = described(
        con, files.FACTS, rows, day, by=calendar.data_until, grace=settings.contracts.grace
    )
    return rows.assign(
        segment=was["segment"],
        owner=was["owner"],
        plan=was["plan"],
        size=sized(was["arr"], settings.rates.sizes),
    )


def _standing(
    con: DuckDBPyConnection,
    settings: Settings,
    calendar: Calendar,
    predictions: pd.DataFrame,
    grace: int,
) -> Standing:
    """The predictions beside what became of them under a grace."""
    day = calendar.data_until
    ahead = settings.contracts.ahead
    found = contracts.renewals(con, files.FACTS, [day], grace=grace, until_days=ahead).df()
    known = outcomes(found, day)
    ended = of_predicted(pd.concat([predictions[KEY], known[KEY]]), known, day)
    loss = next(target for target in settings.targets.values() if target.outcome == "lost")
    return standing(
        predictions,
        ended,
        target=loss.name,
        horizon=loss.horizon,
        by=day,
        wait=_wait(settings, calendar),
        sizes=settings.rates.sizes,
    )


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return json.loads(frame.to_json(orient="records", double_precision=6))
