"""Settling: how each predicted renewal stands, as known on a day.

A renewal goes from open to in_grace, if it is not renewed in time, and ends as renewed, expanded,
contracted or churned; a late renewal within the grace counts as renewed. Facts that come later may
correct an end: then the newest reading holds. The ARR due is that of the rows due on the due date,
whatever the account pays before or after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
from duckdb import DuckDBPyConnection

from features import contracts
from models.rates import MixedKnowledge
from serve.record import KEY, NOT_DUE, OUTCOMES

AS_PANDAS: Mapping[str, str] = {
    "VARCHAR": "str",
    "DATE": "datetime64[us]",
    "DOUBLE": "float64",
    "BOOLEAN": "boolean",
}


class BeyondData(ValueError):
    """A renewal cannot be settled by a day that the data do not reach."""


@dataclass(frozen=True)
class Settling:
    """`outcomes`: OUTCOMES, one row a renewal. `vanished`: the accounts of whom the facts have no
    subscription any more, which nothing can be said of."""

    outcomes: pd.DataFrame
    vanished: list[str]


def outcomes(renewals: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """OUTCOMES of renewals as features.contracts gives them on one day of knowledge, `as_of`.

    Raises MixedKnowledge if they are those of another day. Money is missing where it is unknown,
    and arr_kept and arr_renewed while the renewal is not settled.
    """
    strange = sorted({f"{day:%Y-%m-%d}" for day in renewals["by"]} - {as_of.isoformat()})
    if strange:
        raise MixedKnowledge(f"renewals as known on {', '.join(strange)}, not on {as_of}")
    rows = renewals.rename(columns={"status": "outcome"}).assign(known_on=pd.Timestamp(as_of))
    return _typed(rows).sort_values(["due_date", "account_id"], ignore_index=True)


def of_predicted(predicted: pd.DataFrame, known: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """The outcome of each renewal in `predicted`, one row each; of those that `known` has not,
    NOT_DUE.

    `predicted`: account_id and due_date, a renewal as often as it was predicted. `known`: the
    outcomes as of the day, at least as far ahead as the last of them. What never fell due has no
    money.
    """
    asked = predicted[KEY].drop_duplicates().astype({"due_date": AS_PANDAS["DATE"]})
    rows = asked.merge(known, on=KEY, how="left", validate="one_to_one")
    day = pd.Timestamp(as_of)
    rows = rows.assign(outcome=rows["outcome"].fillna(NOT_DUE), known_on=day)
    return _typed(rows).sort_values(["due_date", "account_id"], ignore_index=True)


def settle(
    con: DuckDBPyConnection,
    facts: Path,
    predicted: pd.DataFrame,
    *,
    as_of: date,
    grace: int,
    data_until: date,
    horizon: int,
    before: pd.DataFrame | None = None,
) -> Settling:
    """How the renewals in `predicted` (account_id, due_date) stand by the facts known before
    `as_of`.

    A customer from month to month is judged by every decision within `horizon` days of a
    prediction: those are looked up as well, and again where `before` has them, what was looked up
    earlier. `data_until`: the first day that the data do not hold. Raises BeyondData if `as_of` is
    later: where nothing is told any more, everybody seems to stay.
    """
    if as_of > data_until:
        raise BeyondData(
            f"outcomes as of {as_of} were asked for, but the data end before {data_until}: "
            f"bring newer exports, or ask as of {data_until}"
        )
    asked = predicted[KEY] if before is None else pd.concat([predicted[KEY], before[KEY]])
    last = as_of if asked.empty else pd.Timestamp(asked["due_date"].max()).date()
    ahead = max(1, (last - as_of + timedelta(1)).days)
    found = contracts.renewals(con, facts, [as_of], grace=grace, until_days=ahead).df()
    known = outcomes(found, as_of)
    asked = pd.concat([asked, _monthly(predicted, known, as_of, horizon)])
    there = asked["account_id"].isin(_subscribers(con, facts))
    vanished = sorted(asked.loc[~there, "account_id"].unique())
    return Settling(of_predicted(asked[there], known, as_of), vanished)


def _monthly(
    predicted: pd.DataFrame, known: pd.DataFrame, as_of: date, horizon: int
) -> pd.DataFrame:
    """The decisions from month to month that fell due within so many days of a predicted renewal
    of the account."""
    days = (
        pd.to_datetime(predicted["due_date"]).groupby(predicted["account_id"]).agg(["min", "max"])
    )
    told = known[known["month_to_month"].eq(True).fillna(False).astype(bool)]
    told = told[told["due_date"] < pd.Timestamp(as_of)]
    rows = told.merge(days, left_on="account_id", right_index=True)
    within = rows["due_date"] < rows["max"] + pd.Timedelta(days=horizon)
    return rows.loc[within & (rows["due_date"] >= rows["min"]), KEY]


def _subscribers(con: DuckDBPyConnection, facts: Path) -> set[str]:
    """Everyone of whom the facts have a subscription."""
    rows = con.read_parquet(str(facts / "subscriptions.parquet"))
    return set(rows.project("account_id").distinct().df()["account_id"])


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[list(OUTCOMES)].astype({name: AS_PANDAS[kind] for name, kind in OUTCOMES.items()})
