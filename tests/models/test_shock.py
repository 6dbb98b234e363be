"""The common shock: how far a period moves all log-odds together, as far as the past can say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from models import shock

PRIOR = 0.3


def settled(spread: float, periods: int, seed: int, error: float = 0.0, size: int = 400):
    draw = np.random.default_rng(seed)
    parts = []
    for period in range(periods):
        p = expit(draw.normal(-1.5, 0.8, size))
        true = expit(logit(p) + error + draw.normal(0, spread))
        parts.append(
            pd.DataFrame({"period": period, "probability": p, "churned": draw.random(size) < true})
        )
    return pd.concat(parts, ignore_index=True)


def predicted(rows: list[tuple]) -> pd.DataFrame:
    columns = ["account_id", "due_date", "as_of", "churn_probability", "status", "month_to_month"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(
        due_date=pd.to_datetime(frame["due_date"]), as_of=pd.to_datetime(frame["as_of"])
    )


def ended(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "due_date", "outcome"])
    return frame.assign(due_date=pd.to_datetime(frame["due_date"]))


def test_the_spread_of_shocks_is_found_where_periods_are_many():
    found = [shock.learn(settled(0.5, 40, seed), PRIOR, 0.0).deviation for seed in range(4)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


def test_where_there_are_no_shocks_little_is_believed_of_them():
    assert shock.learn(settled(0.0, 40, 1), PRIOR, 0.0).deviation < 0.08


def test_without_a_period_the_prior_is_all():
    found = shock.learn(settled(0.0, 1, 1).iloc[:0], PRIOR, 0.1)
    assert found.periods == 0
    assert found.deviation == pytest.approx(PRIOR, rel=0.03)


def test_what_all_periods_share_is_the_error_of_the_level_and_no_shock():
    rows = settled(0.0, 12, 3, error=0.4)
    assert shock.learn(rows, PRIOR, 0.4).deviation < 0.5 * shock.learn(rows, PRIOR, 0.0).deviation


def test_neither_the_order_of_cases_nor_of_periods_counts():
    rows = settled(0.4, 6, 5)
    shuffled = rows.sample(frac=1, random_state=1).assign(period=lambda of: 9 - of["period"])
    one, other = (shock.learn(of, PRIOR, 0.1).belief for of in (rows, shuffled))
    assert np.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("doubt", [0.0, 0.3])
def test_the_shifts_scatter_as_shock_and_doubt_together(doubt):
    of = shock.learn(settled(0.3, 8, 7), PRIOR, 0.0)
    shifts = of.shifts(4000, doubt)
    assert shifts.mean() == pytest.approx(0, abs=1e-3)
    assert shifts.std() == pytest.approx(np.hypot(of.deviation, doubt), rel=0.03)
    assert (np.diff(shifts) >= 0).all()


def test_shifts_leave_the_mean_probability_where_it_was():
    p = np.array([0.03, 0.15, 0.5])
    at, mass = np.polynomial.hermite_e.hermegauss(31)
    moved = shock.moved(p, 0.6 * at[:, None], 0.36)
    assert np.average(moved, axis=0, weights=mass) == pytest.approx(p, rel=0.02)


def test_a_renewal_is_a_case_once_by_its_earliest_prediction():
    said = predicted(
        [
            ("a", "2025-03-10", "2025-02-01", 0.2, "scored", False),
            ("a", "2025-03-10", "2025-01-01", 0.1, "scored", False),
            ("m", "2025-03-10", "2025-01-01", 0.1, "scored", True),
            ("d", "2025-03-10", "2025-01-01", None, "decided", False),
            ("v", "2025-03-10", "2025-01-01", 0.3, "scored", False),
            ("o", "2025-04-10", "2025-03-01", 0.4, "scored", False),
        ]
    )
    happened = ended(
        [
            ("a", "2025-03-10", "churned"),
            ("m", "2025-03-10", "renewed"),
            ("d", "2025-03-10", "churned"),
            ("v", "2025-03-10", "not_due"),
            ("o", "2025-04-10", "in_grace"),
        ]
    )
    found = shock.cases(said, happened, "quarter").set_index("account_id")
    assert sorted(found.index) == ["a", "o"]
    assert found.loc["a", "probability"] == 0.1
    assert found.loc["a", "churned"]
    assert found.loc["a", "period"] == "2025Q1"
    assert pd.isna(found.loc["o", "churned"])


def test_a_period_is_over_when_its_last_day_and_the_lag_have_passed():
    said = predicted([("a", "2025-03-10", "2025-02-01", 0.2, "scored", False)])
    rows = shock.cases(said, ended([("a", "2025-03-10", "renewed")]), "month")
    assert shock.over(rows, pd.Timestamp("2025-05-01"), "month", 31).empty
    assert len(shock.over(rows, pd.Timestamp("2025-05-01"), "month", 30)) == 1


def test_the_doubt_that_all_share_is_a_part_of_what_the_intervals_say():
    p = np.array([0.1, 0.3])
    reach = shock.EIGHTY * 0.5
    rows = pd.DataFrame(
        {
            "churn_probability": p,
            "churn_low": expit(logit(p) - reach),
            "churn_high": expit(logit(p) + reach),
        }
    )
    assert shock.common(rows, 0.4) == pytest.approx(0.2)
    assert shock.common(rows.assign(churn_low=np.nan), 0.4) == 0.0
