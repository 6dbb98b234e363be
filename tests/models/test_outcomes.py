"""The tree: its branches sum to one, and the ARR it leads one to expect can be checked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.outcomes import (
    BRANCHES,
    KINDS,
    MONEY,
    OutcomeSettings,
    Shares,
    branches,
    expected,
    learn,
    totals,
    tree,
)
from serve.scorer import probabilities
from tests.serve.cycles import CHURN, DOWNSELL, TREE, UPSELL
from tests.worlds import table

PLAIN = OutcomeSettings(kinds_from=3, prior=0)
PATH = [CHURN, UPSELL, DOWNSELL]
FEW = settings(deadline=None, max_examples=60, database=None, derandomize=True)
chances = st.floats(0, 1)


def chained(order, eligible):
    """Three targets in some order along `given`, each asked of some."""
    found, before = [], None
    for target, asked in zip(order, eligible, strict=True):
        update = {"given": before, "eligible": asked}
        found.append(target.model_copy(update=update))
        before = target.name
    return found


@st.composite
def asked(draw):
    """Observations, features that hold each target's conditional probability, and a chain."""
    count = draw(st.integers(1, 6))
    columns = st.lists(chances, min_size=count, max_size=count)
    path = chained(
        draw(st.permutations(PATH)), draw(st.tuples(*[st.sampled_from(["due", "active"])] * 3))
    )
    observations = pd.DataFrame(
        {
            "account_id": [f"a{n}" for n in range(count)],
            "as_of": pd.Timestamp("2025-07-01"),
            "days_to_due": draw(
                st.lists(st.sampled_from([0.0, 90.0, 91.0, np.nan]), min_size=count, max_size=count)
            ),
            "decided": None,
            "arr": draw(st.lists(st.sampled_from([100.0, np.nan]), min_size=count, max_size=count)),
        }
    )
    index = pd.MultiIndex.from_frame(observations[["account_id", "as_of"]])
    signals = {name: draw(columns) for name in ("risk", "growth", "shrink")}
    return observations, pd.DataFrame(signals, index=index), path


def grown(observations, features, path):
    long = probabilities(features, observations, TREE.models, path)
    return long, tree(long, observations, path)


@FEW
@given(drawn=asked())
def test_the_branches_sum_to_one_wherever_all_of_them_can_be_said(drawn):
    observations, features, path = drawn
    _, found = grown(*drawn)
    whole = found.dropna()
    assert (whole.sum(axis=1) - 1).abs().max() <= 1e-12 or whole.empty
    assert whole.ge(0).all(axis=None) and whole.le(1).all(axis=None)
    known = observations.set_index(["account_id", "as_of"])["arr"].notna()
    assert (found["p_flat"].notna() == known.reindex(found.index)).all()


def test_rounding_makes_no_branch_negative():
    row = {"account_id": ["a"], "as_of": [pd.Timestamp("2025-07-01")], "days_to_due": [0.0]}
    observations = pd.DataFrame(row | {"decided": None, "arr": 1.0})
    index = pd.MultiIndex.from_frame(observations[["account_id", "as_of"]])
    features = pd.DataFrame({"risk": [0.1], "growth": [0.2], "shrink": [1.0]}, index=index)
    _, found = grown(observations, features, PATH)
    assert found["p_flat"].tolist() == [0.0]  # 0.9 - 0.18 is a little less than 0.9 * 0.8


@FEW
@given(drawn=asked())
def test_a_branch_is_the_probability_that_is_published_of_its_target(drawn):
    long, found = grown(*drawn)
    for target in drawn[2]:
        mine = long[long["target"].eq(target.name)].set_index(["account_id", "as_of"])
        there = found.loc[mine.index, f"p_{target.result}"]
        assert there.tolist() == mine["probability"].tolist()


