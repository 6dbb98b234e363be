from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from features.observations import observe
from models.target import Target, Targets, labels, learnable, weights
from tests.features import contracts_oracle as oracle
from tests.features.test_contracts import worlds
from tests.worlds import table

CON = duckdb.connect(config={"threads": 1})
GRACE = 30
FEW = settings(deadline=None, max_examples=5, database=None, derandomize=True)
CHURN = Target(
    name="churn", eligible="due", outcome="lost", horizon=90, growth=None, given=None, monotone=True
)
UPSELL = Target(
    name="upsell",
    eligible="active",
    outcome="expanded",
    horizon=90,
    growth=0.1,
    given="churn",
    monotone=False,
)
DOWNSELL = UPSELL.model_copy(
    update={"name": "downsell", "outcome": "contracted", "given": "upsell"}
)
CHAIN = {target.name: target for target in (CHURN, UPSELL, DOWNSELL)}


def observed(folder, facts, mornings):
    """The observations of some mornings from subscription facts."""
    names = {row["account_id"] for row in facts}
    oracle.write(folder, facts)
    created = [{"account_id": n, "created_at": oracle.datetime(2020, 1, 1)} for n in sorted(names)]
    oracle.write(folder, oracle.facts(created, "account_id"), "accounts")
    return observe(
        CON,
        folder,
        mornings=mornings,
        grace=GRACE,
        horizon=90,
        data_from=date(2023, 1, 1),
        static=(),
    )


def told(folder, facts, mornings, target, by, late=0):
    """The labels of some mornings from subscription facts."""
    asked = observed(folder, facts, mornings)
    return labels(CON, asked, folder, target, by=by, grace=GRACE, delay=late)


@pytest.fixture
def label(tmp_path):
    """The labels of text tables, by a day on which all is settled unless another is given."""

    def ask(text, target, *mornings, by="2026-01-01", late=0):
        facts = oracle.facts(oracle.rows_of(table(text)))
        days = [date.fromisoformat(day) for day in mornings]
        return told(tmp_path, facts, days, target, date.fromisoformat(by), late)

    return ask


ANNUAL = "start_date term_end ended_at\n2023-04-01 2024-04-01 {}"


# who is eligible, and when an outcome is known


def test_a_due_date_is_within_the_horizon_from_the_morning_on_to_the_day_before_its_end(label):
    found = label(ANNUAL.format("-"), CHURN, "2024-01-02", "2024-01-03", "2024-04-01", "2024-04-02")
    assert found["days_to_due"].tolist() == [90, 89, 0, 364]
    assert found["eligible"].tolist() == [False, True, True, False]


def test_an_active_target_asks_every_undecided_customer_and_growth_needs_a_known_arr(label):
    text = """
        account_id  start_date  term_end    arr  notice_at
        plain       2023-01-01  2026-01-01  100  -
        leaves      2023-01-01  2024-04-01  100  2024-01-15
        unknown     2023-01-01  2026-01-01  -    -
    """
    found = label(text, UPSELL, "2024-02-01").set_index("account_id")["eligible"]
    assert found.to_dict() == {"plain": True, "leaves": False, "unknown": False}


def test_an_outcome_is_known_only_from_the_day_it_is_settled(label):
    gone, late = ANNUAL.format("2024-04-01"), 5  # 2024-03-01 + 90 + 30 + 5 days = 2024-07-04
    before = label(gone, CHURN, "2024-03-01", by="2024-07-03", late=late)
    after = label(gone, CHURN, "2024-03-01", by="2024-07-04", late=late)
    assert (before["settled"].tolist(), after["settled"].tolist()) == ([False], [True])
    for column in ("outcome", "stayed", "result", "kind", "weight"):
        assert before[column].isna().all()
    assert after["outcome"].tolist() == [True] and after["stayed"].tolist() == [False]


def test_a_row_that_is_not_eligible_has_no_outcome(label):
    found = label(ANNUAL.format("2024-04-01"), CHURN, "2023-06-01")
    assert found["settled"].tolist() == [True]
    assert found[["outcome", "stayed", "result", "weight"]].isna().all(axis=None)


# churn


def test_an_account_that_is_lost_within_the_horizon_churned(label):
    found = label(ANNUAL.format("2024-04-01"), CHURN, "2024-01-03", "2024-03-01")
    assert found["outcome"].tolist() == [True, True]
    assert found["result"].tolist() == ["churned", "churned"]


