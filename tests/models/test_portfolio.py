"""The forecast of the coming cycles: chance, the common error and the common shock."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from models import forecast as numbers
from models import portfolio
from models.shock import SPREADS, Shock

SETTINGS = portfolio.ForecastSettings(draws=8_000, seed=1, prior=0.3, together=0.27)


def spread(of: float) -> Shock:
    belief = np.zeros(len(SPREADS))
    belief[np.argmin(np.abs(SPREADS - of))] = 1.0
    return Shock(belief, 4)


CALM, ROUGH = spread(0.0), spread(0.5)


def renewals(count: int = 60, seed: int = 1, **columns) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    p = draw.uniform(0.02, 0.4, count)
    arr = np.round(draw.lognormal(9, 1, count), 2)
    rows = pd.DataFrame(
        {
            "account_id": [f"a{i:03}" for i in range(count)],
            "as_of": pd.Timestamp("2025-01-01"),
            "due_date": pd.Timestamp("2025-01-15"),
            "month_to_month": False,
            "status": "scored",
            "arr_due": arr,
            "churn_probability": p,
            "expected_arr_renewed": arr * (1 - p) * 0.97,
        }
    )
    return rows.assign(**columns)


def told(rows: pd.DataFrame, of: Shock = CALM, doubt: float = 0.0, every: str = "month"):
    found = portfolio.forecast(rows, {"month": of, "quarter": of}, doubt, SETTINGS, within=90)
    return found[found["every"].eq(every) & found["terms"].eq("contract")].iloc[0]


def test_equal_renewals_without_a_shock_are_lost_as_the_binomial_has_it():
    rows = renewals(50, churn_probability=0.2, arr_due=100.0, expected_arr_renewed=80.0)
    row = told(rows)
    for level, mass in portfolio.LEVELS.items():
        low, high = numbers.ends(binom.pmf(np.arange(51), 50, 0.2), mass)
        assert row[f"logo_renewal_rate_high_{level}"] == pytest.approx(1 - low / 50)
        assert row[f"logo_renewal_rate_low_{level}"] == pytest.approx(1 - high / 50)
    assert row["arr_renewed"] == pytest.approx(4000)
    assert row["arr_renewed_low_80"] == 100 * (50 - binom.ppf(0.9, 50, 0.2))


def test_simulated_losses_are_those_of_the_exact_convolution_under_a_common_error():
    rows = renewals()
    p = rows["churn_probability"].to_numpy()
    drawn = portfolio.simulate(portfolio.branches(rows), CALM, 0.2, SETTINGS)
    exact = numbers.chances(p, 0.2)
    simulated = np.bincount(drawn.lost.astype(int), minlength=len(exact)) / SETTINGS.draws
    assert np.abs(np.cumsum(simulated) - np.cumsum(exact)).max() < 0.02


def test_the_draws_are_of_the_arr_that_is_expected():
    rows = renewals(p_contracted=0.05)
    drawn = portfolio.simulate(portfolio.branches(rows), ROUGH, 0.1, SETTINGS)
    assert drawn.renewed.mean() == pytest.approx(rows["expected_arr_renewed"].sum(), rel=0.006)


def test_neither_names_nor_the_order_of_rows_count():
    rows = renewals()
    other = rows.sample(frac=1, random_state=3)
    other["account_id"] = [f"z{i}" for i in range(len(other))]
    asked = {"month": ROUGH, "quarter": ROUGH}
    one, two = (portfolio.forecast(of, asked, 0.1, SETTINGS, within=90) for of in (rows, other))
    pd.testing.assert_frame_equal(one, two)


def test_a_shock_and_a_common_error_each_widen_the_interval():
    rows = renewals(300)
    widths = [
        row["dollar_renewal_rate_high_80"] - row["dollar_renewal_rate_low_80"]
        for row in (told(rows), told(rows, doubt=0.3), told(rows, ROUGH), told(rows, ROUGH, 0.3))
    ]
    assert widths[0] < 0.9 * min(widths[1:3])
    assert max(widths[1:3]) < 0.97 * widths[3]


def test_the_scenarios_are_one_shock_for_the_better_none_and_one_for_the_worse():
    row = told(renewals(), ROUGH)
    for name in ("arr_renewed", "dollar_renewal_rate", "logo_renewal_rate"):
        assert row[f"{name}_if_high"] > row[f"{name}_if_medium"] > row[f"{name}_if_low"]
        assert row[f"{name}_if_medium"] == pytest.approx(row[name])
    assert told(renewals())["arr_renewed_if_low"] > row["arr_renewed_if_low"]


def test_decided_renewals_count_at_what_was_decided():
    rows = renewals(40)
    rows.loc[:3, "status"] = "decided"
    rows.loc[:3, ["churn_probability", "expected_arr_renewed"]] = np.nan
    rows["decided_share"] = [1.0, 1.0, 0.0, np.nan] + [np.nan] * 36
    row, scored = told(rows), told(rows.iloc[4:])
    assert (row["renewals"], row["decided"], row["decided_unknown"]) == (39, 3, 1)
    kept = rows["arr_due"].iloc[:2].sum()
    for name in ("arr_renewed", "arr_renewed_low_95", "arr_renewed_if_low"):
        assert row[name] == pytest.approx(scored[name] + kept)
    assert row["arr_due"] == pytest.approx(scored["arr_due"] + rows["arr_due"].iloc[:3].sum())
    lost = 36 * (1 - scored["logo_renewal_rate"]) + 1
    assert row["logo_renewal_rate"] == pytest.approx(1 - lost / 39)


def test_an_account_that_gave_notice_is_lost_once():
    rows = renewals(2, account_id="a", decided_share=[0.0, np.nan])
    rows.loc[0, "status"] = "decided"
    row = told(rows)
    assert row["accounts"] == 1
    assert row["logo_renewal_rate"] == row["logo_renewal_rate_low_95"] == 0


def test_unknown_arr_is_counted_and_has_no_part_in_money():
    rows = renewals(30)
    rows.loc[:4, ["arr_due", "expected_arr_renewed"]] = np.nan
    row = told(rows)
    assert row["arr_unknown"] == 5
    assert row["arr_due"] == pytest.approx(rows["arr_due"].sum())
    assert row["accounts"] == 30
    none = told(rows.iloc[:5])
    assert np.isnan(none["arr_renewed"]) and np.isnan(none["dollar_renewal_rate_low_80"])
    assert 0 < none["logo_renewal_rate"] < 1


def test_month_to_month_stands_apart_and_in_no_cycle():
    rows = renewals(40)
    rows.loc[:9, "month_to_month"] = True
    found = portfolio.forecast(rows, {"month": CALM, "quarter": CALM}, 0, SETTINGS, within=90)
    apart = found[found["terms"].eq("month_to_month")]
    assert apart[["every", "renewals"]].to_numpy().tolist() == [["window", 10]]
    assert found[found["terms"].eq("contract")]["renewals"].tolist() == [30, 30, 30]


def test_what_has_no_forecast_is_counted_by_reason():
    rows = renewals(10)
    rows.loc[:3, "status"] = ["in_grace", "later_renewal", "later_renewal", "failed"]
    row = told(rows)
    assert [row[of] for of in ("renewals", *portfolio.LEFT_OUT)] == [6, 1, 2, 1]
    assert portfolio.forecast(
        rows.iloc[:4], {"month": CALM, "quarter": CALM}, 0, SETTINGS, within=90
    ).empty


def test_a_cycle_says_how_much_of_it_the_window_covers():
    rows = renewals(4, due_date=pd.to_datetime(["2025-01-15"] * 2 + ["2025-04-05"] * 2))
    found = portfolio.forecast(
        rows.assign(as_of=pd.Timestamp("2025-01-11")),
        {"month": CALM, "quarter": CALM},
        0,
        SETTINGS,
        within=90,
    )
    months = found[found["every"].eq("month")].set_index("cycle")["covers"]
    assert months["2025-01"] == pytest.approx(21 / 31)
    assert months["2025-04"] == pytest.approx(10 / 30)


@pytest.mark.parametrize("given", [{}, {"p_contracted": 0.04}])
def test_whoever_renews_may_renew_in_full_and_the_mean_is_kept(given):
    rows = renewals(churn_probability=0.001, **given)
    rows["expected_arr_renewed"] = rows["arr_due"] * 0.999 * 0.98
    table = portfolio.branches(rows)
    assert np.allclose(table["keeps"], 1)
    flat = 1 - table["p"] - table["contracted"]
    mean = flat * table["keeps"] + table["contracted"] * table["shrunk"]
    assert np.allclose(mean * rows["arr_due"], rows["expected_arr_renewed"])
    drawn = portfolio.simulate(table, CALM, 0, SETTINGS)
    assert drawn.renewed.max() > rows["expected_arr_renewed"].sum()


def test_memory_is_cut_into_parts_that_together_say_the_same(monkeypatch):
    rows = renewals(200)
    whole = portfolio.simulate(portfolio.branches(rows), ROUGH, 0.1, SETTINGS)
    monkeypatch.setattr(portfolio, "CELLS", 7 * SETTINGS.draws)
    parts = portfolio.simulate(portfolio.branches(rows), ROUGH, 0.1, SETTINGS)
    assert parts.lost.mean() == pytest.approx(whole.lost.mean(), rel=0.01)
    assert parts.renewed.std() == pytest.approx(whole.renewed.std(), rel=0.03)


def test_arr_at_risk_has_an_interval_that_the_shock_widens():
    rows = renewals(300)
    calm, rough = (portfolio.at_risk(rows, of, 0.1, SETTINGS) for of in (CALM, ROUGH))
    assert calm["expected"] == pytest.approx(float(rows["churn_probability"] @ rows["arr_due"]))
    assert rough["low"] < calm["low"] < calm["expected"] < calm["high"] < rough["high"]
    assert calm["of"] == pytest.approx(rows["arr_due"].sum())
    equal = renewals(50, churn_probability=0.2, arr_due=100.0)
    plain = portfolio.at_risk(equal, CALM, 0.0, SETTINGS)
    ends = [100 * binom.ppf(at, 50, 0.2) for at in (0.1, 0.9)]
    assert [plain["low"], plain["high"]] == pytest.approx(ends)
    nothing = portfolio.at_risk(rows.assign(arr_due=np.nan), CALM, 0.1, SETTINGS)
    assert set(nothing.values()) == {None}
