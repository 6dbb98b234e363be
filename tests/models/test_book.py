"""Who was a customer when a quarter began, read from real facts and worked out by hand."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import contracts
from models.book import SLICES, Period, book, described, whole_periods
from models.rates import WORST_FIRST, RatesSettings, book_rates, renewal_rates
from models.slices import sized
from tests.features import contracts_oracle as oracle
from tests.features.test_contracts import worlds
from tests.worlds import table

CON = duckdb.connect(config={"threads": 1})
GRACE, BY = 30, date(2025, 1, 1)
Q1, Q2 = whole_periods(date(2024, 1, 1), date(2024, 7, 1), "quarter")
SIZES = (100.0, 1000.0)
WIDE = RatesSettings(every="quarter", max_width=1e9, sizes=SIZES, graces=(0, 30, 61, 91))
FEW = settings(deadline=None, max_examples=12, database=None, derandomize=True)


def write(folder, subscriptions, accounts=()):
    """The facts of both tables; every account is there from 2020 if none is named."""
    facts = oracle.facts(subscriptions)
    named = {row["account_id"] for row in facts} if not accounts else set()
    plain = [{"account_id": name, "created_at": datetime(2020, 1, 1)} for name in sorted(named)]
    oracle.write(folder, facts)
    return oracle.write(
        folder, oracle.facts([*plain, *accounts], key="account_id"), name="accounts"
    )


@pytest.fixture
def ask(tmp_path):
    def asked(text, periods=(Q1,), by=BY, grace=GRACE):
        write(tmp_path, oracle.rows_of(table(text)))
        return book(CON, tmp_path, periods, by=by, grace=grace, sizes=SIZES)

    return asked


QUARTER = """
    account_id start_date  term_end    ended_at    arr
    stays      2023-05-01  2025-05-01  -           100
    grows      2023-05-01  2025-05-01  2024-02-15  100
    grows      2024-02-15  2025-05-01  -           150
    shrinks    2023-05-01  2024-03-01  2024-03-01  100
    shrinks    2024-03-01  2025-03-01  -           60
    leaves     2023-03-01  2024-03-01  2024-03-01  100
    back       2023-02-01  2024-02-01  2024-02-01  100   <- 45 days without: another spell
    back       2024-03-17  2025-03-17  -           500
    new        2024-01-01  2025-01-01  -           900   <- begins with the quarter
    first      2023-01-01  2024-01-01  2024-01-01  100   <- its last day is the last of the old year
    unpriced   2023-05-01  2025-05-01  -           -
