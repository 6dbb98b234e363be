"""The numbers of the trade: renewal rates, churn rate, GRR, NRR, NPS, each with its interval.

Logo and dollar renewal rates ask about what fell due; churn rate, GRR and NRR about every customer
at a period's start. The two have different denominators and never mix. Where an interval is too
wide to be of use, the rate is missing and a note says why: "not enough (12 due, 2 churned)".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import ndtri

from models.metrics import wilson

WORST_FIRST = ["churned", "open", "in_grace", "contracted", "expanded", "renewed"]
UNSETTLED = {"open", "in_grace"}
PERIODS = {"quarter": "Q", "year": "Y"}
TERMS = ["contract", "month_to_month"]

Floats = NDArray[np.float64]


class MixedKnowledge(ValueError):
    """Renewals as known on different days were given together."""


class RatesSettings(BaseModel):
    """The block `rates` of params.yaml.

    A rate whose 95 % interval is wider than `max_width` (0.3 is 30 points) is not shown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: Literal["quarter", "year"]
    max_width: float = Field(gt=0)
    draws: int = Field(ge=100)
    seed: int


@dataclass(frozen=True)
class Nps:
    """% promoters (9–10) − % detractors (0–6), −100 to 100, with its number of answers."""

    value: float
    low: float
    high: float
    answers: int


def renewal_rates(renewals: pd.DataFrame, settings: RatesSettings) -> pd.DataFrame:
    """Logo and dollar renewal rate by period of the due date, contracts and month to month apart.

    `renewals` as features.contracts gives them, as known on one day. An account counts once a
    period: due if any of its decisions is, churned if any is, else unsettled if any is. Columns:
    period, terms, due = renewed + expanded + contracted + churned + in_grace + open (accounts);
    arr_due and arr_renewed of settled decisions, arr_unknown (settled decisions without an amount);
    logo_renewal_rate and dollar_renewal_rate with _low and _high, of what is settled; note.
    """
    days = renewals["by"].nunique()
    if days > 1:
        raise MixedKnowledge(f"renewals as known on {days} days: take those of one `by`")
    rows = renewals.assign(
        period=renewals["due_date"].dt.to_period(PERIODS[settings.every]).astype(str),
        terms=np.where(renewals["month_to_month"].astype(bool), TERMS[1], TERMS[0]),
        place=renewals["status"].map(WORST_FIRST.index),
    )
    found = [
        {"period": period, "terms": terms} | _period(part, settings)
        for (period, terms), part in rows.groupby(["period", "terms"], sort=True)
    ]
    return pd.DataFrame(found)


def book_rates(book: pd.DataFrame, settings: RatesSettings) -> pd.DataFrame:
    """Churn rate, GRR and NRR by period, of all customers at its start.

    `book`: one row per account and period, with period (text), account_id, lost (left within it),
    arr_start and arr_end (ARR at both ends, 0 at the end if lost, unknown is missing and has no
    part in money). A customer won or won back within the period is not in it. GRR = Σ min(start,
    end) / Σ start, NRR = Σ end / Σ start. Columns: period, customers, lost, churn_rate, grr, nrr,
    each with _low and _high, arr_start, arr_end, arr_unknown, note.
    """
    found = []
    for period, part in book.groupby("period", sort=True):
        start = part["arr_start"].to_numpy(dtype=float, na_value=np.nan)
        lost = part["lost"].to_numpy(dtype=bool)
        end = np.where(lost, 0.0, part["arr_end"].to_numpy(dtype=float, na_value=np.nan))
        known = ~(np.isnan(start) | np.isnan(end))
        start, end = start[known], end[known]
        kept = np.minimum(start, end)
        figures = _share("churn_rate", lost.sum(), len(lost))
        figures |= _money(["grr", "nrr"], start, [kept, end], settings)
        note = f"not enough ({len(lost)} customers, {lost.sum()} lost)"
        found.append(
            {"period": period, "customers": len(lost), "lost": int(lost.sum())}
            | {"arr_start": start.sum(), "arr_end": end.sum(), "arr_unknown": int((~known).sum())}
            | _trusted(figures, "churn_rate", settings.max_width, note)
        )
    return pd.DataFrame(found)


def nps(answers: pd.Series) -> Nps:
    """Net promoter score of answers 0 to 10, missing ones aside; 95 % by the normal approximation.

    >>> nps(pd.Series([10, 9, 8, 3])).value
    25.0
    >>> nps(pd.Series([], dtype=float)).answers
    0
    """
    given = answers.dropna().to_numpy(dtype=float)
    outside = given[(given < 0) | (given > 10)]
    if outside.size:
        raise ValueError(f"an NPS answer is {outside[0]:g}: answers lie between 0 and 10")
    if not given.size:
        return Nps(np.nan, -100.0, 100.0, 0)
    vote = np.where(given >= 9, 1.0, np.where(given <= 6, -1.0, 0.0))
    half = ndtri(0.975) * vote.std() / np.sqrt(vote.size)
    low, high = max(vote.mean() - half, -1.0), min(vote.mean() + half, 1.0)
    return Nps(float(100 * vote.mean()), float(100 * low), float(100 * high), vote.size)


def _period(part: pd.DataFrame, settings: RatesSettings) -> dict[str, object]:
    account = part.groupby("account_id")["place"].min()
    counts = {status: int((account == i).sum()) for i, status in enumerate(WORST_FIRST)}
    due, churned = len(account), counts["churned"]
    settled = due - sum(counts[status] for status in UNSETTLED)
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
    figures |= _money(["dollar_renewal_rate"], owed, [renewed], settings)
    note = f"not enough ({settled} due, {churned} churned)"
    return (
        {"due": due}
        | counts
        | {"arr_due": owed.sum(), "arr_renewed": renewed.sum(), "arr_unknown": int((~known).sum())}
        | _trusted(figures, "logo_renewal_rate", settings.max_width, note)
    )


def _share(name: str, count: int, total: int) -> dict[str, float]:
    low, high = wilson(count, total)
    value = count / total if total else np.nan
    return {name: value, f"{name}_low": float(low), f"{name}_high": float(high)}


def _money(
    names: list[str], whole: Floats, parts: list[Floats], settings: RatesSettings
) -> dict[str, float]:
    """Σ part / Σ whole with an interval by drawing accounts; the same draws for every part.

    The accounts are put in order of their amounts first: neither names nor the order of rows count.
    """
    figures: dict[str, float] = {}
    order = np.lexsort([*parts, whole])
    whole = whole[order]
    drawn = np.zeros((0, 0))
    if whole.sum() > 0:
        rng = np.random.default_rng(settings.seed)
        even = np.full(len(whole), 1 / len(whole))
        drawn = rng.multinomial(len(whole), even, size=settings.draws).astype(float)
        drawn = drawn[drawn @ whole > 0]
    for name, part in zip(names, parts, strict=True):
        low = high = value = np.nan
        if len(drawn):
            value = part.sum() / whole.sum()
            ratio = (drawn @ part[order]) / (drawn @ whole)
            low, high = np.quantile(ratio, [0.025, 0.975]).tolist()
        figures |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return figures


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
