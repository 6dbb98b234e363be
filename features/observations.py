"""Which accounts are asked about, on which mornings.

Mornings are calendar days that all accounts share: how far off a renewal is, is a column
(`days_to_due`) and never a schedule, so that observation dates cannot depend on the outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd
from duckdb import DuckDBPyConnection

from features import contracts
from features.cover import calendar, known, visible

ATTRIBUTES = ("segment", "industry", "country")
COLUMNS = (
    "account_id", "as_of", "due_date", "days_to_due", "month_to_month", "arr_due", "arr", "decided",
    "tenure_days", "days_observed", *ATTRIBUTES,
)  # fmt: skip


class NoMornings(ValueError):
    """No morning lies in the period that was asked for."""


def mornings(first: date, until: date) -> list[date]:
    """The first day of each month from `first` to `until`, both included.

    `first` is the day on which the longest window is filled: where the data begin, plus its length.
    Raises NoMornings if there is none.

    >>> mornings(date(2025, 1, 1), date(2025, 3, 1))
    [datetime.date(2025, 1, 1), datetime.date(2025, 2, 1), datetime.date(2025, 3, 1)]
    >>> mornings(date(2025, 1, 2), date(2025, 2, 28))
    [datetime.date(2025, 2, 1)]
    """
    days = [day.date() for day in pd.date_range(first, until, freq="MS")]
    if not days:
        raise NoMornings(
            f"no first of a month lies in {first} to {until}: the tables must reach at least a "
            "month past the day on which the longest window is filled"
        )
    return days


def observe(
    con: DuckDBPyConnection,
    facts: Path,
    *,
    mornings: Sequence[date],
    grace: int,
    horizon: int,
    data_from: date,
    static: Sequence[str],
) -> pd.DataFrame:
    """Every customer of each morning, with what is known of the contract on it.

    One row an (account_id, as_of), sorted by as_of and account_id: due_date (the earliest that is
    undecided as known, NaT without one), days_to_due, month_to_month, arr_due, arr (per year; NaN
    if any amount is unknown), decided (of the account: notice_given, already_renewed or empty),
    tenure_days (since it last became a customer), days_observed (of these, in the data), and the
    account's segment, industry, country.

    `horizon`: days in which every further term counts as due; `data_from`: the data's first day;
    `static`: the account's columns that never change. Without versions the others are left empty,
    because a table without `recorded_at` holds today's value.
    """
    keys = ["account_id", "by"]
    asked = contracts.customers(con, facts, mornings, grace).df()
    ahead = contracts.next_decisions(con, facts, mornings, grace=grace, until_days=horizon).df()
    about = _attributes(con, facts / "accounts.parquet", mornings, static)
    rows = asked.merge(ahead, on=keys, how="left", validate="one_to_one")
    rows = rows.merge(about, on=keys, how="left", validate="one_to_one")
    rows = rows.rename(columns={"by": "as_of"})
    in_data = (rows["as_of"] - pd.Timestamp(data_from)).dt.days
    rows = rows.astype(dict.fromkeys(("decided", *ATTRIBUTES), "str"))
    return rows.assign(
        days_to_due=rows["days_to_due"].astype("Int64"),
        month_to_month=rows["month_to_month"].astype("boolean"),
        days_observed=rows["tenure_days"].clip(upper=in_data),
    )[list(COLUMNS)]


def _attributes(
    con: DuckDBPyConnection, file: Path, mornings: Sequence[date], static: Sequence[str]
) -> pd.DataFrame:
    """The accounts' attributes as known on each morning, empty where they cannot be known."""
    versions = "recorded_at" in con.read_parquet(str(file)).columns
    shown = {name: name if versions or name in static else "NULL" for name in ATTRIBUTES}
    listed = ", ".join(f"CAST({value} AS VARCHAR) AS {name}" for name, value in shown.items())
    moments = dict.fromkeys(("occurred_at", "known_at", "replaced_at"), "TIMESTAMP")
    columns = dict.fromkeys(("account_id", *ATTRIBUTES), "VARCHAR") | moments
    return con.sql(f"""WITH facts AS ({known(con, file, columns)})
        SELECT asked AS "by", account_id, {listed}
        FROM facts JOIN {calendar(mornings)}
            ON {visible("facts", "asked")}""").df()
