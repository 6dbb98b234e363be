"""The forecast of past cycles as it stood then, beside what happened."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models import shock
from models.portfolio import EVERY, LEVELS, TERMS, WINDOW, ForecastSettings, forecast
from models.shock import KEY, SETTLED, UNSETTLED, Shock, period

COVERED = 0.95  # a quarter of 92 days is covered by a window of 90


def shocks(
    predictions: pd.DataFrame,
    outcomes: pd.DataFrame,
    as_of: pd.Timestamp,
    settings: ForecastSettings,
    lag: int,
) -> dict[str, Shock]:
    """What was known of the common shock on a morning, by month and by quarter.

    Learnt from predictions made before it, in periods that were over `lag` days before (grace and
    the delay of subscription facts).
    """
    earlier = predictions[pd.to_datetime(predictions["as_of"]) < as_of]
    found = {}
    for every in EVERY:
        known = shock.over(shock.cases(earlier, outcomes, every), as_of, every, lag)
        found[every] = shock.learn(known, settings.prior, shock.common(earlier, settings.together))
    return found


def past(
    predictions: pd.DataFrame,
    outcomes: pd.DataFrame,
    settings: ForecastSettings,
    *,
    within: int,
    lag: int,
) -> pd.DataFrame:
    """One row an as_of, every and cycle: the forecast of contracts then, and what happened to the
    very renewals it was of.

    `predictions` and `outcomes` with the columns of serve.record; decided renewals count where
    `decided_share` is given. Columns: those of models.portfolio.forecast, and not_due (renewals
    that never fell due: the account left before, or its row was replaced), settled_share (of the
    others), churned (accounts), actual_arr_renewed (of settled renewals of known ARR),
    actual_arr_due (theirs, on the due date), actual_logo_renewal_rate (of settled accounts);
    inside_80 and inside_95 (the ARR renewed), logos_inside_80 and logos_inside_95: missing until
    every renewal is settled.
    """
    found = []
    contracts = predictions[predictions["month_to_month"].eq(False).fillna(False).astype(bool)]
    days = pd.to_datetime(contracts["as_of"])
    for as_of in sorted(days.unique()):
        rows = contracts[days.eq(as_of)]
        told = shocks(predictions, outcomes, pd.Timestamp(as_of), settings, lag)
        doubt = shock.common(rows, settings.together)
        stood = forecast(rows, told, doubt, settings, within=within)
        happened = _dated(_forecast_of(rows)).merge(
            _dated(outcomes[[*KEY, "outcome", "arr_renewed", "arr_due"]]),
            on=KEY,
            suffixes=("_then", ""),
            validate="one_to_one",
        )
        happened = happened[happened["outcome"].isin([*SETTLED, *UNSETTLED])]
        for row in stood.to_dict("records"):
            if row["every"] == WINDOW and row["terms"] != TERMS[False]:
                continue
            mine = happened
            if row["every"] != WINDOW:
                mine = happened[period(happened["due_date"], row["every"]).eq(row["cycle"])]
            found.append(row | _actual(mine, row))
    return pd.DataFrame(found)


def held(past: pd.DataFrame) -> pd.DataFrame:
    """How often the ends held, by every: of the cycles that are settled and whose days a forecast
    covered (at least COVERED), each as it was forecast first. Columns: every, cycles, inside_80,
    inside_95, logos_inside_80, logos_inside_95 (numbers of cycles)."""
    columns = [f"{of}inside_{level}" for of in ("", "logos_") for level in LEVELS]
    if past.empty:
        return pd.DataFrame(columns=["every", "cycles", *columns])
    enough = past["covers"].ge(COVERED) & past["every"].ne(WINDOW)
    done = past[enough & past["settled_share"].eq(1)]
    first = done.sort_values("as_of").drop_duplicates(["every", "cycle"])
    counted = first.groupby("every")[columns].sum().astype(int)
    return counted.assign(cycles=first.groupby("every").size()).reset_index()


def _forecast_of(rows: pd.DataFrame) -> pd.DataFrame:
    """The renewals that a forecast is of: scored, or decided with a known end."""
    chosen = rows["status"].eq("scored") & rows["churn_probability"].notna()
    if "decided_share" in rows:
        chosen |= rows["status"].eq("decided") & rows["decided_share"].notna()
    return rows[chosen]


def _dated(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(due_date=pd.to_datetime(rows["due_date"]))


def _actual(rows: pd.DataFrame, stood: dict) -> dict[str, object]:
    settled = rows[rows["outcome"].isin(SETTLED)]
    churned = set(settled.loc[settled["outcome"].eq("churned"), "account_id"])
    kept = settled["arr_renewed"].astype(float).mask(settled["outcome"].eq("churned"), 0.0)
    forecast_money = settled["arr_due_then"].notna() & settled["expected_arr_renewed"].notna()
    if "decided_share" in settled:
        forecast_money |= settled["arr_due_then"].notna() & settled["decided_share"].notna()
    known = forecast_money & kept.notna() & settled["arr_due"].notna()
    accounts = settled["account_id"].nunique()
    actual = float(kept[known].sum()) if known.any() else np.nan
    found: dict[str, object] = {
        "not_due": stood["renewals"] - len(rows),
        "settled_share": len(settled) / len(rows) if len(rows) else 1.0,
        "churned": len(churned),
        "actual_arr_renewed": actual,
        "actual_arr_due": float(settled.loc[known, "arr_due"].sum()) if known.any() else np.nan,
        "actual_logo_renewal_rate": 1 - len(churned) / accounts if accounts else np.nan,
    }
    whole = 0 < len(settled) == len(rows)
    counted = whole and known.sum() == forecast_money.sum() and not np.isnan(stood["arr_renewed"])
    rate = found["actual_logo_renewal_rate"]
    for level in LEVELS:
        found[f"inside_{level}"] = (
            _within(actual, stood, f"arr_renewed_low_{level}", f"arr_renewed_high_{level}")
            if counted
            else pd.NA
        )
        found[f"logos_inside_{level}"] = (
            _within(
                rate, stood, f"logo_renewal_rate_low_{level}", f"logo_renewal_rate_high_{level}"
            )
            if whole
            else pd.NA
        )
    return found


def _within(value: object, stood: dict, low: str, high: str) -> bool:
    return bool(stood[low] - 1e-9 <= float(value) <= stood[high] + 1e-9)  # type: ignore[arg-type]
