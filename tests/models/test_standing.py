"""The record as rows of a duel: who is judged by what, and by how much it counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.duel import ComparisonSettings
from models.standing import SCORERS, Standing, bands, duel, scored, standing
from tests.models.records import BY, START, WAIT, outcomes, predictions
from tests.worlds import table

SIZES = (500.0, 5000.0)
SETTINGS = ComparisonSettings(
    primary="log_loss",
    rules_primary="arr_caught",
    draws=100,
    seed=1,
    min_outcomes=5,
    leads=(0, 31, 61, 91),
)

SAID = predictions(
    table("""
    account_id  due_date    as_of       status         churn_probability
    acme        2025-03-15  2025-01-01  scored         .2
    acme        2025-03-15  2025-02-01  scored         .3
    acme        2025-06-15  2025-02-01  later_renewal  -
    bolt        2025-03-20  2025-01-01  scored         .4
    bolt        2025-03-20  2025-02-01  decided        -
    cask        2025-12-01  2025-10-01  scored         .5     <- settled, but only just
    dune        2025-03-20  2025-01-01  scored         .1     <- never fell due
    echo        2025-03-20  2025-01-01  scored         .1     <- nobody knows
    may         2025-01-05  2025-01-01  scored         .6     <- every month; 20089 is 223 * 90 + 19
    may         2025-02-05  2025-02-01  scored         .6
    may         2025-04-05  2025-04-01  scored         .6
    june        2025-01-05  2025-01-01  scored         .6
    """)
)
ENDED = outcomes("""
    account_id  due_date    outcome   arr_due  terms
    acme        2025-03-15  expanded  400      c
    acme        2025-06-15  renewed   100      c
    bolt        2025-03-20  churned   5000     c
    cask        2025-12-01  renewed   600      c
    dune        2025-03-20  not_due   -        c
    may         2025-01-05  renewed   10       m
    may         2025-02-05  renewed   10       m
    may         2025-03-05  renewed   10       m
    may         2025-04-05  churned   10       m
    june        2025-01-05  renewed   10       m
    june        2025-04-05  churned   10       m    <- 94 days after the morning
""")


def stood(said: pd.DataFrame = SAID, ended: pd.DataFrame = ENDED) -> Standing:
    return standing(said, ended, target="churn", horizon=90, by=BY, wait=WAIT, sizes=SIZES)


def test_only_scored_predictions_of_settled_renewals_are_judged_and_the_others_counted():
    found = stood()
    assert found.rows.groupby("account_id").size().to_dict() == {
        "acme": 2, "bolt": 1, "june": 1, "may": 3,
    }  # fmt: skip
    assert (found.waiting, found.not_due) == (2, 1)


def test_a_contract_is_judged_by_its_own_renewal_and_a_monthly_customer_by_the_horizon():
    rows = stood().rows.set_index(["account_id", "as_of"])
    lost = rows["outcome"].groupby("account_id").agg(list).to_dict()
    assert lost == {
        "acme": [False, False],
        "bolt": [True],
        "june": [False],  # 94 days later
        "may": [False, True, True],  # 94, 63 and 4 days later
    }


def test_weights_sum_to_one_a_renewal_and_from_month_to_month_one_a_horizon():
    rows = stood().rows
    assert rows.groupby("account_id")["weight"].sum().to_dict() == {
        "acme": 1, "bolt": 1, "june": 1, "may": 2,
    }  # fmt: skip
    assert rows.loc[rows["account_id"].eq("may"), "weight"].tolist() == [0.5, 0.5, 1]


def test_what_fell_due_too_lately_waits_whatever_became_of_it():
    early = standing(
        SAID, ENDED, target="churn", horizon=90, by=BY, wait=31, sizes=SIZES
    )  # due on 1 December, read on 1 January
    assert "cask" in set(early.rows["account_id"])
    assert "cask" not in set(stood().rows["account_id"])


def test_money_and_size_are_those_of_the_due_date():
    rows = stood(SAID.assign(arr_due=9e9)).rows.drop_duplicates("account_id")
    told = rows.set_index("account_id")
    assert told["arr"].to_dict() == {"acme": 400, "bolt": 5000, "june": 10, "may": 10}
    assert told["size"].astype(str)["bolt"] == "5,000 and more"


def test_every_scorer_rises_with_the_risk_and_what_is_unknown_stays_unknown():
    said = SAID.iloc[:2].assign(
        health_score=[30.0, 30.0],
        health_band=["red", "unknown"],
        early_warning=pd.array([True, None], dtype="boolean"),
    )
    found = scored(said)
    assert list(found) == list(SCORERS)
    assert found["health"].iloc[0] == 70
    assert found["early_warning"].iloc[0] == 1
    assert found.iloc[1][["health", "early_warning", "csm_call"]].isna().all()


def company(accounts: int = 120) -> Standing:
    """Accounts due once, seen on three mornings; a CSM's call for a fifth of them."""
    rng = np.random.default_rng(4)
    risk = rng.normal(-1, 1.5, accounts)
    left = rng.random(accounts) < 1 / (1 + np.exp(-risk))
    names = [f"a{i:03d}" for i in range(accounts)]
    due = START + pd.to_timedelta(80 + np.arange(accounts) % 9, unit="D")
    ended = pd.DataFrame(
        {
            "account_id": names,
            "due_date": due,
            "outcome": np.where(left, "churned", "renewed"),
            "arr_due": np.round(rng.lognormal(8, 1, accounts)),
            "month_to_month": False,
        }
    )
    parts = [
        ended[["account_id", "due_date"]].assign(
            as_of=START + pd.Timedelta(days=30 * morning),
            churn_probability=1 / (1 + np.exp(-risk)),
            health_score=np.clip(50 - 10 * risk + rng.normal(0, 20, accounts), 0, 100),
            csm_call=np.where(np.arange(accounts) % 5 == 0, np.round(risk), np.nan),
            risk_band=np.where(risk > 0, "high", "low"),
        )
        for morning in range(3)
    ]
    said = predictions(pd.concat(parts, ignore_index=True))
    return stood(said, ended)


