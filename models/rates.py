"""The numbers of the trade: renewal rates, churn rate, GRR, NRR, each with its interval.

Logo and dollar renewal rates ask about what fell due; churn rate, GRR and NRR about every customer
at a period's start. The two have different denominators and never mix. Where an interval is too
wide to be of use, the rate is missing and a note says why: "not enough (12 due, 2 churned)".
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator
from scipy.special import stdtrit

from models.metrics import wilson
from models.slices import periods, sliced

WORST_FIRST = ["churned", "open", "in_grace", "contracted", "expanded", "renewed"]
UNSETTLED = {"open", "in_grace"}
TERMS = ["contract", "month_to_month"]

Floats = NDArray[np.float64]


class MixedKnowledge(ValueError):
    """Renewals as known on different days were given together."""


class RatesSettings(BaseModel):
    """The block `rates` of params.yaml.

    A rate whose 95 % interval is wider than `max_width` (0.3 is 30 points) is not shown. `sizes`:
    the ARR at which the next size of customer begins. `graces`: the days of grace under which the
    rates are shown beside each other.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: Literal["quarter", "year"]
    max_width: float = Field(gt=0)
    sizes: tuple[float, ...]
    graces: tuple[int, ...]

    @field_validator("sizes", "graces")
    @classmethod
    def _rising(cls, edges: tuple[float, ...]) -> tuple[float, ...]:
        if list(edges) != sorted(set(edges)) or any(edge < 0 for edge in edges):
            raise ValueError(f"{list(edges)}: they must rise, from 0 or more")
        return edges


