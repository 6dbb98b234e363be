"""Accounts over their past mornings: what was known on each, beside what was usual there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from models.health import HealthScore
from models.peers import SEGMENT, usual
from pipeline import files
from pipeline.morning import INDEX, with_segment
from pipeline.settings import Settings

HEALTH, CHURN = "health_score", "churn_probability"
SERIES = ["account_id", "measure", "morning", "value", "peers", "sealed"]
DAYS = "datetime64[us]"


def mornings(con: duckdb.DuckDBPyConnection, as_of: date, months: int | None) -> list[date]:
    """The mornings before `as_of` of which features are stored; of the last so many months only,
    if that is said."""
    since = date.min if months is None else (pd.Timestamp(as_of) - pd.DateOffset(months=months))
    asked = f"SELECT DISTINCT as_of::DATE FROM {_stored(files.FEATURES)} ORDER BY 1"
    days = [day for (day,) in con.execute(asked).fetchall()]
    return [day for day in days if pd.Timestamp(since) <= pd.Timestamp(day) < pd.Timestamp(as_of)]


def series(
    settings: Settings,
    now: pd.DataFrame,
    accounts: Collection[str],
    measures: Sequence[str],
    months: int,
) -> pd.DataFrame:
    """The measures and the health score of some accounts, morning by morning: SERIES.

    `now`: features and segment of every customer of the last morning, on (account_id, as_of).
    `peers`: the median of the customers of the account's segment that morning (models/peers.py).
    The health score of every morning is the one configured now, on what was known then. A morning
    on which an account was no customer has no row; what was not known there has no value.
    """
    health = HealthScore(settings.health)
    columns = list(dict.fromkeys([*measures, *settings.health.features()]))
    shown = [*measures, HEALTH]
    with duckdb.connect() as con:
        parts = [
            _of_morning(frame, accounts, shown, health)
            for frame in _each(con, _day(now), months, columns, now)
        ]
    return pd.concat(parts, ignore_index=True)


def said(record: pd.DataFrame, cycle: pd.DataFrame, months: int) -> pd.DataFrame:
    """The churn probabilities of a cycle's accounts on its own and on earlier mornings: SERIES.

    `record`: what was published or replayed, the columns of serve.record.PUBLISHED; what was sealed
    goes before what was replayed, and of several renewals the one due first is told.
    """
    if cycle.empty:
        return pd.DataFrame(columns=SERIES)
    as_of = cycle["as_of"].iloc[0]
    columns = ["account_id", "as_of", "due_date", CHURN, "sealed"]
    day = pd.to_datetime(record["as_of"])
    since = pd.Timestamp(as_of) - pd.DateOffset(months=months)
    earlier = record[day.ge(since) & day.lt(as_of)]
    earlier = earlier[earlier["account_id"].isin(cycle["account_id"])]
    own = cycle.assign(sealed=None)
    kinds = {CHURN: float, "sealed": object, "as_of": DAYS, "due_date": DAYS}
    every = pd.concat([of[columns].astype(kinds) for of in (earlier, own)])
    every = every[every[CHURN].notna()]
    first = every.sort_values(["sealed", "due_date"], ascending=[False, True], kind="stable")
    first = first.drop_duplicates(["account_id", "as_of"])
    told = first.rename(columns={"as_of": "morning", CHURN: "value"})
    return told.assign(measure=CHURN, peers=np.nan)[SERIES].reset_index(drop=True)


def ranges(now: pd.DataFrame, accounts: Collection[str], features: Sequence[str]) -> pd.DataFrame:
    """Lowest and highest value of features on the account's mornings up to `now`: account_id,
    feature, low, high; both missing where it was never known."""
    last = now[now.index.get_level_values("account_id").isin(accounts)].droplevel("as_of")
    last = last[list(features)].astype(float)
    if last.empty or not features:
        return pd.DataFrame(columns=["account_id", "feature", "low", "high"])
    whole = ", ".join(f'min("{of}") AS "low {of}", max("{of}") AS "high {of}"' for of in features)
    with duckdb.connect() as con:
        con.register("asked", pd.DataFrame({"account_id": last.index}))
        past = con.execute(
            f"SELECT account_id, {whole} FROM {_stored(files.FEATURES)} "
            "WHERE as_of < ? AND account_id IN (SELECT account_id FROM asked) GROUP BY account_id",
            [_day(now)],
        ).df()
    past = past.set_index("account_id").reindex(last.index)
    ends = {
        end: choose(last.to_numpy(), past[[f"{end} {of}" for of in features]].to_numpy(float))
        for end, choose in (("low", np.fmin), ("high", np.fmax))
    }
    return pd.DataFrame(
        {
            "account_id": np.repeat(last.index.to_numpy(), len(features)),
            "feature": np.tile(np.array(features, dtype=object), len(last)),
            **{end: values.ravel() for end, values in ends.items()},
        }
    )


def _each(
    con: duckdb.DuckDBPyConnection,
    as_of: date,
    months: int,
    columns: Sequence[str],
    now: pd.DataFrame,
) -> Iterator[pd.DataFrame]:
    """Columns and segment of every customer, one morning after the other; `now` is the last."""
    for day in mornings(con, as_of, months):
        yield stored(con, day, columns)
    yield now[[*columns, SEGMENT]]


def stored(
    con: duckdb.DuckDBPyConnection, day: date, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """The features of a morning as its stage built them, with the segment known on it."""
    chosen = "*" if columns is None else ", ".join(f'"{name}"' for name in (*INDEX, *columns))
    asked = "SELECT {} FROM {} WHERE as_of = ? ORDER BY account_id"
    rows = con.execute(asked.format(chosen, _stored(files.FEATURES)), [day]).df()
    known = con.execute(
        f"SELECT account_id, as_of, segment FROM {_stored(files.OBSERVATIONS)} WHERE as_of = ?",
        [day],
    ).df()
    return with_segment(rows.set_index(INDEX), known)


def _of_morning(
    frame: pd.DataFrame, accounts: Collection[str], shown: Sequence[str], health: HealthScore
) -> pd.DataFrame:
    every = frame.assign(**{HEALTH: health.assess(frame)[HEALTH]})[[*shown, SEGMENT]]
    mine = every[every.index.get_level_values("account_id").isin(accounts)]
    others = usual(mine, every).reindex(columns=list(shown))
    return pd.DataFrame(
        {
            "account_id": np.repeat(mine.index.get_level_values("account_id"), len(shown)),
            "measure": np.tile(np.array(shown, dtype=object), len(mine)),
            "morning": np.repeat(mine.index.get_level_values("as_of"), len(shown)),
            "value": mine[list(shown)].to_numpy(dtype=float, na_value=np.nan).ravel(),
            "peers": others.to_numpy(dtype=float, na_value=np.nan).ravel(),
            "sealed": None,
        }
    )


def _day(now: pd.DataFrame) -> date:
    return now.index.get_level_values("as_of").max().date()


def _stored(path: Path) -> str:
    place = str(path / "*.parquet" if path.is_dir() else path).replace("'", "''")
    return f"read_parquet('{place}')"