def test_a_sparse_scorer_leaves_the_rows_of_the_others_alone_and_meets_them_on_its_own():
    of = company()
    found = duel(of, SETTINGS, share=0.1)
    counts = found.counts.set_index(["by", "slice"])
    assert counts.loc[("all", "all"), ["rows", "left_out", "sparse"]].tolist() == [
        360, 0, "csm_call",
    ]  # fmt: skip
    assert counts.loc[("known", "csm_call"), "rows"] == 72
    everyone = found.metrics.query("by == 'all'")
    assert "csm_call" not in set(everyone["model"])
    there = found.metrics.query("by == 'known'")
    assert set(there["model"]) == set(SCORERS)


def test_the_verdict_on_a_sparse_scorer_is_that_of_the_rows_it_knows():
    of = company(400)
    wrong = Standing(of.rows, of.scores.assign(csm_call=-of.scores["csm_call"]), 0, 0)
    found = duel(wrong, SETTINGS, share=0.3)
    assert found.verdict("churn", "model", "csm_call") == "better"
    assert found.verdict("churn", "csm_call", "model") == "worse"


def test_swapping_two_scorers_of_the_record_flips_every_verdict_exactly():
    of = company()
    swapped = of.scores.assign(health=of.scores["csm_call"], csm_call=of.scores["health"])
    there = duel(of, SETTINGS, share=0.1).pairs
    back = duel(Standing(of.rows, swapped, 0, 0), SETTINGS, share=0.1).pairs
    turn = {"health": "csm_call", "csm_call": "health"}
    back = back.replace({"model": turn, "against": turn, "slice": turn, "reason": turn})
    keys = ["by", "slice", "model", "against", "metric"]
    pd.testing.assert_frame_equal(
        there.sort_values(keys, ignore_index=True).drop(columns="reason"),
        back.sort_values(keys, ignore_index=True).drop(columns="reason"),
        check_exact=True,
    )


def test_renaming_the_accounts_changes_no_figure():
    of = company()
    other = of.rows.assign(account_id=of.rows["account_id"].map(lambda name: name[::-1]))
    there, again = (
        duel(Standing(rows, of.scores, 0, 0), SETTINGS, share=0.1) for rows in (of.rows, other)
    )
    pd.testing.assert_frame_equal(there.metrics, again.metrics, check_exact=False, rtol=1e-12)


def test_bands_hold_everybody_once_and_say_what_was_expected():
    of = company()
    found = bands(of, SETTINGS.leads).query("by == 'all' and model == 'model'").set_index("band")
    assert found["renewals"].sum() == pytest.approx(120)
    high = of.rows["risk_band"].eq("high")
    assert found.loc["high", "observed"] == pytest.approx(of.rows.loc[high, "outcome"].mean())
    assert found.loc["high", "predicted"] == pytest.approx(of.scores.loc[high, "model"].mean())
    assert found.loc["high", "observed_low"] < found.loc["high", "observed"]
    lost = of.rows[of.rows["outcome"]]
    assert found["arr_churned"].sum() == pytest.approx((lost["arr"] * lost["weight"]).sum())