def renewal_rates(
    renewals: pd.DataFrame, settings: RatesSettings, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Logo and dollar renewal rate by period of the due date; columns as in `due_rates`.

    `renewals` as features.contracts gives them, as known on one day.
    """
    period = periods(renewals["due_date"], settings.every)
    return due_rates(renewals.assign(period=period), settings, by)


def due_rates(
    renewals: pd.DataFrame, settings: RatesSettings, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Logo and dollar renewal rate of each `period`, contracts and month to month apart.

    An account counts once a period: due if any of its decisions is, churned if any is, else
    unsettled if any is. Columns: period, terms, by, slice; due = renewed + expanded + contracted +
    churned + in_grace + open (accounts); arr_due_all = the sum of arr_due_<status> (known ARR of
    the decisions that ended, or stand, so); arr_due and arr_renewed of the settled decisions of
    known amounts, arr_unknown (settled decisions without); logo_renewal_rate and
    dollar_renewal_rate with _low and _high, of what is settled; note. Losses are known before
    renewals are, so that no rate is shown while more than `max_width` of the due are not settled.
    """
    days = renewals["by"].nunique()
    if days > 1:
        raise MixedKnowledge(f"renewals as known on {days} days: take those of one `by`")
    rows = renewals.assign(
        terms=np.where(renewals["month_to_month"].astype(bool), TERMS[1], TERMS[0]),
        place=renewals["status"].map(WORST_FIRST.index),
    )
    return sliced(rows, ["period", "terms"], by, lambda part: _due(part, settings))


def book_rates(book: pd.DataFrame, settings: RatesSettings, by: Sequence[str] = ()) -> pd.DataFrame:
    """Churn rate, GRR, NRR and downsell by period, of all customers at its start.

    `book`: one row per account and period, with period (text), account_id, lost (left within it),
    in_grace (not covered at the end of what is known, and may still come back), arr_start and
    arr_end (ARR at both ends, 0 at the end if lost, unknown is missing and has no part in money).
    A customer won or won back within the period is not in it. Who is in grace is counted and has no
    part in the rates. Of the ARR at the start: GRR = Σ min(start, end), NRR = Σ end, arr_churn_rate
    is what left with its account and downsell_rate what those who stayed gave up, so that
    GRR = 1 − arr_churn_rate − downsell_rate. Columns: period, by, slice, customers, in_grace, lost,
    downsold (accounts that stayed and pay less, by more than 1 %), arr_start, arr_end, arr_lost,
    arr_downsell, arr_unknown, churn_rate, grr, nrr, arr_churn_rate, downsell_rate, each with _low
    and _high, note.
    """
    return sliced(book, ["period"], by, lambda part: _book(part, settings))


def _due(part: pd.DataFrame, settings: RatesSettings) -> dict[str, object]:
    account = part.groupby("account_id")["place"].min()
    counts = {status: int((account == i).sum()) for i, status in enumerate(WORST_FIRST)}
    due, churned = len(account), counts["churned"]
    settled = due - sum(counts[status] for status in UNSETTLED)
    owed_by = part["arr_due"].astype(float).dropna().groupby(part["status"]).agg(fsum)
    fell_due = {f"arr_due_{status}": float(owed_by.get(status, 0.0)) for status in WORST_FIRST}
    decisions = part[~part["status"].isin(UNSETTLED)]
    lost = decisions["status"].eq("churned")
    kept = decisions["arr_renewed"].astype(float).mask(lost, 0.0)
    known = decisions["arr_due"].notna() & kept.notna()
    money = pd.DataFrame(
        {"due": decisions["arr_due"].astype(float), "kept": kept, "by": decisions["account_id"]}
    )
    sums = money[known].groupby("by").sum()
    owed, renewed = sums["due"].to_numpy(), sums["kept"].to_numpy()
    figures = _share("logo_renewal_rate", settled - churned, settled)
    figures |= _part("dollar_renewal_rate", renewed, owed)
    note = f"not enough ({settled} due, {churned} churned)"
    rates = _trusted(figures, "logo_renewal_rate", settings.max_width, note)
    if due - settled > settings.max_width * due:
        waiting = f"not settled yet ({due - settled} of {due} due)"
        rates = rates | dict.fromkeys(figures, np.nan) | {"note": waiting}
    return (
        {"due": due}
        | counts
        | {"arr_due_all": fsum(fell_due.values())}
        | fell_due
        | {"arr_due": fsum(owed), "arr_renewed": fsum(renewed), "arr_unknown": int((~known).sum())}
        | rates
    )


def _book(part: pd.DataFrame, settings: RatesSettings) -> dict[str, object]:
    waiting = part["in_grace"].to_numpy(dtype=bool)
    sure = part[~waiting]
    start = sure["arr_start"].to_numpy(dtype=float, na_value=np.nan)
    lost = sure["lost"].to_numpy(dtype=bool)
    end = np.where(lost, 0.0, sure["arr_end"].to_numpy(dtype=float, na_value=np.nan))
    known = ~(np.isnan(start) | np.isnan(end))
    start, end, left = start[known], end[known], lost[known]
    gone, given_up = np.where(left, start, 0.0), np.where(left, 0.0, np.maximum(start - end, 0.0))
    figures = _share("churn_rate", int(lost.sum()), len(lost))
    figures |= _part("grr", np.minimum(start, end), start) | _nrr(start, end)
    figures |= _part("arr_churn_rate", gone, start) | _part("downsell_rate", given_up, start)
    note = f"not enough ({len(lost)} customers, {lost.sum()} lost)"
    return {
        "customers": len(part),
        "in_grace": int(waiting.sum()),
        "lost": int(lost.sum()),
        "downsold": int((~left & (end < 0.99 * start)).sum()),
        "arr_start": fsum(start),
        "arr_end": fsum(end),
        "arr_lost": fsum(gone),
        "arr_downsell": fsum(given_up),
        "arr_unknown": int((~known).sum()),
    } | _trusted(figures, "churn_rate", settings.max_width, note)


def _share(name: str, count: float, total: float) -> dict[str, float]:
    low, high = (float(end) for end in wilson(count, total))
    if not total:
        return _named(name, np.nan, low, high)
    value = count / total
    return _named(name, value, min(low, value), max(high, value))


def _part(name: str, part: Floats, whole: Floats) -> dict[str, float]:
    """Σ part / Σ whole over accounts, with the interval of a share of so many equal accounts.

    Accounts of unequal ARR say no more than (Σ whole)² / Σ whole² equal ones would (Kish 1965), and
    no share of [0, 1] varies more than one of yes and no: Wilson's interval on that number.
    """
    if not fsum(whole) > 0:
        return _named(name, np.nan, np.nan, np.nan)
    value = min(max(fsum(part) / fsum(whole), 0.0), 1.0)
    equal = _equal_accounts(whole)
    return _share(name, value * equal, equal)


def _nrr(start: Floats, end: Floats) -> dict[str, float]:
    """NRR = GRR + growth: their intervals put together as those of a sum (MOVER, Zou and Donner
    2008). Growth has no upper end: Student's t on its linearised error over accounts."""
    grr = _part("grr", np.minimum(start, end), start)
    if not fsum(start) > 0 or len(start) < 2:
        return _named("nrr", grr["grr"], np.nan, np.nan)
    grown = np.maximum(end - start, 0.0)
    growth = fsum(grown) / fsum(start)
    spread = np.sqrt(fsum((grown - growth * start) ** 2) * len(start) / (len(start) - 1))
    error = -float(stdtrit(max(_equal_accounts(start) - 1, 1.0), 0.025) * spread / fsum(start))
    value = grr["grr"] + growth
    below = np.hypot(grr["grr"] - grr["grr_low"], min(growth, error))
    return _named(
        "nrr", value, value - below, value + np.hypot(grr["grr_high"] - grr["grr"], error)
    )


def _equal_accounts(amounts: Floats) -> float:
    return fsum(amounts) ** 2 / fsum(amounts**2)


def _named(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {name: value, f"{name}_low": float(low), f"{name}_high": float(high)}


def _trusted(
    figures: dict[str, float], logos: str, max_width: float, note: str
) -> dict[str, object]:
    """Figures too uncertain to be shown as missing; too few logos are too few for money as well."""
    names = [name for name in figures if f"{name}_low" in figures]
    wide = {n: not figures[f"{n}_high"] - figures[f"{n}_low"] <= max_width for n in names}
    hidden = [n for n in names if wide[n] or wide[logos]]
    kept = {k: np.nan if k in hidden else v for k, v in figures.items()}
    if wide[logos]:
        return kept | {"note": note}
    said = ", ".join(n.replace("_", " ") for n in hidden)
    return kept | {"note": f"not enough for {said}" if said else ""}
