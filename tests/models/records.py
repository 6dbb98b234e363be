"""Small records, with every column that a prediction of a renewal has."""

from __future__ import annotations

import pandas as pd

from tests.worlds import table

START = pd.Timestamp("2025-01-01")
BY, WAIT = pd.Timestamp("2026-01-01").date(), 37
NUMBERS = {
    "arr_due": 1000.0,
    "churn_probability": 0.1,
    "base_rate": 0.1,
    "health_score": 80.0,
    "health_refitted": 0.0,
    "csm_call": None,
}
TEXTS = {"risk_band": "low", "health_band": "green", "segment": "SMB", "owner": "o", "plan": "p"}


def predictions(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` (account_id, due_date, as_of and what matters) with the usual in all other columns."""
    due, as_of = (pd.to_datetime(rows[name]) for name in ("due_date", "as_of"))
    found = rows.assign(due_date=due, as_of=as_of, days_to_due=(due - as_of).dt.days)
    for name, usual in NUMBERS.items():
        given = rows[name] if name in rows else pd.Series(usual, rows.index, dtype=object)
        found[name] = given.astype(float)
    for name, text in TEXTS.items():
        found[name] = rows.get(name, text)
    warned = rows["early_warning"].map({"yes": True}) if "early_warning" in rows else None
    found["early_warning"] = False if warned is None else warned.eq(True)
    return found.assign(status=rows.get("status", "scored"))


def outcomes(text: str) -> pd.DataFrame:
    """account_id, due_date, outcome and optionally arr_due and terms (m: month to month)."""
    rows = table(text)
    given = rows["arr_due"].astype(float) if "arr_due" in rows else 1000.0
    monthly = rows["terms"].eq("m") if "terms" in rows else False
    return rows.assign(
        due_date=pd.to_datetime(rows["due_date"]), arr_due=given, month_to_month=monthly
    )