@FEW
@given(drawn=asked(), shuffle=st.randoms(use_true_random=False))
def test_names_and_order_of_the_accounts_do_not_matter(drawn, shuffle):
    observations, features, path = drawn
    _, before = grown(*drawn)
    order = list(range(len(observations)))
    shuffle.shuffle(order)
    names = {name: f"z{name[::-1]}" for name in observations["account_id"]}
    renamed = observations.iloc[order].replace({"account_id": names})
    _, after = grown(renamed, features.iloc[order].rename(index=names, level=0), path)
    pd.testing.assert_frame_equal(
        after.sort_index(), before.rename(index=names, level=0).sort_index(), check_exact=True
    )


def test_the_longest_chain_of_the_loss_makes_the_tree():
    other = DOWNSELL.model_copy(update={"name": "other", "given": None})
    assert branches(CHURN, [other, DOWNSELL, UPSELL, CHURN]) == [CHURN, UPSELL, DOWNSELL]
    assert branches(CHURN, [other, CHURN]) == [CHURN]


def test_without_a_target_that_contracts_those_who_shrink_are_among_the_flat():
    row = pd.DataFrame({"account_id": ["a"], "as_of": [pd.Timestamp("2025-07-01")], "arr": [1.0]})
    long = pd.concat([row.assign(target="churn", probability=0.2)] * 1)
    [found] = tree(long, row, [CHURN]).to_dict("records")
    assert found["p_flat"] == 0.8 and np.isnan(found["p_contracted"])


def test_an_account_nobody_asks_about_or_without_features_has_no_tree():
    seen = pd.DataFrame(
        {"account_id": ["a", "b"], "as_of": pd.Timestamp("2025-07-01"), "arr": [1.0, 1.0]}
    )
    long = seen.iloc[:1].assign(target="churn", probability=0.2)
    assert tree(long, seen, PATH).index.get_level_values("account_id").tolist() == ["a"]


SETTLED = table("""
    status      arr_due  arr_kept  month_to_month
    renewed     1000     1000      0
    churned     500      0         0
    contracted  1000     600       0
    contracted  3000     2400      0
    contracted  1000     500       1
    expanded    1000     1500      0
    expanded    1000     1020      0   <- too little to count as growth
    expanded    -        500       0   <- of unknown ARR due
    renewed     1000     -         0   <- of unknown ARR since
    open        1000     -         0
    in_grace    1000     -         0
""")
EXPANSIONS = table("""
    account_id  result    kind     days_to_due  month_to_month  decision
    a           expanded  seats    10           0               x
    a           expanded  seats    40           0               x  <- the same renewal
    b           expanded  price    10           0               x
    c           expanded  seats    10           1               x
    d           expanded  product  200          0               x  <- nothing fell due
    e           expanded  -        10           0               x  <- of no known kind
    f           flat      -        10           0               x
""")


def settled(text=SETTLED):
    money = {name: text[name].astype(float) for name in ("arr_due", "arr_kept")}
    renewed = money["arr_kept"].clip(upper=money["arr_due"])
    return text.assign(
        **money, arr_renewed=renewed, month_to_month=text["month_to_month"].astype(int).astype(bool)
    )


def expansions():
    return EXPANSIONS.assign(
        days_to_due=EXPANSIONS["days_to_due"].astype(float),
        month_to_month=EXPANSIONS["month_to_month"].astype(int).astype(bool),
    )


def learnt(path=PATH, of=PLAIN, renewals=None, labels=None) -> Shares:
    return learn(
        settled() if renewals is None else renewals,
        expansions() if labels is None else labels,
        path,
        of,
    )


def test_kept_and_grown_are_ratios_of_money_over_what_is_settled():
    found = learnt()
    contract, monthly = found.kept.loc[False], found.kept.loc[True]
    assert contract.to_dict() == {"churned": 0, "contracted": 0.75, "flat": 1, "expanded": 1}
    assert monthly["contracted"] == 0.5
    assert found.grown.loc[False, "expanded"] == 1.5
    assert found.grown.loc[False, "flat"] == pytest.approx(2020 / 2000)
    assert found.renewals == {"churned": 1, "contracted": 3, "flat": 2, "expanded": 1}


def test_few_decisions_of_some_terms_are_pulled_towards_all():
    found = learnt(of=OutcomeSettings(kinds_from=3, prior=1)).kept["contracted"]
    together = 3500 / 5000
    assert found[True] == pytest.approx((0.5 + together) / 2)
    assert found[False] == pytest.approx((2 * 0.75 + together) / 3)


