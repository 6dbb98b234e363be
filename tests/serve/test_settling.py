"""How each predicted renewal ends, read from real facts: inside the grace, outside, and never."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import contracts
from models.rates import MixedKnowledge
from serve.record import KEY, OUTCOMES
from serve.settling import NOT_DUE, BeyondData, outcomes, settle
from tests.features import contracts_oracle as oracle
from tests.features.test_contracts import worlds
from tests.worlds import table

CON = duckdb.connect(config={"threads": 1})
GRACE = 30
END = date(2030, 1, 1)
FEW = settings(deadline=None, max_examples=12, database=None, derandomize=True)


@pytest.fixture
def ask(tmp_path):
    """The outcomes of predicted renewals as of a day, from the subscriptions of a text table."""

    def asked(text, predicted, as_of, grace=GRACE):
        oracle.write(tmp_path, oracle.facts(oracle.rows_of(table(text))))
        day = date.fromisoformat(as_of)
        return settled(tmp_path, due(predicted), day, grace).outcomes

    return asked


def settled(folder, predicted, as_of, grace, **more):
    """What `settle` says, with a horizon of 90 days."""
    about = {"grace": grace, "data_until": END, "horizon": 90} | more
    return settle(CON, folder, predicted, as_of=as_of, **about)


def due(text):
    rows = table("account_id due_date\n" + text)
    return rows.assign(due_date=pd.to_datetime(rows["due_date"]))


LATE = """
    start_date  term_end    ended_at    arr
    2023-01-01  2024-01-01  2024-01-01  100
    {back}      2025-01-31  -           100
"""


@pytest.mark.parametrize("back, ended", [("2024-01-31", "renewed"), ("2024-02-01", "churned")])
def test_a_renewal_one_day_inside_the_grace_is_renewed_and_one_day_outside_churned(
    ask, back, ended
):
    found = ask(LATE.format(back=back), "acme 2024-01-01", "2024-06-01")
    assert found["outcome"].tolist() == [ended]


def test_a_renewal_goes_from_open_to_in_grace_to_its_end(ask):
    days = ["2024-01-01", "2024-01-02", "2024-01-31", "2024-02-01"]
    text = LATE.format(back="2024-01-31")
    ways = [ask(text, "acme 2024-01-01", day)["outcome"].item() for day in days]
    assert ways == ["open", "in_grace", "in_grace", "renewed"]
    lost = [ask(LATE.format(back="2026-01-01"), "acme 2024-01-01", day) for day in days]
    assert [found["outcome"].item() for found in lost] == ["open", *["in_grace"] * 2, "churned"]


def test_the_money_of_what_is_not_settled_is_unknown_and_of_what_is_lost_zero(ask):
    text = LATE.format(back="2026-01-01")
    waiting, lost = (ask(text, "acme 2024-01-01", day) for day in ("2024-01-15", "2024-06-01"))
    assert waiting[["arr_due", "arr_kept", "arr_renewed"]].fillna(-1).values.tolist() == [
        [100, -1, -1]
    ]
    assert lost[["arr_due", "arr_kept", "arr_renewed"]].values.tolist() == [[100, 0, 0]]


def test_the_arr_due_is_that_of_the_due_date_whatever_is_paid_before_and_after(ask):
    text = """
        start_date  term_end    ended_at    arr
        2023-01-01  2024-01-01  2023-07-01  100
        2023-07-01  2024-01-01  2024-03-01  150   <- grew half a year before it fell due
        2024-03-01  2025-01-01  -           900   <- and two months after
    """
    days = ["2023-06-01", "2023-12-01", "2024-06-01"]
    found = [ask(text, "acme 2024-01-01", day) for day in days]
    assert [frame["arr_due"].item() for frame in found] == [100, 150, 150]
    assert found[-1][["outcome", "arr_renewed"]].values.tolist() == [["renewed", 150]]


def test_a_later_correction_is_a_later_outcome(ask):
    text = """
        subscription_id start_date  term_end    ended_at    recorded_at
        old             2023-01-01  2024-01-01  -           2023-01-01
        old             2023-01-01  2024-01-01  2024-01-01  2024-01-01T12:00
        new             2024-01-20  2025-01-20  -           2024-05-05
    """
    found = [ask(text, "acme 2024-01-01", day) for day in ("2024-05-01", "2024-06-01")]
    assert [frame["outcome"].item() for frame in found] == ["churned", "renewed"]
    assert [f"{frame['known_on'].item():%Y-%m-%d}" for frame in found] == [
        "2024-05-01",
        "2024-06-01",
    ]


def test_what_was_predicted_and_never_fell_due_is_said_so(ask):
    text = """
        account_id  start_date  term_end    ended_at    arr
        early       2023-01-01  2024-01-01  2023-10-01  100   <- replaced, the account stays
        early       2023-10-01  2024-10-01  -           120
        monthly     2023-01-05  -           2023-11-05  10    <- gone before December's decision
    """
    predicted = "early 2024-01-01\nmonthly 2023-12-05\nmonthly 2023-11-05\nearly 2024-01-01"
    found = ask(text, predicted, "2024-06-01").set_index(["account_id", "due_date"])
    assert found["outcome"].to_dict() == {
        ("early", pd.Timestamp("2024-01-01")): NOT_DUE,
        ("monthly", pd.Timestamp("2023-12-05")): NOT_DUE,
        ("monthly", pd.Timestamp("2023-11-05")): "churned",
    }
    never = found[found["outcome"].eq(NOT_DUE)]
    assert never[["arr_due", "arr_kept", "arr_renewed", "month_to_month"]].isna().all(axis=None)
    assert never["known_on"].notna().all()


def test_a_renewal_far_ahead_of_the_day_is_open(ask):
    text = "start_date term_end\n2023-01-01 2026-01-01"
    assert ask(text, "acme 2026-01-01", "2023-02-01")["outcome"].tolist() == ["open"]


MONTHLY = """
    start_date  term_end  ended_at    arr
    2023-01-05  -         2023-07-05  10