def test_a_late_renewal_in_grace_is_no_churn_and_a_reactivation_after_it_is_one(label):
    text = ANNUAL.format("2024-04-01") + "\n{} 2026-01-01 -"
    assert label(text.format("2024-05-01"), CHURN, "2024-03-01")["outcome"].tolist() == [False]
    assert label(text.format("2024-05-02"), CHURN, "2024-03-01")["outcome"].tolist() == [True]


def test_the_horizons_last_day_counts_and_the_day_after_does_not(label):
    text = "start_date ended_at\n2023-01-15 {}"
    assert label(text.format("2024-05-30"), CHURN, "2024-03-01")["outcome"].tolist() == [False]
    assert label(text.format("2024-05-29"), CHURN, "2024-03-01")["outcome"].tolist() == [True]


def test_a_customer_whom_a_correction_took_away_has_no_outcome(label):
    text = """
        subscription_id  start_date  term_end    arr  recorded_at
        s1               2023-04-01  2024-04-01  100  2023-04-01
        s1               2023-04-01  2024-04-01  0    2024-06-01   <- it was a trial
    """
    found = label(text, CHURN, "2024-03-01")
    assert found["settled"].tolist() == [True]
    assert found[["outcome", "stayed", "result"]].isna().all(axis=None)


# upsell


GROWS = """
    start_date  ended_at    arr  seats  product  plan    booked_at
    2023-01-15  {}          100  10     core     silver  -
    {}
"""


@pytest.mark.parametrize(
    "ended, row, result, kind",
    [
        ("-", "2024-04-01 - 10 - extra silver -", "expanded", "product"),
        ("2024-04-01", "2024-04-01 - 150 10 core gold -", "expanded", "plan"),
        ("2024-04-01", "2024-04-01 - 150 15 core silver -", "expanded", "seats"),
        ("2024-04-01", "2024-04-01 - 110 10 core silver -", "expanded", "price"),
        ("2024-04-01", "2024-04-01 - 110 - core silver -", "expanded", None),
        ("2024-04-01", "2024-04-01 - 109.99 10 core silver -", "flat", None),
        ("2024-04-01", "2024-04-01 - 98.99 10 core silver -", "contracted", None),
        ("2024-04-01", "2024-04-01 - - 10 core silver -", None, None),
    ],
)
def test_growth_is_read_on_the_horizons_last_day_and_named_by_what_grew(
    label, ended, row, result, kind
):
    [found] = label(GROWS.format(ended, row), UPSELL, "2024-03-01").to_dict("records")
    known = {name: None if pd.isna(found[name]) else found[name] for name in ("result", "kind")}
    assert known == {"result": result, "kind": kind}
    assert found["stayed"] is True
    assert pd.isna(found["outcome"]) if result is None else found["outcome"] == bool(kind or
        result == "expanded")  # fmt: skip


def test_a_row_that_was_booked_before_the_morning_is_no_growth_of_it(tmp_path):
    rows = table(GROWS.format("-", "2024-04-01 - 50 5 extra silver 2024-02-15"))
    facts = oracle.facts(oracle.rows_of(rows))
    asked = observed(tmp_path, facts, [date(2024, 3, 1)])
    assert asked["decided"].tolist() == ["already_renewed"]
    undecided = asked.assign(decided=None)  # were it asked about, it would not count
    day = date(2026, 1, 1)
    found = labels(CON, undecided, tmp_path, UPSELL, by=day, grace=GRACE, delay=0)
    assert found["result"].tolist() == ["flat"]


def test_a_spike_that_did_not_last_is_not_growth(label):
    text = GROWS.format("-", "2024-03-15 2024-05-29 50 5 extra silver -")
    assert label(text, UPSELL, "2024-03-01")["outcome"].tolist() == [False]


def test_the_arr_of_the_morning_is_that_in_force_even_if_its_end_is_dated_back_later(label):
    text = """
        start_date  term_end    ended_at    arr
        2023-04-01  2024-04-01  2024-04-11  100   <- renewed ten days late
        2024-04-11  2025-04-01  -           100
    """
    assert label(text, UPSELL, "2024-04-05")["result"].tolist() == ["flat"]