def test_without_a_branch_for_it_contraction_lowers_what_the_flat_keep():
    found = learnt(path=[CHURN, UPSELL]).kept.loc[False]
    assert found["flat"] == pytest.approx((1000 + 600 + 2400 + 1000) / 6000)


def test_where_nothing_is_settled_the_least_is_expected():
    found = learnt(renewals=settled().iloc[:0])
    assert found.kept.loc[True].to_dict() == {
        "churned": 0, "contracted": 0, "flat": 1, "expanded": 1,
    }  # fmt: skip
    assert found.grown.loc[True, "expanded"] == 1.1


def test_kinds_are_shares_of_the_expansions_that_came_with_a_decision():
    found = learnt()
    assert found.expansions == 3
    assert found.kinds.loc[False].to_dict() == {"seats": 0.5, "plan": 0, "product": 0, "price": 0.5}
    assert found.kinds.loc[True].to_dict() == {"seats": 1, "plan": 0, "product": 0, "price": 0}


def test_too_few_expansions_say_no_kind():
    assert learnt(of=OutcomeSettings(kinds_from=4, prior=0)).kinds.isna().all(axis=None)
    assert learnt(labels=expansions().iloc[:0]).kinds.isna().all(axis=None)


def due(**columns):
    plain = {"arr_due": 1000.0, "month_to_month": False}
    probable = dict(zip(BRANCHES, (0.2, 0.1, 0.4, 0.3), strict=True))
    return pd.DataFrame([plain | probable | columns])


def test_expected_arr_is_what_the_branches_leave_of_it():
    [found] = expected(due(), learnt(renewals=settled().iloc[:6])).to_dict("records")
    assert found["expected_arr_renewed"] == pytest.approx(1000 * (0.1 * 0.75 + 0.4 + 0.3))
    assert found["expected_arr"] == pytest.approx(1000 * (0.1 * 0.75 + 0.4 + 0.3 * 1.5))
    assert (found["share_seats"], found["share_price"]) == (0.5, 0.5)


@FEW
@given(p=st.lists(st.integers(0, 100), min_size=4, max_size=4).filter(any), monthly=st.booleans())
def test_expected_renewed_arr_is_never_more_than_is_due(p, monthly):
    shares = dict(zip(BRANCHES, np.array(p) / sum(p), strict=True))
    [found] = expected(due(**shares, month_to_month=monthly), learnt()).to_dict("records")
    assert 0 <= found["expected_arr_renewed"] <= 1000 + 1e-9
    assert found["expected_arr_renewed"] <= found["expected_arr"] + 1e-9
    assert sum(found[f"share_{kind}"] for kind in KINDS) == pytest.approx(1)


def test_totals_add_up_and_leave_out_what_has_no_known_arr():
    rows = pd.concat([due(), due(), due(arr_due=np.nan), due(p_flat=np.nan)], ignore_index=True)
    found = totals(rows.join(expected(rows, learnt())), learnt())
    assert (found["renewals"], found["left_out"], found["arr_due"]) == (2, 2, 2000)
    for what in ("renewals", "arr_due"):
        assert sum(of[what] for of in found["branches"].values()) == pytest.approx(found[what])
    assert found["kinds"]["seats"] == pytest.approx(0.3)
    assert found["learnt_from"]["kinds"] == 3


def test_totals_of_nothing_are_nothing():
    nothing = due().iloc[:0]
    found = totals(nothing.join(expected(nothing, learnt())), learnt())
    assert found["renewals"] == found["expected_arr_renewed"] == 0
    assert set(found["branches"].values()) == {None} and found["kinds"] is None


def test_a_branch_off_the_tree_costs_the_others_nothing():
    rows = due(p_contracted=np.nan, p_flat=0.5)
    found = rows.join(expected(rows, learnt(path=[CHURN, UPSELL])))
    assert found[MONEY].notna().all(axis=None)
    assert totals(found, learnt())["branches"]["contracted"] is None
