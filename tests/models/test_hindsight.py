"""The forecast as it stood then, beside what happened to the renewals that it was of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models import hindsight
from models.portfolio import ForecastSettings

SETTINGS = ForecastSettings(draws=500, seed=1, prior=0.3, together=0.27)
MORNINGS = pd.date_range("2025-01-01", "2025-06-01", freq="MS")
LAG = 35
MONTHS = 6


def record(seed: int = 1, shift: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Thirty contracts due in each month, seen on each morning of the 90 days before."""
    draw = np.random.default_rng(seed)
    due = pd.to_datetime([f"2025-{month:02}-15" for month in range(1, MONTHS + 1)]).repeat(30)
    p = draw.uniform(0.05, 0.4, len(due))
    arr = np.round(draw.lognormal(9, 0.8, len(due)), 2)
    each = pd.DataFrame(
        {
            "account_id": [f"a{i:03}" for i in range(len(due))],
            "due_date": due,
            "month_to_month": False,
            "status": "scored",
            "arr_due": arr,
            "churn_probability": p,
            "churn_low": p * 0.8,
            "churn_high": p * 1.2,
            "expected_arr_renewed": arr * (1 - p),
        }
    )
    seen = [
        each[each["due_date"].between(day, day + pd.Timedelta(days=89))].assign(as_of=day)
        for day in MORNINGS
    ]
    churned = draw.random(len(due)) < p + shift
    outcomes = each[["account_id", "due_date", "arr_due"]].assign(
        outcome=np.where(churned, "churned", "renewed"), arr_renewed=np.where(churned, 0.0, arr)
    )
    return pd.concat(seen, ignore_index=True), outcomes


def past(predictions: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    return hindsight.past(predictions, outcomes, SETTINGS, within=90, lag=LAG)


def april(found: pd.DataFrame) -> pd.Series:
    """The month as it was forecast on 1 March."""
    return found[found["as_of"].eq(pd.Timestamp("2025-03-01")) & found["cycle"].eq("2025-04")].iloc[
        0
    ]


def test_a_forecast_is_as_it_stood_then_whatever_happened_later():
    """Outcomes that were not over by a morning, and later mornings, move nothing it said."""
    predictions, outcomes = record()
    day = pd.Timestamp("2025-04-01")
    predictions.loc[predictions["as_of"].gt(day), "churn_low"] *= 1e-3  # a doubt of later days
    later = outcomes["due_date"] >= "2025-02-01"  # February is over on 5 April, with the lag
    other = outcomes.assign(outcome=outcomes["outcome"].mask(later, "churned"))
    cut = predictions[predictions["as_of"].le(day)]
    whole, erased = past(predictions, outcomes), past(cut, other)
    said = list(whole.columns[: list(whole.columns).index("not_due")])
    pd.testing.assert_frame_equal(
        whole.loc[whole["as_of"].eq(day), said].reset_index(drop=True),
        erased.loc[erased["as_of"].eq(day), said].reset_index(drop=True),
    )


def test_periods_count_for_the_shock_once_they_were_over():
    predictions, outcomes = record()
    months = past(predictions, outcomes).query("every == 'month'")
    learnt = months.groupby("as_of")["periods"].first()
    assert learnt.tolist() == [0, 0, 0, 1, 2, 3]


def test_what_happened_stands_beside_it():
    predictions, outcomes = record()
    row = april(past(predictions, outcomes))
    mine = outcomes[outcomes["due_date"].eq("2025-04-15")]
    assert row["actual_arr_renewed"] == pytest.approx(mine["arr_renewed"].sum())
    assert row["churned"] == mine["outcome"].eq("churned").sum()
    assert row["actual_logo_renewal_rate"] == pytest.approx(1 - row["churned"] / 30)
    assert row["settled_share"] == 1
    held = row["arr_renewed_low_80"] <= row["actual_arr_renewed"] <= row["arr_renewed_high_80"]
    assert row["inside_80"] == held


def test_a_cycle_is_inside_or_not_only_when_all_of_it_is_settled():
    predictions, outcomes = record()
    last = outcomes.index[outcomes["due_date"].eq("2025-04-15")][0]
    outcomes.loc[last, ["outcome", "arr_renewed"]] = ["in_grace", np.nan]
    row = april(past(predictions, outcomes))
    assert row["settled_share"] == pytest.approx(29 / 30)
    assert row["actual_arr_renewed"] > 0
    assert all(pd.isna(row[of]) for of in ("inside_80", "inside_95", "logos_inside_80"))


def test_a_renewal_that_never_fell_due_is_counted_and_judges_nothing():
    predictions, outcomes = record()
    gone = outcomes["due_date"].eq("2025-04-15") & outcomes["outcome"].eq("churned")
    first = outcomes.index[gone][0]
    for other in (outcomes.drop(first), outcomes.assign(outcome="renewed")):
        if len(other) == len(outcomes):
            other = outcomes.copy()
            other.loc[first, "outcome"] = "not_due"
        row = april(past(predictions, other))
        assert (row["not_due"], row["settled_share"]) == (1, 1)
        assert row["churned"] == gone.sum() - 1


def test_intervals_hold_on_a_calibrated_record_and_not_on_one_that_is_wrong():
    right = pd.concat([hindsight.held(past(*record(seed))) for seed in range(4)])
    wrong = pd.concat([hindsight.held(past(*record(seed, shift=0.4))) for seed in range(2)])
    months = [of[of["every"].eq("month")] for of in (right, wrong)]
    assert months[0]["cycles"].sum() == 4 * MONTHS
    assert months[0]["logos_inside_95"].sum() >= 0.85 * 4 * MONTHS
    assert months[1]["logos_inside_95"].sum() <= 0.3 * 2 * MONTHS


def test_each_cycle_is_held_against_its_first_forecast():
    predictions, outcomes = record()
    found = past(predictions, outcomes)
    april = found["every"].eq("month") & found["cycle"].eq("2025-04") & found["covers"].ge(0.95)
    assert april.sum() > 1
    first = found[april].sort_values("as_of").index[0]
    found.loc[april, "inside_80"] = False
    without = hindsight.held(found).set_index("every").loc["month", "inside_80"]
    found.loc[first, "inside_80"] = True
    assert hindsight.held(found).set_index("every").loc["month", "inside_80"] == without + 1
    assert hindsight.held(found.iloc[:0]).empty