def test_without_a_growth_the_tree_calls_more_than_rounding_expanded(label):
    text = "start_date arr\n2023-01-15 100\n2024-03-15 {}"
    results = [label(text.format(n), CHURN, "2024-03-01")["result"][0] for n in ("0.5", "2")]
    assert results == ["flat", "expanded"]


# downsell, and what each target of a chain learns from


FOUR = """
    account_id  start_date  ended_at    arr
    leaves      2023-01-15  2024-04-01  100
    shrinks     2023-01-15  2024-04-01  100
    shrinks     2024-04-01  -           80
    stays       2023-01-15  -           100
    grows       2023-01-15  2024-04-01  100
    grows       2024-04-01  -           150
"""


def test_contracted_is_who_stays_and_pays_less_beyond_rounding(label):
    found = label(FOUR, DOWNSELL, "2024-03-01").set_index("account_id")
    assert found["outcome"].to_dict() == {
        "leaves": False, "shrinks": True, "stays": False, "grows": False,
    }  # fmt: skip


def test_each_target_learns_from_whom_nothing_befell_earlier_in_its_chain(label):
    learnt = {
        name: sorted(learnable(label(FOUR, target, "2024-03-01"), target, CHAIN)["account_id"])
        for name, target in CHAIN.items()
    }
    assert learnt == {
        "churn": ["grows", "leaves", "shrinks", "stays"],
        "upsell": ["grows", "shrinks", "stays"],
        "downsell": ["shrinks", "stays"],
    }


def test_another_chain_is_learnt_without_code(label):
    shrink = DOWNSELL.model_copy(update={"given": "churn"})
    grow = UPSELL.model_copy(update={"given": "downsell"})
    other = {"churn": CHURN, "downsell": shrink, "upsell": grow}
    rows = learnable(label(FOUR, grow, "2024-03-01"), grow, other)
    assert sorted(rows["account_id"]) == ["grows", "stays"]


def test_rows_whose_end_cannot_be_said_teach_nothing_further_down_a_chain(label):
    last = CHURN.model_copy(update={"name": "late", "given": "upsell", "growth": 0.1})
    asked = UPSELL.model_copy(update={"given": None})
    text = """
        account_id  start_date  ended_at    arr
        unknown     2023-01-15  2024-04-01  100
        unknown     2024-04-01  -           -
        stays       2023-01-15  -           100
    """
    told = label(text, last, "2024-03-01")
    assert told["outcome"].tolist() == [False, False]
    rows = learnable(told, last, {"upsell": asked, "late": last})
    assert rows["account_id"].tolist() == ["stays"]


def test_the_weights_of_what_is_learnt_are_those_of_the_rows_that_are_left(label):
    found = label(FOUR, UPSELL, "2024-02-01", "2024-03-01")
    gone = found["account_id"].eq("stays") & found["as_of"].eq("2024-02-01")
    rows = learnable(found.assign(result=found["result"].mask(gone, "churned")), UPSELL, CHAIN)
    assert rows.loc[rows["account_id"].eq("stays"), "weight"].tolist() == [1.0]


# weights, lateness, settings


def test_weights_sum_to_one_per_renewal_over_the_rows_with_an_outcome(label):
    mornings = ("2023-12-01", "2024-02-01", "2024-03-01", "2024-04-01")
    found = label(ANNUAL.format("-"), CHURN, *mornings)
    assert found["decision"].tolist() == ["2024-04-01"] * 4
    assert found["weight"].fillna(0).round(6).tolist() == [0, 0.333333, 0.333333, 0.333333]
    assert weights(found[found["as_of"] >= "2024-03-01"]).tolist() == [0.5, 0.5]


def test_month_to_month_rows_share_a_weight_within_a_block_of_the_horizon(label):
    # day 219 * 90 since 1970 is 2023-12-19
    found = label("start_date\n2023-01-15", CHURN, "2023-12-01", "2024-01-01", "2024-02-01")
    assert found["decision"].tolist() == ["block 218", "block 219", "block 219"]
    assert found["weight"].tolist() == [1.0, 0.5, 0.5]


def test_targets_carry_the_name_of_their_block():
    block = {name: value for name, value in CHURN.model_dump().items() if name != "name"}
    assert TypeAdapter(Targets).validate_python({"leaving": block})["leaving"].name == "leaving"


