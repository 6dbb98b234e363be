"""What the page of the cycle says: what is due, what is expected, and what has happened so far."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from serve.ledger import Ledger
from serve.predictions import of_publication
from serve.record import KEY, SETTLED, UNSETTLED
from serve.web.listing import answer
from serve.web.morning import Morning
from serve.web.question import Question
from serve.web.told import Told

STATUSES = ("scored", "decided", "in_grace", "later_renewal", "failed")
MEANINGS = {
    "scored": "undecided: these have a prediction",
    "decided": "notice is known, the renewal is already booked, or the account has left",
    "in_grace": "the due date has passed without renewal; it may still come",
    "later_renewal": "the same account decides on another renewal first",
    "failed": "no prediction was possible",
}


def so_far(ledger: Ledger, as_of: date) -> pd.DataFrame:
    """What was sealed on a morning, each renewal beside what is known of its end (if anything)."""
    record = ledger.read(as_of, as_of + timedelta(days=1))
    known = record.outcomes[[*KEY, "outcome", "arr_renewed", "known_on"]]
    return record.predictions.merge(known, on=KEY, how="left")


def figures(morning: Morning, record: pd.DataFrame | None, told: Told | None) -> dict[str, Any]:
    """`record` is of `so_far`, None without a ledger; `told` is what the pipeline wrote."""
    return _published(morning) | {
        "actual": None if record is None else actual(record),
        "book": _newest(told, "book_rates"),
        "due_rates": _newest(told, "renewal_rates"),
        "forecast": _forecast(morning, told),
    }


@lru_cache(maxsize=1)
def _published(morning: Morning) -> dict[str, Any]:
    """What a publication says of its cycle, worked out once."""
    predictions = morning.published.predictions
    scored = predictions[predictions["status"].eq("scored")]
    terms = morning.published.record.set_index("prediction_id")["month_to_month"]
    monthly = _true(scored["prediction_id"].map(terms))
    counts = answer(morning.listing, Question()).counts
    return {
        "due_within": morning.manifest["due_within"],
        "due": morning.manifest["due"],
        "statuses": {
            name: {**morning.manifest["statuses"][name], "meaning": MEANINGS[name]}
            for name in STATUSES
        },
        "reasons": _reasons(predictions),
        "outcomes": morning.manifest["outcomes"],
        "at_risk": _sum(scored["arr_at_risk"]),
        "counts": {
            "high": counts["band"].get("high", 0),
            "warned": counts["warning"].get("yes", 0),
            "differ": counts["agreement"]["differ"],
            "expand": counts["quadrant"].get("expand", 0),
        },
        "months": _months(scored, monthly),
        "monthly": {
            "renewals": int(monthly.sum()),
            "expected_lost": float(scored.loc[monthly, "churn_probability"].sum()),
        },
        "horizon": morning.horizon,
    }


def actual(record: pd.DataFrame) -> dict[str, Any] | None:
    """Of the scored contracts of a morning: how many are settled, how they were expected to end,
    and how they did; None where the ledger holds nothing scored.

    The probability of a customer who decides every month is not of the one renewal: `monthly`
    counts them. Losses are known before stays are: while some are open, what has happened so far is
    not a sample of what will.
    """
    scored = record[record["status"].eq("scored")]
    if scored.empty:
        return None
    monthly = _true(scored["month_to_month"])
    scored = scored[~monthly]
    settled = scored[scored["outcome"].isin(SETTLED)]
    chance = settled["churn_probability"].to_numpy(dtype=float)
    stands = scored["outcome"].fillna("open").value_counts().to_dict()
    money = settled[settled["arr_renewed"].notna() & settled["expected_arr_renewed"].notna()]
    return {
        "scored": len(scored),
        "monthly": int(monthly.sum()),
        "settled": len(settled),
        "waiting": {name: int(stands.get(name, 0)) for name in UNSETTLED},
        "ended": {name: int(stands.get(name, 0)) for name in SETTLED},
        "expected_lost": float(chance.sum()),
        "spread": float(np.sqrt((chance * (1 - chance)).sum())),
        "lost": int(settled["outcome"].eq("churned").sum()),
        "expected_renewed": _sum(money["expected_arr_renewed"]),
        "renewed": _sum(money["arr_renewed"]),
        "with_money": len(money),
        "known_on": str(settled["known_on"].max().date()) if len(settled) else None,
        "sealed": bool(scored["sealed"].all()),
    }


def _reasons(predictions: pd.DataFrame) -> list[dict[str, Any]]:
    """Why renewals have no prediction, by status and reason, with their number."""
    rest = predictions[predictions["status"].ne("scored")]
    counted = rest.assign(why=rest["status_reason"].fillna("")).groupby(["status", "why"]).size()
    return [
        {"status": status, "reason": why, "renewals": int(count)}
        for (status, why), count in counted.items()
    ]


def _months(scored: pd.DataFrame, monthly: pd.Series) -> list[dict[str, Any]]:
    """What is due and at risk, by the calendar month of the due date; of contracts how many are
    expected to be lost in it."""
    found = []
    for cycle, rows in scored.groupby("target_cycle", sort=True):
        found.append(
            {
                "cycle": str(cycle),
                "renewals": len(rows),
                "expected_lost": float(rows.loc[~monthly[rows.index], "churn_probability"].sum()),
                "arr_due": _sum(rows["arr_due"]),
                "arr_at_risk": _sum(rows["arr_at_risk"]),
                "high": int(rows["risk_band"].eq("high").sum()),
            }
        )
    return found


def _newest(told: Told | None, table: str) -> list[dict[str, Any]]:
    """The rows of all accounts of a table of the trade in its newest period that has a rate."""
    rows: Sequence[dict[str, Any]] = [] if told is None else told.figures["trade"][table]
    whole = [row for row in rows if row["by"] == "all"]
    shown = {"book_rates": "grr", "renewal_rates": "logo_renewal_rate"}[table]
    known = [row for row in whole if row[shown] is not None] or whole
    last = max((row["period"] for row in known), default=None)
    return [row for row in known if row["period"] == last]


def _forecast(morning: Morning, told: Told | None) -> list[dict[str, Any]]:
    """The forecast of the contracts due, by month, if it is of this publication; with intervals."""
    forecast = {} if told is None else told.figures["forecast"]
    if forecast.get("of") != of_publication(morning.manifest):
        return []
    return [
        row
        for row in forecast["coming"]
        if row["terms"] == "contract" and row["every"] != "quarter"
    ]


def _true(flags: pd.Series) -> pd.Series:
    return flags.astype("boolean").fillna(False).astype(bool)


def _sum(column: pd.Series) -> float | None:
    known = column.dropna()
    return float(known.sum()) if len(known) else None
