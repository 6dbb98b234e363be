"""What a hold-out may claim: nothing where nothing happened, and else an effect in its interval."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.holdout import HELD_OUT, TREATED, assign
from models.holdout_effect import NotAssigned, effect
from tests.models.test_holdout import company

WORLDS = 200


def settled(scored: pd.DataFrame, assigned: pd.DataFrame, fall: float, seed: int) -> pd.DataFrame:
    """How the cycle ends if treatment prevents `fall` of all churn."""
    rng = np.random.default_rng(seed)
    treated = assigned["group"].eq(TREATED).to_numpy()
    chance = scored["churn_probability"].to_numpy() * np.where(treated, 1 - fall, 1)
    lost = rng.random(len(scored)) < chance
    cut = np.where(rng.random(len(scored)) < 0.1, 0.7, 1.0)
    return scored[["account_id", "arr_due"]].assign(
        outcome=np.where(lost, "churned", "renewed"),
        arr_renewed=np.where(lost, 0.0, scored["arr_due"] * cut),
    )


def planted(scored: pd.DataFrame, assigned: pd.DataFrame, fall: float) -> float:
    """The true difference in churn, strata weighted as the estimate weights them."""
    rows = scored.merge(assigned, on="account_id")
    each = rows.groupby("stratum").agg(
        n=("group", "size"),
        held=("group", lambda group: (group == HELD_OUT).sum()),
        p=("churn_probability", "mean"),
    )
    weight = each["held"] * (each["n"] - each["held"]) / each["n"]
    return float(-fall * np.average(each["p"], weights=weight))


@pytest.mark.parametrize(("n", "share"), [(100, 0.2)])
def test_an_effect_of_zero_yields_no_more_claims_than_the_nominal_rate(n, share):
    claims, money = 0, 0
    for seed in range(WORLDS):
        scored = company(n, seed)
        assigned = assign(scored, share, f"cycle {seed}")
        outcomes = settled(scored, assigned, 0.0, seed + 1000)
        found = effect(assigned, outcomes, permutations=39, seed=seed)
        claims += found.churn.sure
        money += found.renewed.sure
    most = 0.05 * WORLDS + 2.5 * np.sqrt(0.05 * 0.95 * WORLDS)
    assert claims <= most
    assert money <= most


@pytest.mark.parametrize(("n", "share"), [(100, 0.2)])
def test_a_planted_effect_lies_in_the_interval_as_often_as_it_says(n, share):
    inside, error = 0, []
    for seed in range(WORLDS):
        scored = company(n, seed)
        assigned = assign(scored, share, f"cycle {seed}")
        outcomes = settled(scored, assigned, 0.6, seed + 1000)
        found = effect(assigned, outcomes, permutations=1, seed=seed).churn
        truth = planted(scored, assigned, 0.6)
        inside += found.low <= truth <= found.high
        error.append(found.value - truth)
    assert inside >= 0.95 * WORLDS - 2.5 * np.sqrt(0.05 * 0.95 * WORLDS)
    assert abs(np.mean(error)) < 3 * np.std(error) / np.sqrt(WORLDS)


def test_a_large_effect_is_claimed_in_logos_and_in_money():
    scored = company(2000)
    assigned = assign(scored, 0.4, "s")
    found = effect(assigned, settled(scored, assigned, 0.7, 5), seed=1)
    assert found.churn.sure
    assert found.churn.value == pytest.approx(planted(scored, assigned, 0.7), abs=0.03)
    assert found.renewed.value > 0
    assert found.renewed.sure
    assert found.text.startswith("Fewer churned among the treated, by 1")


def test_a_treatment_that_drives_customers_away_is_said():
    scored = company(2000)
    assigned = assign(scored, 0.4, "s")
    found = effect(assigned, settled(scored, assigned, -2.0, 5), seed=1)
    assert found.text.startswith("More churned among the treated")


def test_without_an_assignment_no_saving_can_be_claimed():
    found = effect(None, pd.DataFrame(), seed=1)
    assert found.churn is None
    assert "no saving can be claimed" in found.text


def groups(*rows: tuple[str, str, str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame = pd.DataFrame(rows, columns=["account_id", "stratum", "group", "outcome"])
    kept = np.where(frame["outcome"].eq("churned"), 0.0, 100.0)
    outcomes = frame[["account_id", "outcome"]].assign(arr_due=100.0, arr_renewed=kept)
    return frame[["account_id", "stratum", "group"]], outcomes


def test_a_difference_worked_out_by_hand():
    pattern = [
        *[("x", TREATED, "churned")] * 1, *[("x", TREATED, "renewed")] * 9,
        *[("x", HELD_OUT, "churned")] * 4, *[("x", HELD_OUT, "renewed")] * 6,
        *[("y", TREATED, "renewed")] * 10, *[("y", HELD_OUT, "renewed")] * 10,
    ]  # fmt: skip
    rows = [(f"a{i}", *row) for i, row in enumerate(pattern)]
    found = effect(*groups(*rows), seed=1)
    # two strata of equal weight: (.1 − .4 + 0 − 0) / 2
    assert found.churn.value == pytest.approx(-0.15)
    assert (found.churn.treated, found.churn.held_out) == pytest.approx((0.05, 0.2))
    # Fisher: 5 of 20 churned in x; as far as one among the ten treated are 0, 1, 4 and 5 of them
    assert found.churn.p == pytest.approx(2 * (1 * 252 + 10 * 210) / 15504, rel=1e-9)
    assert found.churn.low < -0.15 < 0 <= found.churn.high
    assert found.renewed.value == pytest.approx(0.15)
    assert found.text.startswith("Cannot tell")
    assert found.churned == {TREATED: 1, HELD_OUT: 4}


def test_the_spread_within_one_stratum_is_the_binomial_one_whatever_the_sizes_of_the_groups():
    pattern = [
        *[("x", TREATED, "churned")] * 3, *[("x", TREATED, "renewed")] * 57,
        *[("x", HELD_OUT, "churned")] * 10, *[("x", HELD_OUT, "renewed")] * 20,
    ]  # fmt: skip
    rows = [(f"a{i}", *row) for i, row in enumerate(pattern)]
    found = effect(*groups(*rows), permutations=99, seed=1)
    churn, renewed = found.churn, found.renewed
    # the ends solve (value − end)² = z² · (end · P + Q) / W², and value · P + Q is W² · variance
    variance = (churn.value - churn.low) * (churn.high - churn.value) / 1.959964**2
    assert variance == pytest.approx(0.05 * 0.95 / 60 + 1 / 3 * 2 / 3 / 30, rel=1e-5)
    assert churn.sure
    # equal amounts: every account is worth one (Agresti and Caffo: one renewed, one lost added)
    kept, others = 58 / 62, 21 / 32
    half = 1.959964 * np.sqrt(kept * (1 - kept) / 62 + others * (1 - others) / 32)
    assert renewed.low == pytest.approx(kept - others - half, rel=1e-5)
    assert renewed.high == pytest.approx(kept - others + half, rel=1e-5)


def test_where_chance_would_do_as_much_the_interval_holds_none():
    pattern = [
        *[("x", TREATED, "churned")] * 2, *[("x", TREATED, "renewed")] * 6,
        *[("x", HELD_OUT, "churned")] * 4,
    ]  # fmt: skip
    rows = [(f"a{i}", *row) for i, row in enumerate(pattern)]
    found = effect(*groups(*rows), permutations=9, seed=1)
    assert found.churn.p == pytest.approx(30 / 495)  # Fisher; the score interval ends at −0.026
    assert found.churn.high == 0
    assert "which holds none" in found.text


def test_churned_arr_is_not_renewed_whatever_the_column_holds():
    assigned, outcomes = groups(
        ("a", "x", TREATED, "renewed"), ("b", "x", TREATED, "churned"),
        ("c", "x", HELD_OUT, "churned"), ("d", "x", HELD_OUT, "renewed"),
    )  # fmt: skip
    empty = outcomes["arr_renewed"].mask(outcomes["outcome"].eq("churned"))
    found = effect(assigned, outcomes.assign(arr_renewed=empty), permutations=9, seed=1)
    assert (found.renewed.treated, found.renewed.held_out) == (0.5, 0.5)


def test_an_account_counts_once_and_what_is_not_settled_is_counted_apart():
    assigned, outcomes = groups(
        ("a", "x", TREATED, "renewed"), ("b", "x", TREATED, "open"),
        ("c", "x", HELD_OUT, "churned"), ("d", "x", HELD_OUT, "renewed"),
    )  # fmt: skip
    again = outcomes.iloc[[0]].assign(outcome="churned", arr_renewed=0.0)
    also = outcomes.iloc[[2]].assign(outcome="in_grace")
    found = effect(assigned, pd.concat([outcomes, again, also]), seed=1)
    assert found.accounts == {TREATED: 1, HELD_OUT: 2}
    assert found.churned == {TREATED: 1, HELD_OUT: 1}
    assert found.unsettled == {TREATED: 1, HELD_OUT: 0}


def test_neither_row_order_nor_names_move_a_figure():
    scored = company(200)
    assigned = assign(scored, 0.3, "s")
    outcomes = settled(scored, assigned, 0.0, 4)
    first = effect(assigned, outcomes, permutations=400, seed=1)
    names = dict(zip(scored["account_id"], scored["account_id"].str[::-1], strict=True))
    other = [
        frame.assign(account_id=frame["account_id"].map(names)).sample(frac=1, random_state=2)
        for frame in (assigned, outcomes)
    ]
    assert effect(*other, permutations=400, seed=1) == first


def test_no_churn_at_all_and_one_group_alone_claim_nothing():
    rows = [(f"a{i}", "x", HELD_OUT if i < 3 else TREATED, "renewed") for i in range(12)]
    nothing = effect(*groups(*rows), permutations=20, seed=1)
    assert not nothing.churn.sure
    assert not nothing.renewed.sure
    alone = effect(*groups(*rows[3:]), seed=1)
    assert alone.churn is None
    assert "no stratum has both" in alone.text


def test_unknown_arr_leaves_the_money_unknown_and_strange_groups_are_refused():
    assigned, outcomes = groups(("a", "x", TREATED, "renewed"), ("b", "x", HELD_OUT, "churned"))
    found = effect(assigned, outcomes.assign(arr_due=np.nan), seed=1)
    assert found.renewed is None
    assert "too little is known of the ARR" in found.text
    with pytest.raises(NotAssigned, match="control"):
        effect(assigned.assign(group="control"), outcomes, seed=1)
