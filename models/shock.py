"""The common shock: what moves all renewals of one period together, and how far it is apt to.

In period t the log-odds of every renewal are those predicted plus one shift, δ + s_t. δ is the
error of the model's level, the same in all periods and known in size (models/blend.py,
sum_deviation); s_t is the period's own, normal with spread τ: a price rise, a rival, a lean year.

τ is learnt from the periods that are over, by the marginal likelihood of each period's outcomes
given its probabilities, under a half-normal prior (Gelman 2006). A company has four to twelve
quarters to learn from: the moment estimator, and the maximum of the likelihood, are then often zero
where there are shocks (benchmarks/portfolio.py), and the intervals too narrow. What is kept is
therefore the whole posterior of τ, not a figure; without a period it is the prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri

Floats = NDArray[np.float64]

STEP, FURTHEST = 0.025, 4.0  # of the grid of shifts, on the logit
SPREADS = np.arange(STEP, 1.5 + STEP / 2, STEP)
NODES = 15  # of the Gauss-Hermite quadrature over δ
SMALLEST = 1e-9
EIGHTY = float(ndtri(0.9))  # deviations on either side that hold 80 % of a normal distribution
KEY = ["account_id", "due_date"]
CODES = {"month": "M", "quarter": "Q"}
SETTLED = ("renewed", "expanded", "contracted", "churned")
UNSETTLED = ("open", "in_grace")


@dataclass(frozen=True)
class Shock:
    """How likely each of SPREADS is to be τ (`belief` sums to one), and the number of `periods` it
    was learnt from."""

    belief: Floats
    periods: int

    @property
    def deviation(self) -> float:
        """The standard deviation of a period's own shift, on the logit."""
        return float(np.sqrt(self.belief @ SPREADS**2))

    def shifts(self, count: int, doubt: float) -> Floats:
        """So many equally likely shifts δ + s of one period, from the lowest up; `doubt` is the
        deviation of δ. They are quantiles of the mixture over τ."""
        grid = np.linspace(-FURTHEST, FURTHEST, 4001)
        deviation = np.sqrt(SPREADS**2 + doubt**2)
        below = self.belief @ ndtr(grid[None, :] / deviation[:, None])
        return np.interp((np.arange(count) + 0.5) / count, below, grid)


def learn(cases: pd.DataFrame, prior: float, doubt: float) -> Shock:
    """The posterior of τ from settled cases: period, probability, churned (bool).

    `prior`: scale of the half-normal prior. Periods are taken as independent given δ, cases as
    independent given the period's shift.
    """
    likely = np.exp(-((SPREADS / prior) ** 2) / 2)
    periods = 0
    if len(cases):
        grid = np.arange(-FURTHEST, FURTHEST + STEP / 2, STEP)
        rows = cases.sort_values(["period", "probability", "churned"])
        curves = []
        for _, part in rows.groupby("period", sort=True):
            z = _logit(part["probability"].to_numpy(dtype=float))
            moved = z[:, None] + grid[None, :]
            churned = part["churned"].to_numpy(dtype=bool)[:, None]
            log = -np.logaddexp(0, np.where(churned, -moved, moved)).sum(axis=0)
            curves.append(np.exp(log - log.max()))
        periods = len(curves)
        at, mass = np.polynomial.hermite_e.hermegauss(NODES)
        apart = grid[None, None, :] - doubt * at[None, :, None]
        kernel = np.exp(-((apart / SPREADS[:, None, None]) ** 2) / 2)
        kernel /= kernel.sum(axis=2, keepdims=True)
        logs = np.log(np.maximum(kernel @ np.array(curves).T, 1e-300)).sum(axis=2)
        whole = np.exp(logs - logs.max()) @ (mass / mass.sum())
        likely = likely * whole
    return Shock(likely / likely.sum(), periods)


def cases(predictions: pd.DataFrame, outcomes: pd.DataFrame, every: str) -> pd.DataFrame:
    """One row a renewal of a contract that was ever scored: its earliest prediction and its end.

    `predictions` and `outcomes` with the columns of serve.record. Columns: account_id, due_date,
    as_of, period (text, of the due date; `every` month or quarter), probability, churned (missing
    until settled). The earliest, because a later one may know the shock already. A renewal that
    never fell due is none.
    """
    scored = predictions[predictions["status"].eq("scored")]
    scored = scored[scored["month_to_month"].eq(False).fillna(False).astype(bool)]
    first = scored.sort_values(["as_of", *KEY]).drop_duplicates(KEY)
    found = first[[*KEY, "as_of"]].assign(probability=first["churn_probability"].astype(float))
    found = found[found["probability"].notna()]
    found["due_date"], found["as_of"] = (pd.to_datetime(found[of]) for of in ("due_date", "as_of"))
    due = outcomes.loc[outcomes["outcome"].isin([*SETTLED, *UNSETTLED]), [*KEY, "outcome"]]
    due = due.assign(due_date=pd.to_datetime(due["due_date"]))
    found = found.merge(due, on=KEY, validate="one_to_one")
    churned = found["outcome"].eq("churned").astype("boolean")
    return found.drop(columns="outcome").assign(
        period=period(found["due_date"], every),
        churned=churned.where(found["outcome"].isin(SETTLED)),
    )


def over(cases: pd.DataFrame, by: pd.Timestamp, every: str, lag: int) -> pd.DataFrame:
    """The settled cases of the periods that were over, and `lag` days more, on the day `by`."""
    last = pd.PeriodIndex(cases["period"], freq=CODES[every]).end_time.normalize()
    there = (last + pd.Timedelta(days=1 + lag) <= by) & cases["churned"].notna().to_numpy()
    return cases[there].astype({"churned": bool})


def period(days: pd.Series, every: str) -> pd.Series:
    """The calendar month or quarter of each day, as text.

    >>> period(pd.Series(["2025-05-31"]), "quarter").tolist()
    ['2025Q2']
    """
    return pd.to_datetime(days).dt.to_period(CODES[every]).astype(str)


def common(predictions: pd.DataFrame, together: float) -> float:
    """The deviation of δ, on the logit, that the 80 % intervals of the probabilities imply.

    An interval holds what is wrong for one account alone and what is wrong for all; `together` is
    the share of its deviation that all have in common. 0 where no interval is known.
    """
    p, low, high = (
        predictions[f"churn_{name}"].to_numpy(dtype=float, na_value=np.nan)
        for name in ("probability", "low", "high")
    )
    known = ~np.isnan(p + low + high)
    steep = p[known] * (1 - p[known])
    if steep.sum() == 0:
        return 0.0
    own = (_logit(high[known]) - _logit(low[known])) / (2 * EIGHTY)
    return float(together * np.average(own, weights=steep))


def moved(probability: Floats, shift: Floats, variance: float = 0.0) -> Floats:
    """Probabilities (…, renewals) whose logits all move by `shift` (…, 1).

    A `variance` of the shifts is made good for, so that over all of them the mean stays the
    probability: to the second order E expit(z + b) ≈ p + var/2 · p (1 − p) (1 − 2 p).

    >>> moved(np.array([0.5]), np.array([0.0])).tolist()
    [0.5]
    """
    return expit(_logit(probability) - variance / 2 * (1 - 2 * probability) + shift)


def _logit(probability: Floats) -> Floats:
    return logit(np.clip(probability, SMALLEST, 1 - SMALLEST))