"""


def test_who_decides_every_month_is_looked_up_as_far_as_the_prediction_speaks(ask):
    found = ask(MONTHLY, "acme 2023-05-05", "2024-06-01")
    assert found["due_date"].dt.strftime("%m-%d").tolist() == ["05-05", "06-05", "07-05"]
    assert found["outcome"].tolist() == ["renewed", "renewed", "churned"]
    assert ask(MONTHLY, "acme 2023-05-05", "2023-06-05")["outcome"].tolist() == ["renewed"]
    far = ask(MONTHLY, "acme 2023-03-05", "2024-06-01")["due_date"]
    assert far.max() == pd.Timestamp("2023-06-05") - pd.Timedelta(days=31)


def test_what_was_looked_up_before_is_looked_up_again(tmp_path):
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(table(MONTHLY))))
    asked, before = due("acme 2023-05-05"), due("acme 2023-08-05")
    found = settled(tmp_path, asked, LAST, GRACE, before=before).outcomes
    assert found["outcome"].tolist() == ["renewed", "renewed", "churned", NOT_DUE]


def test_an_account_that_the_facts_know_nothing_of_any_more_is_named_and_not_settled(tmp_path):
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(table(LATE.format(back="2026-01-01")))))
    found = settled(tmp_path, due("acme 2024-01-01\nbolt 2024-01-01"), date(2024, 6, 1), GRACE)
    assert found.vanished == ["bolt"]
    assert found.outcomes["account_id"].tolist() == ["acme"]


def test_nothing_predicted_is_nothing_settled(ask):
    found = ask("start_date term_end\n2023-01-01 2024-01-01", "", "2024-06-01")
    assert found.empty
    assert list(found) == list(OUTCOMES)


def test_a_day_beyond_the_data_is_refused_for_there_everybody_seems_to_stay(tmp_path):
    day = END + timedelta(1)
    with pytest.raises(BeyondData, match="2030-01-02"):
        settled(tmp_path, due("acme 2029-06-01"), day, GRACE)


def test_renewals_as_known_on_another_day_are_refused(tmp_path):
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(table("start_date\n2023-01-01"))))
    known = contracts.renewals(CON, tmp_path, [date(2024, 1, 1)], grace=GRACE, until_days=1).df()
    with pytest.raises(MixedKnowledge, match="2024-01-01, not on 2024-02-01"):
        outcomes(known, date(2024, 2, 1))


MORNING, LAST = date(2024, 7, 17), date(2028, 1, 1)


def predicted_on(folder, morning, grace):
    known = contracts.renewals(CON, folder, [morning], grace=grace, until_days=365).df()
    return known[known["due_date"] >= pd.Timestamp(morning)]


@FEW
@given(world=worlds(), grace=st.sampled_from([0, 10, 30, 45]))
def test_every_predicted_renewal_has_one_outcome_and_no_other_contract_has(
    tmp_path_factory, world, grace
):
    folder = oracle.write(tmp_path_factory.getbasetemp(), oracle.facts(list(world)))
    asked = predicted_on(folder, MORNING, grace)
    found = settled(folder, asked, LAST, grace).outcomes
    only = found[~found["month_to_month"].fillna(False).astype(bool)]
    assert set(map(tuple, only[KEY].to_numpy())) <= set(map(tuple, asked[KEY].to_numpy()))
    assert len(asked[KEY].drop_duplicates()) == len(asked[KEY].merge(found[KEY]))
    assert not found.duplicated(KEY).any()
    assert set(found["outcome"]) <= {"renewed", "expanded", "contracted", "churned", NOT_DUE}


@FEW
@given(world=worlds(versions=False), grace=st.sampled_from([0, 10, 30, 45]))
def test_who_was_lost_before_a_renewal_fell_due_counts_as_lost_at_another(
    tmp_path_factory, world, grace
):
    """Unless the account came back: then the later spell is due where the lost one was."""
    facts = oracle.facts(list(world))
    folder = oracle.write(tmp_path_factory.getbasetemp(), facts)
    asked = predicted_on(folder, MORNING, grace)
    found = settled(folder, asked, LAST, grace).outcomes
    known = contracts.renewals(CON, folder, [LAST], grace=grace, until_days=1).df()
    losers = set(known.loc[known["status"].eq("churned"), "account_id"])
    for account in set(found.loc[found["outcome"].eq(NOT_DUE), "account_id"]):
        mine = [row for row in oracle.known(facts, LAST) if row["account_id"] == account]
        ended = [end for _, end in oracle.spells(oracle.covering(mine, grace), grace)]
        gone = len(ended) == 1 and ended[0] is not None and ended[0] < LAST
        assert account in losers or not gone


@FEW
@given(world=worlds(versions=False), grace=st.integers(0, 44))
def test_one_more_day_of_grace_makes_no_more_churn_of_the_same_renewals(
    tmp_path_factory, world, grace
):
    """Where every end lies on its due date: see the counter-example below."""
    rows = []
    for row in world:
        [dated_back] = oracle.covering([row], 10_000) or [{"cover_end": row["ended_at"]}]
        rows.append(dict(row, ended_at=dated_back["cover_end"]))
    folder = oracle.write(tmp_path_factory.getbasetemp(), oracle.facts(rows))
    asked = predicted_on(folder, MORNING, grace)
    churned = [
        settled(folder, asked, LAST, days).outcomes.merge(asked[KEY])["outcome"].eq("churned")
        for days in (grace, grace + 1)
    ]
    assert churned[1].sum() <= churned[0].sum()


def test_an_end_past_the_grace_with_a_return_past_it_again_is_the_counter_example(ask):
    """31 days after the due date the cover ends, 30 days later it is taken up: a grace of 30
    bridges the gap, one of 31 dates the end back to the due date and leaves a gap of 61."""
    text = """
        start_date  term_end    ended_at
        2023-01-01  2024-01-01  2024-02-01
        2024-03-02  2025-03-02  -
    """
    shorter, longer = (ask(text, "acme 2024-01-01", "2024-12-01", grace=g) for g in (30, 31))
    assert [f["outcome"].item() for f in (shorter, longer)] == ["renewed", "churned"]