@pytest.mark.parametrize(
    "change",
    [{"horizons": 90}, {"growth": None}, {"growth": 0}, {"horizon": 0}, {"eligible": "all"}],
)
def test_a_target_that_makes_no_sense_is_refused(change):
    for target in (UPSELL, DOWNSELL):
        with pytest.raises(ValidationError):
            Target.model_validate(target.model_dump() | change)


# laws over small random worlds

MORNINGS = [date(2024, 3, 1), date(2024, 6, 1), date(2024, 9, 1), date(2025, 1, 1)]
DAYS = st.sampled_from([date(2024, 8, 15), date(2025, 2, 1), date(2026, 6, 1)])


def became(row, facts, target, by):
    """What became of an observation, day by day: (lost, result), None where it cannot be said."""
    as_of = row["as_of"].date()
    last = as_of + timedelta(target.horizon - 1)
    mine = [fact for fact in oracle.known(facts, by) if fact["account_id"] == row["account_id"]]
    cover = oracle.covering(mine, GRACE)
    begun = [spell for spell in oracle.spells(cover, GRACE) if spell[0] < as_of]
    if not begun:
        return None, None
    lost_at = begun[-1][1]
    if lost_at is not None and lost_at <= last:
        return True, "churned"
    now = oracle.arr([dict(one, cover_end=one["ended_at"]) for one in cover], as_of - oracle.DAY)
    booked = [
        one for one in cover if one["occurred_at"].date() < as_of and one["start_date"] >= as_of
    ]
    grown = oracle.arr([one for one in cover if one not in booked], last)
    later = oracle.arr(cover, last)
    growth = Decimal(str(target.growth or 0.01))
    if now is None or now == 0:
        return False, None
    if grown is not None and grown >= now * (1 + growth):
        return False, "expanded"
    if later is None:
        return False, None
    return False, "contracted" if later < now * Decimal("0.99") else "flat"


@FEW
@given(world=worlds(), by=DAYS, target=st.sampled_from([CHURN, UPSELL, DOWNSELL]))
def test_labels_are_those_of_the_slow_obvious_oracle(tmp_path_factory, world, by, target):
    facts = oracle.facts(list(world))
    found = told(tmp_path_factory.getbasetemp(), facts, MORNINGS, target, by)
    for row in found.to_dict("records"):
        lost, result = became(row, facts, target, by)
        told_yet = row["eligible"] and row["as_of"].date() + timedelta(90 + GRACE) <= by
        assert row["settled"] == (row["as_of"].date() + timedelta(90 + GRACE) <= by)
        of_result = None if result is None else result == target.outcome
        outcome = lost if target.outcome == "lost" else of_result
        expected = (outcome, result, None if lost is None else not lost)
        seen = tuple(None if pd.isna(row[c]) else row[c] for c in ("outcome", "result", "stayed"))
        assert seen == (expected if told_yet else (None, None, None))


@FEW
@given(world=worlds(), by=DAYS)
def test_all_targets_read_the_same_tree_and_weights_sum_to_one(tmp_path_factory, world, by):
    folder, facts = tmp_path_factory.getbasetemp(), oracle.facts(list(world))
    asked = observed(folder, facts, MORNINGS)
    for target in CHAIN.values():
        found = labels(CON, asked, folder, target, by=by, grace=GRACE, delay=0)
        known = found[found["result"].notna()]
        assert known["result"].isin(["churned", "contracted", "flat", "expanded"]).all()
        assert (known["result"].eq("churned") != known["stayed"].astype(bool)).all()
        assert (known["result"].eq(target.result) == known["outcome"].astype(bool)).all()
        assert not found.loc[~found["settled"], ["outcome", "result"]].notna().any(axis=None)
        summed = found.groupby(["account_id", "decision"])["weight"].sum(min_count=1).dropna()
        assert summed.round(9).eq(1).all()


@FEW
@given(world=worlds(), by=DAYS, shuffle=st.randoms(use_true_random=False))
def test_labels_do_not_move_when_the_unknown_is_erased_or_rows_are_shuffled(
    tmp_path_factory, world, by, shuffle
):
    folder, facts = tmp_path_factory.getbasetemp(), oracle.facts(list(world))
    mornings = [day for day in MORNINGS if day <= by]
    whole = told(folder, facts, mornings, UPSELL, by)
    left = oracle.erased(facts, by)
    shuffle.shuffle(left)
    if left:
        pd.testing.assert_frame_equal(told(folder, left, mornings, UPSELL, by), whole)
