"""Who is held out: by hash, stratified, to the nearest account, the same from cycle to cycle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.holdout import HELD_OUT, TREATED, CannotAssign, assign, detectable


def company(n: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "account_id": [f"acc_{i:04d}" for i in range(n)],
            "arr_due": np.exp(rng.normal(9, 1, n)).round(),
            "churn_probability": rng.beta(1, 6, n),
        }
    )


def held(assigned: pd.DataFrame) -> set[str]:
    return set(assigned.loc[assigned["group"].eq(HELD_OUT), "account_id"])


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 120), share=st.floats(0.05, 0.5), seed=st.integers(0, 99))
def test_the_share_is_exact_to_one_account_in_every_stratum_and_to_half_a_one_in_all(
    n, share, seed
):
    assigned = assign(company(n, seed), share, "salt")
    assert abs(len(held(assigned)) - share * n) <= 0.5 + 1e-6
    strata = assigned.groupby("stratum")["group"]
    given_ = strata.apply(lambda group: (group == HELD_OUT).sum())
    assert ((given_ - share * strata.size()).abs() < 1 + 1e-6).all()


def test_neither_the_order_of_rows_nor_a_further_run_moves_anyone_and_another_salt_does():
    scored = company(300)
    first = assign(scored, 0.2, "2026")
    pd.testing.assert_frame_equal(first, assign(scored.sample(frac=1, random_state=3), 0.2, "2026"))
    assert held(first) != held(assign(scored, 0.2, "2027"))


def test_strata_are_risk_by_the_halves_of_its_arr_and_what_is_unknown_stands_apart():
    scored = pd.DataFrame(
        {
            "account_id": list("abcdef"),
            "arr_due": [1.0, 2.0, 5.0, np.nan, 7.0, 9.0],
            "risk_band": ["low", "low", "high", "high", None, "high"],
        }
    )
    assert assign(scored, 0.5, "s").set_index("account_id")["stratum"].to_dict() == {
        "a": "low, smaller", "b": "low, larger", "c": "high, smaller", "d": "high, unknown",
        "e": "unknown, smaller", "f": "high, larger",
    }  # fmt: skip


def test_an_account_due_twice_is_assigned_once_by_its_highest_risk_and_all_its_arr():
    twice = pd.DataFrame(
        {
            "account_id": ["a", "a", "b", "c"],
            "arr_due": [3.0, 3.0, 5.0, 1.0],
            "risk_band": ["low", "high", "high", "high"],
        }
    )
    found = assign(twice, 0.4, "s").set_index("account_id")["stratum"]
    assert found.to_dict() == {"a": "high, larger", "b": "high, smaller", "c": "high, smaller"}


def test_from_cycle_to_cycle_nearly_everyone_keeps_the_group_and_all_who_can_with_the_last_one():
    scored = company(400)
    first = assign(scored, 0.2, "s")
    later = scored.assign(churn_probability=np.random.default_rng(9).permutation(
        scored["churn_probability"]
    )).iloc[40:]  # fmt: skip
    before = held(first) & set(later["account_id"])
    by_hash = held(assign(later, 0.2, "s"))
    known = dict(zip(first["account_id"], first["group"], strict=True))
    kept = held(assign(later, 0.2, "s", known))
    assert len(before & by_hash) > 0.75 * len(before)
    assert len(before & kept) >= len(before & by_hash)
    same = assign(scored, 0.2, "other salt", known)
    pd.testing.assert_frame_equal(first, same)


def test_what_cannot_be_assigned_is_refused_in_a_sentence():
    scored = company(5)
    with pytest.raises(CannotAssign, match=r"share is 1\.5"):
        assign(scored, 1.5, "s")
    with pytest.raises(CannotAssign, match="score first"):
        assign(scored[["account_id", "arr_due"]], 0.2, "s")
    with pytest.raises(CannotAssign, match="red"):
        assign(scored.assign(risk_band="red"), 0.2, "s")
    with pytest.raises(CannotAssign, match="contacted"):
        assign(scored, 0.2, "s", {"acc_0001": "contacted"})
    with pytest.raises(CannotAssign, match="0 rows"):
        assign(scored.iloc[:0], 0.2, "s")
    with pytest.raises(CannotAssign, match="how much churn"):
        detectable(scored[["account_id", "arr_due"]].assign(risk_band="low"), 0.2)


def test_a_half_of_an_even_company_detects_what_the_textbook_says():
    even = company(800).assign(churn_probability=0.2, risk_band="low", arr_due=1000.0)
    found = detectable(even, 0.5)
    # two groups of 400 at 20 %: .80 power for 20 % against 12.6 % (Fleiss 1981, without continuity)
    assert found.churn == pytest.approx(0.0743, abs=0.002)
    assert found.possible
    assert (found.accounts, found.held_out) == (800, 400)
    errors = np.sqrt(800 * 0.2 * 0.8 * 4) * 1000
    assert found.arr == pytest.approx((1.959964 + 0.841621) * errors, rel=1e-5)


def test_more_held_out_more_accounts_or_less_power_detect_less():
    few, many = company(100), company(1000)
    assert detectable(many, 0.2).churn < detectable(few, 0.2).churn
    assert detectable(many, 0.4).churn < detectable(many, 0.2).churn
    assert detectable(many, 0.2, power=0.5).churn < detectable(many, 0.2).churn


def test_a_hold_out_that_can_show_nothing_says_so():
    found = detectable(company(40), 0.1)
    assert not found.possible
    assert "wait for several cycles" in found.text
    assert "would be found" in detectable(company(5000), 0.4).text


def test_groups_are_only_treated_and_held_out():
    assert set(assign(company(50), 0.3, "s")["group"]) == {TREATED, HELD_OUT}
