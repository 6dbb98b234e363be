"""The net promoter score: % promoters (9 and 10) − % detractors (0 to 6), with its answers' number.

The interval is the adjusted Wald of Rocks (2016, The American Statistician 70): three answers are
added, a quarter of them promoters, a quarter detractors and half passive, so that a few equal
answers are not taken for certainty. Where several answers come from one account they are no
independent ones: the interval is then wider by the design effect over accounts (Kish 1965).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray
from scipy.special import ndtri

from features.cover import known, visible
from models.rates import RatesSettings
from models.slices import periods, sliced

ADDED = 3.0  # answers


@dataclass(frozen=True)
class Nps:
    """A score of −100 to 100 with the ends of its 95 % interval and its number of answers."""

    value: float
    low: float
    high: float
    answers: int


def nps(answers: pd.Series, accounts: pd.Series | None = None) -> Nps:
    """The score of answers 0 to 10, missing ones aside; `accounts`: who gave each of them.

    >>> nps(pd.Series([10, 9, 8, 3])).value
    25.0
    >>> nps(pd.Series([], dtype=float)).answers
    0
    """
    there = answers.notna().to_numpy(bool)
    given = answers[there].to_numpy(dtype=float)
    outside = given[(given < 0) | (given > 10)]
    if outside.size:
        raise ValueError(f"an NPS answer is {outside[0]:g}: answers lie between 0 and 10")
    if not given.size:
        return Nps(np.nan, -100.0, 100.0, 0)
    vote = np.where(given >= 9, 1.0, np.where(given <= 6, -1.0, 0.0))
    count = vote.size + ADDED
    centre = vote.sum() / count
    variance = ((vote**2).sum() + ADDED / 2) / count - centre**2
    effect = 1.0 if accounts is None else _design_effect(vote, accounts[there])
    half = ndtri(0.975) * np.sqrt(effect * variance / count)
    value = vote.mean()
    low, high = min(max(centre - half, -1.0), value), max(min(centre + half, 1.0), value)
    return Nps(float(100 * value), float(100 * low), float(100 * high), vote.size)


def answers(con: DuckDBPyConnection, facts: Path, by: date) -> pd.DataFrame:
    """account_id, occurred_at and score of the answers known before a day, in order; none where
    the company brought no table of them."""
    columns = {"account_id": "VARCHAR", "occurred_at": "TIMESTAMP", "score": "DOUBLE"}
    file = facts / "nps.parquet"
    if not file.exists():
        return pd.DataFrame(columns=list(columns)).astype({"occurred_at": "datetime64[us]"})
    kinds = columns | {"known_at": "TIMESTAMP", "replaced_at": "TIMESTAMP"}
    return con.sql(f"""SELECT {", ".join(columns)}
        FROM ({known(con, file, kinds)}) AS facts WHERE {visible("facts", f"DATE '{by}'")}
        ORDER BY occurred_at, account_id, score""").df()


def nps_rates(told: pd.DataFrame, settings: RatesSettings, by: Sequence[str] = ()) -> pd.DataFrame:
    """The score by period of the answers.

    `told`: account_id, occurred_at, score, and the columns of `by`. Columns: period, by, slice,
    answers, accounts, promoters, passives, detractors, nps with _low and _high, note. The scale of
    200 points is twice as long as that of a rate: not shown if wider than twice `max_width`.
    """
    rows = told.assign(period=periods(told["occurred_at"], settings.every))
    return sliced(rows, ["period"], by, lambda part: _period(part, settings.max_width))


def _period(part: pd.DataFrame, max_width: float) -> dict[str, object]:
    found = nps(part["score"], part["account_id"])
    score = part["score"].dropna().astype(float)
    enough = found.high - found.low <= 200 * max_width
    return {
        "answers": found.answers,
        "accounts": int(part.loc[part["score"].notna(), "account_id"].nunique()),
        "promoters": int((score >= 9).sum()),
        "passives": int(((score > 6) & (score < 9)).sum()),
        "detractors": int((score <= 6).sum()),
        "nps": found.value if enough else np.nan,
        "nps_low": found.low if enough else np.nan,
        "nps_high": found.high if enough else np.nan,
        "note": "" if enough else f"not enough ({found.answers} answers)",
    }


def _design_effect(vote: NDArray[np.float64], accounts: pd.Series) -> float:
    """How many times the variance of the mean is that of independent answers; at least 1."""
    apart = pd.Series(vote - vote.mean()).groupby(accounts.to_numpy()).sum()
    groups, spread = len(apart), float(((vote - vote.mean()) ** 2).sum())
    if groups < 2 or spread == 0:
        return 1.0 if groups > 1 else float(len(vote))
    return max(1.0, groups / (groups - 1) * float((apart**2).sum()) / spread)