"""


def test_churn_rate_grr_nrr_and_downsell_of_a_quarter_worked_by_hand(ask):
    found = book_rates(ask(QUARTER), WIDE).iloc[0]
    assert found[["customers", "lost", "downsold", "arr_unknown"]].tolist() == [7, 3, 1, 1]
    assert found["churn_rate"] == pytest.approx(3 / 7)
    assert found[["arr_start", "arr_end", "arr_lost", "arr_downsell"]].tolist() == [
        600, 310, 300, 40,
    ]  # fmt: skip
    assert found["grr"] == pytest.approx((100 + 100 + 60) / 600)
    assert found["nrr"] == pytest.approx((100 + 150 + 60) / 600)
    assert found["downsell_rate"] == pytest.approx(40 / 600)


def test_who_leaves_on_the_first_day_of_a_quarter_is_lost_in_it_with_the_renewal_due_that_day(ask):
    text = "start_date term_end ended_at\n2023-04-01 2024-04-01 2024-04-01"
    found = ask(text, [Q1, Q2]).set_index("period")
    assert found["lost"].to_dict() == {"2024Q1": False, "2024Q2": True}
    assert found.loc["2024Q1", "arr_end"] == 100


def test_while_a_gap_within_the_grace_is_bridged_the_account_pays_what_it_paid(ask):
    text = """
        start_date  term_end    ended_at    arr
        2023-03-20  2024-03-20  2024-03-20  100   <- renewed late, on either side of a quarter
        2024-04-10  2025-04-10  -           140
    """
    found = ask(text, [Q1, Q2]).set_index("period")
    assert found[["arr_start", "arr_end"]].to_numpy().tolist() == [[100, 100], [100, 140]]
    assert not found["lost"].any()


@pytest.mark.parametrize("by, waits", [(date(2024, 4, 14), True), (date(2024, 4, 15), False)])
def test_a_loss_counts_when_no_late_renewal_could_undo_it(ask, by, waits):
    found = ask("start_date term_end ended_at\n2023-03-15 2024-03-15 2024-03-15", by=by)
    assert found[["in_grace", "lost"]].to_numpy().tolist() == [[waits, not waits]]


def test_month_to_month_stands_apart_only_where_every_row_is(ask):
    found = ask("""
        account_id start_date  term_end
        monthly    2023-05-05  -
        mixed      2023-05-05  -
        mixed      2023-05-01  2024-05-01
    """)
    assert found.set_index("account_id")["terms"].to_dict() == {
        "mixed": "contract",
        "monthly": "month_to_month",
    }


def test_an_account_is_of_the_plan_it_pays_most_for_and_of_the_size_of_all_it_pays(ask):
    found = ask("""
        account_id start_date  term_end    ended_at    arr  plan  seats
        acme       2023-05-01  2024-05-01  -           300  basic 3
        acme       2023-05-01  2024-05-01  -           800  pro   8
        acme       2024-02-01  2024-05-01  -           900  later 9
        bolt       2023-05-01  2024-05-01  -           99   basic -
    """).set_index("account_id")
    assert found["plan"].to_dict() == {"acme": "pro", "bolt": "basic"}
    assert found["size"].astype(str).to_dict() == {"acme": "1,000 and more", "bolt": "under 100"}
    assert found.loc["acme", ["seats_start", "seats_end"]].tolist() == [11, 20]
    assert pd.isna(found.loc["bolt", "seats_start"])


def test_segment_and_owner_are_those_known_at_the_start_and_else_as_first_told(tmp_path):
    accounts = table("""
        account_id created_at  recorded_at       owner segment
        acme       2023-01-01  2023-01-01T09:00  ann   smb
        acme       2023-01-01  2024-01-15T09:00  bob   smb
        late       2023-01-01  2024-05-01T09:00  cid   -      <- told after the quarter began
    """)
    rows = oracle.rows_of(table("account_id start_date\nacme 2023-02-01\nlate 2023-02-01"))
    told = [
        {name: oracle.read(value, name) for name, value in row.items()}
        for row in accounts.to_dict("records")
    ]
    write(tmp_path, rows, told)
    found = book(CON, tmp_path, [Q1, Q2], by=BY, grace=GRACE, sizes=SIZES)
    assert found[["period", "account_id", "owner"]].to_numpy().tolist() == [
        ["2024Q1", "acme", "ann"],
        ["2024Q1", "late", "cid"],
        ["2024Q2", "acme", "bob"],
        ["2024Q2", "late", "cid"],
    ]
    assert found["segment"].isna().tolist() == [False, True, False, True]


def test_whoever_has_left_early_is_described_as_when_last_a_customer(tmp_path):
    text = """
        start_date  term_end    ended_at    arr plan
        2023-01-01  2024-01-01  2023-06-01  200 pro
    """
    write(tmp_path, oracle.rows_of(table(text)))
    rows = pd.DataFrame({"account_id": ["acme", "ghost"], "day": pd.Timestamp("2024-01-01")})
    found = described(CON, tmp_path, rows, "day", by=BY, grace=GRACE)
    assert found["arr"].fillna(-1).tolist() == [200, -1]
    assert found["plan"].fillna("?").tolist() == ["pro", "?"]


def test_no_period_is_an_empty_book(ask):
    assert ask("start_date term_end\n2023-01-01 2024-01-01", periods=[]).empty
    assert whole_periods(date(2024, 1, 2), date(2024, 6, 30), "quarter") == []


YEARS = [Period("2024", date(2024, 1, 1), date(2025, 1, 1))] + [Q1, Q2]
LATER = date(2026, 1, 31)


@FEW
@given(world=worlds(), grace=st.sampled_from([0, 10, 30, 45]))
def test_the_book_is_that_of_the_slow_obvious_oracle_and_its_rates_tie(
    tmp_path_factory, world, grace
):
    folder, rows = tmp_path_factory.mktemp("world"), list(world)
    write(folder, rows)
    found = book(CON, folder, YEARS, by=LATER, grace=grace, sizes=SIZES)
    slow = {}
    for account in {row["account_id"] for row in rows}:
        mine = [row for row in oracle.facts(rows) if row["account_id"] == account]
        covering = oracle.covering(oracle.known(mine, LATER), grace)
        for name, first, after in YEARS:
            for start, lost_at in oracle.spells(covering, grace):
                if start < first and (lost_at is None or lost_at >= first):
                    gone = lost_at is not None and lost_at < after
                    waits = gone and (LATER - lost_at).days <= grace
                    slow[name, account] = (gone and not waits, waits)
    fast = found.set_index(["period", "account_id"])[["lost", "in_grace"]]
    assert {key: tuple(row) for key, row in zip(fast.index, fast.to_numpy(), strict=True)} == slow
    for _, row in book_rates(found, WIDE, ["terms", *SLICES]).iterrows():
        assert row["lost"] <= row["customers"] - row["in_grace"]
        if row["arr_start"] > 0:
            assert row["grr"] <= min(1, row["nrr"]) if row["nrr"] == row["nrr"] else row["grr"] <= 1
            kept = row["arr_start"] - row["arr_lost"] - row["arr_downsell"]
            assert row["grr"] == pytest.approx(kept / row["arr_start"])


@FEW
@given(world=worlds(), grace=st.sampled_from([0, 10, 30, 45]))
def test_what_is_due_is_what_became_of_it_in_accounts_and_in_arr(tmp_path_factory, world, grace):
    folder = tmp_path_factory.mktemp("world")
    write(folder, list(world))
    known = contracts.renewals(CON, folder, [date(2024, 12, 1)], grace=grace, until_days=90).df()
    was = described(CON, folder, known, "due_date", by=date(2024, 12, 1), grace=grace)
    rows = known.assign(**{name: was[name] for name in SLICES[:3]}, size=sized(was["arr"], SIZES))
    found = renewal_rates(rows, WIDE, SLICES)
    if rows.empty:
        assert found.empty
        return
    owed = [f"arr_due_{status}" for status in WORST_FIRST]
    assert found["due"].eq(found[WORST_FIRST].sum(axis=1)).all()
    assert found["arr_due_all"].to_numpy() == pytest.approx(found[owed].sum(axis=1).to_numpy())
    for by in ["all", *SLICES]:
        assert found.loc[found["by"].eq(by), "arr_due_all"].sum() == pytest.approx(
            rows["arr_due"].sum()
        )
    assert (found["arr_renewed"] <= found["arr_due"]).all()
