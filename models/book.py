"""The book of customers: who was one when a period began, what they paid then and when it ended.

All of it is read on one day of knowledge. A day's state is that of the morning, before anything
happens on it, as in features.contracts.customers: who leaves on the first day of a quarter was a
customer at its start and left within it, and a renewal due on that day belongs to it too. While a
gap within the grace is bridged, an account pays what it paid on its last covered day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from duckdb import DuckDBPyConnection

from features import contracts
from features.cover import NEVER, known, total, visible
from models.rates import TERMS
from models.slices import PERIODS, sized

SLICES = ["segment", "owner", "plan", "size"]
ACCOUNT = dict.fromkeys(("account_id", "segment", "owner"), "VARCHAR") | dict.fromkeys(
    ("occurred_at", "known_at", "replaced_at"), "TIMESTAMP"
)


class Period(NamedTuple):
    """A period by its name, its first day, and the first day after it."""

    period: str
    first: date
    after: date


def whole_periods(data_from: date, until: date, every: str) -> list[Period]:
    """The quarters or years that lie wholly within the data, oldest first.

    >>> [period.period for period in whole_periods(date(2024, 2, 1), date(2024, 10, 1), "quarter")]
    ['2024Q2', '2024Q3']
    """
    named = pd.period_range(data_from, until, freq=PERIODS[every])
    days = [Period(str(p), p.start_time.date(), (p + 1).start_time.date()) for p in named]
    return [period for period in days if data_from <= period.first and period.after <= until]


def book(
    con: DuckDBPyConnection,
    facts: Path,
    periods: Sequence[Period],
    *,
    by: date,
    grace: int,
    sizes: Sequence[float],
) -> pd.DataFrame:
    """The customers at each period's start, by the facts known before `by`.

    One row a period and account, sorted: period, first, after, account_id, terms (month_to_month if
    every row in force is, else contract), segment, owner, plan and size at the start, arr_start and
    arr_end (per year; 0 once lost, NaN if any amount is unknown), seats_start and seats_end
    (likewise), lost_at, lost (left within the period), in_grace (left within it, and on `by` a late
    renewal would still bridge the gap).
    """
    asked = pd.DataFrame(periods, columns=list(Period._fields))
    held = con.from_df(asked.astype({"period": "str"})).query(
        "periods",
        f"""WITH cover AS ({contracts.cover(con, facts, [by], grace).sql_query()}),
        asked AS (
            SELECT period, CAST(first AS DATE) AS first, CAST(after AS DATE) AS after
            FROM periods)
        SELECT DISTINCT period, first, after, account_id, lost_at,
            COALESCE(lost_at < after, FALSE) AS gone,
            COALESCE(lost_at + CAST({grace} AS INTEGER) >= DATE '{by}', FALSE) AS waits
        FROM asked JOIN cover ON spell_start < first AND (lost_at IS NULL OR lost_at >= first)
        ORDER BY period, account_id""",
    )
    assert held is not None  # a SELECT has an answer
    rows = held.df()
    start = described(con, facts, rows, "first", by=by, grace=grace)
    end = described(con, facts, rows, "after", by=by, grace=grace)
    monthly = start["month_to_month"].fillna(False).astype(bool)
    return rows.drop(columns=["gone", "waits"]).assign(
        terms=np.where(monthly, TERMS[1], TERMS[0]),
        **{name: start[name] for name in SLICES if name != "size"},
        size=sized(start["arr"], sizes),
        arr_start=start["arr"],
        arr_end=end["arr"].mask(rows["gone"], 0.0),
        seats_start=start["seats"],
        seats_end=end["seats"].mask(rows["gone"], 0.0),
        lost=rows["gone"] & ~rows["waits"],
        in_grace=rows["gone"] & rows["waits"],
    )


def described(
    con: DuckDBPyConnection,
    facts: Path,
    rows: pd.DataFrame,
    day: str,
    *,
    by: date,
    grace: int,
) -> pd.DataFrame:
    """What an account was on the morning of a day, for each row, on the index of `rows`.

    `rows`: account_id and the column `day`. Columns: arr, seats (NaN if any row's are unknown),
    month_to_month (all rows in force are), plan (that of the row with the most ARR, ties by name)
    on the last covered day before; segment and owner as known on the day, or where they were first
    told later, as first told: a table without versions holds today's. Only facts known before `by`
    count.
    """
    keys = pd.DataFrame(
        {"account_id": rows["account_id"].astype("str"), "day": pd.to_datetime(rows[day])}
    )
    found = con.from_df(keys.drop_duplicates()).query(
        "wanted",
        f"""WITH cover AS ({contracts.cover(con, facts, [by], grace).sql_query()}),
        accounts AS ({known(con, facts / "accounts.parquet", ACCOUNT)}),
        asked AS (
            SELECT account_id, day AS key, LEAST(CAST(day AS DATE), DATE '{by}') AS day
            FROM wanted),
        held AS (
            SELECT asked.account_id, key, plan, arr, seats, month_to_month,
                LEAST(COALESCE(cover_end, {NEVER}), day) AS until
            FROM asked JOIN cover ON cover.account_id = asked.account_id AND start_date < day),
        last AS (
            SELECT *, MAX(until) OVER (PARTITION BY account_id, key) AS latest,
                ROW_NUMBER() OVER (
                    PARTITION BY account_id, key
                    ORDER BY until DESC, arr DESC NULLS LAST, plan) AS nth
            FROM held),
        paid AS (
            SELECT account_id, key, CAST({total("arr", "TRUE")} AS DOUBLE) AS arr,
                CAST({total("seats", "TRUE")} AS DOUBLE) AS seats,
                MIN(CASE WHEN month_to_month THEN 1 ELSE 0 END) = 1 AS month_to_month,
                MAX(CASE WHEN nth = 1 THEN plan END) AS plan
            FROM last WHERE until = latest GROUP BY account_id, key),
        told AS (
            SELECT *, ROW_NUMBER() OVER (
                PARTITION BY account_id ORDER BY known_at, replaced_at) AS nth
            FROM accounts WHERE known_at < DATE '{by}'),
        seen AS (
            SELECT asked.account_id, key, segment, owner
            FROM asked JOIN told ON told.account_id = asked.account_id AND {visible("told", "day")})
        SELECT asked.account_id, key AS day, arr, seats, month_to_month, plan,
            CASE WHEN seen.key IS NULL THEN told.segment ELSE seen.segment END AS segment,
            CASE WHEN seen.key IS NULL THEN told.owner ELSE seen.owner END AS owner
        FROM asked
        LEFT JOIN paid USING (account_id, key)
        LEFT JOIN seen USING (account_id, key)
        LEFT JOIN told ON told.account_id = asked.account_id AND told.nth = 1""",
    )
    assert found is not None  # a SELECT has an answer
    known_of = found.df().astype({"account_id": "str"})
    whole = keys.merge(known_of, on=["account_id", "day"], how="left", validate="many_to_one")
    return whole.set_axis(rows.index)
