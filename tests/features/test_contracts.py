from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import duckdb
import pandas as pd
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from features import contracts
from tests.features import contracts_oracle as oracle
from tests.worlds import table

CON = duckdb.connect(config={"threads": 1})
GRACE = 30
QUIET = settings(deadline=None, max_examples=20, database=None, derandomize=True)
FEW = settings(QUIET, max_examples=5)


@pytest.fixture
def renewals(tmp_path):
    """The renewals of a text table, as known on a day."""

    def ask(text, by, grace=GRACE, until_days=90):
        oracle.write(tmp_path, oracle.facts(oracle.rows_of(table(text))))
        day = date.fromisoformat(by)
        return contracts.renewals(CON, tmp_path, [day], grace=grace, until_days=until_days).df()

    return ask


def told(frame, *columns):
    """Some columns as rows of text, dates as ISO."""
    rows = [tuple(row) for row in frame[list(columns)].itertuples(index=False)]
    return [tuple(f"{v:%Y-%m-%d}" if isinstance(v, pd.Timestamp) else v for v in r) for r in rows]


# worked examples, rule by rule


def test_a_row_covers_its_days_half_open_and_a_free_or_empty_row_covers_nothing(tmp_path):
    rows = table("""
        subscription_id  start_date  ended_at    arr
        paid             2024-01-01  2024-03-01  100
        unknown          2024-01-01  -           -
        free             2024-01-01  -           0
        nothing          2024-02-01  2024-02-01  100
    """)
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(rows)))
    known = contracts.cover(CON, tmp_path, [date(2024, 6, 1)], GRACE).df()
    assert told(known, "subscription_id", "cover_end") == [
        ("paid", "2024-03-01"),
        ("unknown", pd.NaT),
    ]


def test_a_row_falls_due_at_its_term_end_and_every_further_term_that_it_runs_on(renewals):
    found = renewals("start_date term_end\n2024-01-31 2024-04-30", "2025-01-01")
    assert told(found, "due_date", "status") == [
        ("2024-04-30", "renewed"),
        ("2024-07-31", "renewed"),
        ("2024-10-31", "renewed"),
        ("2025-01-31", "open"),
    ]


def test_a_term_that_is_not_whole_months_is_counted_in_days(renewals):
    found = renewals("start_date term_end\n2024-01-01 2024-02-10", "2024-03-01", until_days=30)
    assert told(found, "due_date") == [("2024-02-10",), ("2024-03-21",)]


def test_a_three_year_term_falls_due_after_three_years_not_before(renewals):
    found = renewals("start_date term_end\n2021-02-01 2024-02-01", "2024-06-01")
    assert told(found, "due_date", "status") == [("2024-02-01", "renewed")]


def test_co_termed_add_ons_share_one_renewal_with_the_arr_of_all(renewals):
    found = renewals(
        """
        start_date  term_end    ended_at    arr
        2023-01-01  2024-01-01  2024-01-01  100
        2023-07-01  2024-01-01  2024-01-01   20
        2024-01-01  2025-01-01  -           120
        """,
        "2024-06-01",
    )
    assert told(found, "due_date", "arr_due", "status", "arr_kept") == [
        ("2024-01-01", 120.0, "renewed", 120.0)
    ]


def test_two_due_dates_are_two_renewals_and_each_keeps_its_own_arr(renewals):
    found = renewals(
        """
        start_date  term_end    ended_at    arr
        2023-01-01  2024-01-01  2024-01-01  100   <- renewed at 150
        2023-03-01  2024-03-01  -            40   <- runs on
        2024-01-01  2025-01-01  -           150
        """,
        "2024-06-01",
    )
    assert told(found, "due_date", "arr_due", "status", "arr_kept", "arr_renewed") == [
        ("2024-01-01", 100.0, "expanded", 150.0, 100.0),
        ("2024-03-01", 40.0, "renewed", 40.0, 40.0),
    ]


@pytest.mark.parametrize(
    "back, statuses",
    [("2024-01-31", ["renewed"]), ("2024-02-01", ["churned"])],
)
def test_a_late_renewal_on_the_last_day_of_grace_counts_and_a_day_later_does_not(
    renewals, back, statuses
):
    found = renewals(
        f"""
        start_date  term_end    ended_at
        2023-01-01  2024-01-01  2024-01-01
        {back}      2025-01-31  -
        """,
        "2024-06-01",
    )
    assert found["status"].tolist() == statuses


def test_a_reactivation_is_a_new_spell_whose_tenure_starts_again(tmp_path, renewals):
    text = """
        start_date  term_end    ended_at
        2022-01-01  2023-01-01  2023-01-01
        2023-06-01  2024-06-01  -
    """
    found = renewals(text, "2024-03-15")
    assert told(found, "due_date", "status", "lost_at") == [
        ("2023-01-01", "churned", "2023-01-01"),
        ("2024-06-01", "open", pd.NaT),
    ]
    customers = contracts.customers(CON, tmp_path, [date(2024, 3, 15)], GRACE).df()
    assert customers["tenure_days"].tolist() == [(date(2024, 3, 15) - date(2023, 6, 1)).days]


def test_a_seat_change_in_mid_term_voids_the_old_rows_due_date(renewals):
    found = renewals(
        """
        start_date  term_end    ended_at    arr
        2023-01-01  2024-01-01  2023-09-01  100   <- replaced: not due
        2023-09-01  2024-01-01  2024-01-01  140
        2024-01-01  2025-01-01  -           140
        """,
        "2024-06-01",
    )
    assert told(found, "due_date", "arr_due", "status") == [("2024-01-01", 140.0, "renewed")]


def test_a_plan_swap_on_one_day_is_no_gap_and_reads_the_new_arr(renewals):
    found = renewals(
        """
        start_date  term_end    ended_at    arr  plan
        2023-01-01  2024-01-01  2024-01-01  100  gold
        2024-01-01  2025-01-01  -            60  silver
        """,
        "2024-06-01",
        grace=0,
    )
    assert told(found, "due_date", "status", "arr_kept") == [("2024-01-01", "contracted", 60.0)]


def test_a_change_within_one_percent_is_a_plain_renewal(renewals):
    for arr, status in [("101", "renewed"), ("101.01", "expanded"), ("99", "renewed")]:
        found = renewals(
            f"""
            start_date  term_end    ended_at    arr
            2023-01-01  2024-01-01  2024-01-01  100
            2024-01-01  2025-01-01  -           {arr}
            """,
            "2024-06-01",
        )
        assert found["status"].tolist() == [status]


def test_month_to_month_rows_share_one_decision_a_calendar_month(renewals):
    found = renewals(
        """
        start_date  term_end    arr
        2024-01-05  -            10
        2024-01-20  2024-02-20   30   <- a term of 31 days binds nobody
        """,
        "2024-03-10",
        until_days=30,
    )
    assert told(found, "due_date", "arr_due", "month_to_month", "status") == [
        ("2024-02-05", 40.0, True, "renewed"),
        ("2024-03-05", 40.0, True, "open"),
        ("2024-04-05", 40.0, True, "open"),
    ]


def test_dunning_dates_an_end_within_grace_of_a_due_date_back_to_it(renewals):
    text = "start_date term_end ended_at\n2023-01-01 2024-01-01 {}"
    inside = renewals(text.format("2024-01-31"), "2024-06-01")
    assert told(inside, "due_date", "status", "lost_at") == [
        ("2024-01-01", "churned", "2024-01-01")
    ]
    outside = renewals(text.format("2024-02-01"), "2024-06-01")
    assert told(outside, "due_date", "status", "early") == [
        ("2024-01-01", "renewed", False),
        ("2025-01-01", "churned", True),
    ]


def test_an_end_before_the_term_leaves_the_due_date_standing_churned_and_early(renewals):
    text = "start_date term_end ended_at\n2023-01-01 2024-01-01 2023-05-01"
    found = renewals(text, "2023-06-15")
    assert told(found, "due_date", "status", "early", "lost_at") == [
        ("2024-01-01", "churned", True, "2023-05-01")
    ]
    pending = renewals(text, "2023-05-20", until_days=365)
    assert told(pending, "due_date", "status", "early") == [("2024-01-01", "open", True)]


def test_a_lapsed_product_of_two_is_a_contraction_of_its_own_renewal(renewals):
    found = renewals(
        """
        start_date  term_end    ended_at    arr  product
        2023-01-01  2024-01-01  -           100  core
        2023-01-01  2024-01-01  2024-01-01   50  extra
        """,
        "2024-06-01",
    )
    assert told(found, "arr_due", "status", "arr_kept", "arr_renewed") == [
        (150.0, "contracted", 100.0, 100.0)
    ]


def test_a_notice_decides_from_the_day_it_is_given_and_shows_the_end_before_it_comes(renewals):
    text = "start_date term_end ended_at notice_at\n2023-01-01 2024-01-01 2024-01-01 2023-10-01"
    before = renewals(text, "2023-10-01", until_days=200)
    after = renewals(text, "2023-10-02", until_days=200)
    assert told(before, "decided", "lost_at", "status") == [(None, pd.NaT, "open")]
    assert told(after, "decided", "lost_at", "status") == [("notice_given", "2024-01-01", "open")]


def test_a_row_booked_ahead_decides_the_renewal_it_outlasts(renewals):
    text = """
        start_date  term_end    booked_at
        2023-01-01  2024-01-01  2022-12-01
        2024-01-01  2025-01-01  2023-11-10
    """
    assert renewals(text, "2023-11-10")["decided"].tolist() == [None]
    assert renewals(text, "2023-11-11")["decided"].tolist() == ["already_renewed"]


def test_a_row_booked_ahead_does_not_decide_itself(renewals):
    text = "start_date term_end booked_at\n2024-01-10 - 2024-01-01"
    found = renewals(text, "2024-01-05", until_days=60)
    assert told(found, "due_date", "decided") == [("2024-02-10", None)]


def test_a_backdated_row_is_invisible_until_it_is_booked(renewals):
    text = """
        start_date  term_end    ended_at    booked_at
        2023-01-01  2024-01-01  2024-01-01  -
        2024-01-01  2025-01-01  -           2024-02-20   <- entered seven weeks late
    """
    assert renewals(text, "2024-01-20")["status"].tolist() == ["in_grace"]
    assert renewals(text, "2024-02-15")["status"].tolist() == ["churned"]
    assert renewals(text, "2024-02-21")["status"].tolist() == ["renewed"]


def test_a_correction_recorded_on_the_morning_itself_is_future(renewals):
    text = """
        subscription_id  start_date  term_end    arr  recorded_at
        s1               2023-01-01  2024-01-01  100  2023-01-01
        s1               2023-01-01  2024-01-01  200  2023-06-01   <- at midnight
    """
    assert renewals(text, "2023-06-01", until_days=300)["arr_due"].tolist() == [100.0]
    assert renewals(text, "2023-06-02", until_days=300)["arr_due"].tolist() == [200.0]


def test_a_row_that_a_correction_made_free_is_gone_from_that_day_on(tmp_path):
    rows = table("""
        subscription_id  start_date  term_end    arr  recorded_at
        s1               2023-01-01  2024-01-01  100  2023-01-01
        s1               2023-01-01  2024-01-01  0    2023-06-10   <- it was a trial
    """)
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(rows)))
    days = [date(2023, 5, 1), date(2023, 6, 1), date(2023, 7, 1), date(2023, 8, 1)]
    found = contracts.customers(CON, tmp_path, days, GRACE).df()
    assert told(found, "by") == [("2023-05-01",), ("2023-06-01",)]


def test_a_return_takes_over_a_due_date_only_once_its_own_term_comes_near(tmp_path):
    rows = table("""
        start_date  term_end    ended_at
        2023-01-01  2025-01-01  2023-03-01   <- ends early
        2023-07-01  2024-01-01  -            <- its third term ends on the same day
    """)
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(rows)))
    days = [date(2023, 8, 1), date(2024, 7, 1), date(2024, 8, 1)]
    found = contracts.past_renewals(CON, tmp_path, days, grace=GRACE).df()
    assert told(found, "by", "due_date", "status") == [
        ("2023-08-01", "2025-01-01", "churned"),
        ("2024-07-01", "2024-01-01", "renewed"),
        ("2024-07-01", "2025-01-01", "churned"),
        ("2024-08-01", "2024-01-01", "renewed"),
        ("2024-08-01", "2024-07-01", "renewed"),
    ]


def test_a_renewal_is_settled_on_the_day_after_its_grace_is_over(renewals):
    text = "start_date term_end ended_at\n2023-01-01 2024-01-01 2024-01-01"
    assert renewals(text, "2024-01-01")["status"].tolist() == ["open"]
    assert renewals(text, "2024-01-02")["status"].tolist() == ["in_grace"]
    assert renewals(text, "2024-01-31")["status"].tolist() == ["in_grace"]
    assert renewals(text, "2024-02-01")["status"].tolist() == ["churned"]


def test_an_unknown_amount_renews_without_money_figures(renewals):
    found = renewals("start_date term_end arr\n2023-01-01 2024-01-01 -", "2024-06-01")
    assert found["status"].tolist() == ["renewed"]
    assert found[["arr_due", "arr_kept", "arr_renewed"]].isna().all(axis=None)


def test_the_curve_is_read_before_the_accounts_next_due_date(renewals):
    found = renewals(
        """
        start_date  term_end    ended_at    arr
        2023-01-01  2024-01-01  -           100
        2023-01-15  2024-01-15  2024-01-15   50   <- lapses within the other's grace
        """,
        "2024-06-01",
    )
    assert told(found, "due_date", "status") == [
        ("2024-01-01", "renewed"),
        ("2024-01-15", "contracted"),
    ]


def test_an_account_that_came_back_to_the_same_due_date_has_one_renewal_there(renewals):
    found = renewals(
        """
        start_date  term_end    ended_at
        2023-01-01  2024-01-01  2023-03-01
        2023-07-01  2024-01-01  -
        """,
        "2023-12-01",
    )
    assert told(found, "due_date", "status", "lost_at") == [("2024-01-01", "open", pd.NaT)]


def test_past_renewals_are_the_settled_ones_as_known_on_each_morning(tmp_path):
    rows = table("start_date term_end\n2022-01-01 2023-01-01")
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(rows)))
    days = [date(2023, 1, 31), date(2023, 2, 1), date(2024, 2, 1)]
    found = contracts.past_renewals(CON, tmp_path, days, grace=GRACE).df()
    assert told(found, "by", "due_date") == [
        ("2023-02-01", "2023-01-01"),
        ("2024-02-01", "2023-01-01"),
        ("2024-02-01", "2024-01-01"),
    ]


def test_the_next_decision_is_the_earliest_undecided_however_far(tmp_path):
    rows = table("""
        account_id  start_date  term_end    notice_at
        far         2023-01-01  2026-01-01  -
        two         2023-01-01  2024-01-01  2023-03-01
        two         2023-01-01  2024-02-01  -
        leaves      2023-01-01  2024-01-01  2023-03-01
    """)
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(rows)))
    asked = [date(2023, 4, 1)]
    found = contracts.next_decisions(CON, tmp_path, asked, grace=GRACE, until_days=90).df()
    assert told(found, "account_id", "due_date", "days_to_due") == [
        ("far", "2026-01-01", 1006),
        ("two", "2024-02-01", 306),
    ]


def test_the_next_monthly_decision_is_the_whole_months_however_near_one_looks(tmp_path):
    rows = table("""
        start_date  arr
        2024-01-05  10
        2024-01-20  30   <- its 20th of March was decided with the other's 5th
    """)
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(rows)))
    asked = [date(2024, 3, 10)]
    found = contracts.next_decisions(CON, tmp_path, asked, grace=GRACE, until_days=1).df()
    assert told(found, "due_date", "arr_due") == [("2024-04-05", 40.0)]


def test_monthly_decisions_that_a_notice_or_a_booking_decided_are_passed_over(tmp_path):
    rows = table("""
        account_id  start_date  ended_at    arr  notice_at   booked_at
        notice      2024-01-05  2024-05-20  10   2024-03-01  -
        notice      2024-01-20  -           30   -           -
        booking     2024-01-05  -           10   -           -
        booking     2024-05-01  -           30   -           2024-03-01
    """)
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(rows)))
    asked = [date(2024, 3, 10)]
    found = contracts.next_decisions(CON, tmp_path, asked, grace=GRACE, until_days=90).df()
    assert told(found, "account_id", "due_date", "arr_due") == [
        ("booking", "2024-06-01", 40.0),
        ("notice", "2024-06-20", 30.0),
    ]


def test_days_on_which_nothing_new_is_known_still_differ_in_what_lies_behind_them(tmp_path):
    rows = table("""
        account_id  start_date  term_end    ended_at    booked_at
        early       2023-01-01  2025-01-01  2023-11-20  -            <- settled from 2023-12-21 on
        ahead       2023-06-01  2024-06-01  -           -
        ahead       2024-01-01  2025-01-01  -           2023-11-01   <- begun by 2024-03-01
    """)
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(rows)))
    days = [date(2023, 12, 1), date(2024, 3, 1)]
    every = contracts.renewals(CON, tmp_path, days, grace=GRACE, until_days=200).df()
    past = contracts.past_renewals(CON, tmp_path, days, grace=GRACE).df()
    assert told(past, "by", "account_id", "due_date") == [("2024-03-01", "early", "2025-01-01")]
    every["decided"] = every["decided"].fillna("no")
    assert told(every, "by", "account_id", "status", "decided") == [
        ("2023-12-01", "ahead", "open", "already_renewed"),
        ("2024-03-01", "ahead", "open", "no"),
        ("2024-03-01", "early", "churned", "no"),
    ]


def test_no_day_asked_is_an_empty_answer(tmp_path):
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(table("start_date\n2024-01-01"))))
    assert contracts.renewals(CON, tmp_path, [], grace=GRACE, until_days=90).df().empty


def test_every_query_is_sql_that_spark_has_too(tmp_path):
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(table("start_date\n2024-01-01"))))
    days = [date(2024, 6, 1)]
    for relation in (
        contracts.cover(CON, tmp_path, days, GRACE),
        contracts.customers(CON, tmp_path, days, GRACE),
        contracts.renewals(CON, tmp_path, days, grace=GRACE, until_days=90),
        contracts.next_decisions(CON, tmp_path, days, grace=GRACE, until_days=90),
    ):
        raising = sqlglot.ErrorLevel.RAISE
        [spark] = sqlglot.transpile(
            relation.sql_query(), read="duckdb", write="spark", unsupported_level=raising
        )
        calls = {
            call.name.upper()
            for call in sqlglot.parse_one(spark, read="spark").find_all(sqlglot.exp.Anonymous)
        }
        assert not calls, "functions that sqlglot does not know, and cannot translate"


# laws over small random worlds


def worlds(versions=True):
    """Rows of up to six accounts: gaps, overlaps, free, unknown, empty, late and corrected."""
    first = date(2024, 1, 1)
    day = st.integers(0, 400).map(lambda n: first + timedelta(n))
    term = st.sampled_from(
        [None, None, 0, 20, 31, 32, 60, "1", "2", "2", "3", "3", "6", "12", "36"]
    )
    end = st.sampled_from([None, None, "due", "due", "dunned", "late", 0, 3, 40, 100, 200, 300])
    lead = st.sampled_from([None, None, None, -40, -3, 0, 2, 15, 45])

    @st.composite
    def row(draw, number):
        start, length = draw(day), draw(term)
        if draw(st.booleans()):
            start = start.replace(day=draw(st.sampled_from([1, 1, 15])))
        term_end = (
            oracle.months_later(start, int(length))
            if isinstance(length, str)
            else None
            if length is None
            else start + timedelta(length)
        )
        account = draw(st.sampled_from("abcdef"))
        kind, bound = draw(end), term_end or oracle.months_later(start, 3)
        ended = {
            "due": bound, "dunned": bound + timedelta(10), "late": bound + timedelta(31)
        }.get(kind, start + timedelta(kind) if isinstance(kind, int) else None)  # fmt: skip
        if ended is not None and ended < start:
            ended = start
        booked = draw(lead)
        notice = draw(st.sampled_from([None, None, None, 5, 60]))
        delay = draw(st.sampled_from([None, None, 0, 3, 50])) if versions else None
        booked_at = None if booked is None else start + timedelta(booked)
        return {
            "account_id": account,
            "subscription_id": f"{account}{draw(st.integers(0, 3)) if versions else number}",
            "start_date": start,
            "term_end": term_end,
            "ended_at": ended,
            "notice_at": (ended or bound) - timedelta(notice) if notice is not None else None,
            "booked_at": booked_at,
            "arr": draw(
                st.sampled_from([Decimal(n) for n in (0, 100, 100, 100, 101, 250)] + [None])
            ),
            "recorded_at": None
            if delay is None
            else datetime.combine(max(start, booked_at or start), time(9, number))
            + timedelta(delay),
        }

    return st.integers(1, 20).flatmap(lambda n: st.tuples(*(row(number) for number in range(n))))


MORNINGS = [
    date(2024, 3, 1),
    date(2024, 7, 17),
    date(2024, 12, 1),
    date(2025, 6, 1),
    date(2026, 1, 31),
]
GRACES = st.sampled_from([0, 1, 10, 30, 45])


def as_rows(frame):
    """A frame as dicts, with None for what is missing and dates for midnights."""
    plain = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [
        {k: v.date() if isinstance(v, pd.Timestamp) else v for k, v in row.items()} for row in plain
    ]


@QUIET
@given(world=worlds(), grace=GRACES, until=st.sampled_from([1, 30, 90, 400]))
def test_renewals_are_those_of_the_slow_obvious_oracle(tmp_path_factory, world, grace, until):
    folder = tmp_path_factory.getbasetemp()
    facts = oracle.facts(list(world))
    oracle.write(folder, facts)
    fast = contracts.renewals(CON, folder, MORNINGS, grace=grace, until_days=until).df()
    slow = [row for by in MORNINGS for row in oracle.renewals(facts, by, grace, until)]
    assert as_rows(fast) == slow


def everything(folder, by, grace=GRACE):
    """Every answer about one day, or about several, as rows."""
    days = by if isinstance(by, list) else [by]
    return [
        as_rows(relation.df())
        for relation in (
            contracts.cover(CON, folder, days, grace),
            contracts.customers(CON, folder, days, grace),
            contracts.renewals(CON, folder, days, grace=grace, until_days=90),
            contracts.past_renewals(CON, folder, days, grace=grace),
            contracts.next_decisions(CON, folder, days, grace=grace, until_days=90),
        )
    ]


@FEW
@given(world=worlds(), grace=GRACES)
def test_a_day_is_answered_alone_as_it_is_among_others(tmp_path_factory, world, grace):
    folder = oracle.write(tmp_path_factory.getbasetemp(), oracle.facts(list(world)))
    days = [MORNINGS[0] + timedelta(48 * n) for n in range(8)]
    alone = [everything(folder, day, grace) for day in days]
    together = everything(folder, days, grace)
    for answers, among in zip(zip(*alone, strict=True), together, strict=True):
        assert [row for rows in answers for row in rows] == among


@FEW
@given(world=worlds(), grace=GRACES)
def test_past_renewals_are_the_settled_of_all_renewals(tmp_path_factory, world, grace):
    folder = oracle.write(tmp_path_factory.getbasetemp(), oracle.facts(list(world)))
    past = as_rows(contracts.past_renewals(CON, folder, MORNINGS, grace=grace).df())
    every = contracts.renewals(CON, folder, MORNINGS, grace=grace, until_days=1).df()
    settled = [row for row in as_rows(every) if row["status"] not in {"open", "in_grace"}]
    assert past == settled


@FEW
@given(world=worlds(), by=st.sampled_from(MORNINGS))
def test_erasing_what_was_not_known_before_a_day_changes_nothing(tmp_path_factory, world, by):
    folder, facts = tmp_path_factory.getbasetemp(), oracle.facts(list(world))
    left = oracle.erased(facts, by)
    if left:
        whole = everything(oracle.write(folder, facts), by)
        assert everything(oracle.write(folder, left), by) == whole


@FEW
@given(world=worlds(), by=st.sampled_from(MORNINGS), shuffle=st.randoms(use_true_random=False))
def test_shuffling_rows_and_renaming_accounts_changes_nothing_but_the_names(
    tmp_path_factory, world, by, shuffle
):
    folder, facts = tmp_path_factory.getbasetemp(), oracle.facts(list(world))
    [cover, *whole] = everything(oracle.write(folder, facts), by)
    new = {name: name.upper() for name in "abcdef"}
    other = [dict(row, account_id=new[row["account_id"]]) for row in facts]
    shuffle.shuffle(other)
    [_, *renamed] = everything(oracle.write(folder, other), by)
    assert renamed == [[dict(r, account_id=new[r["account_id"]]) for r in rows] for rows in whole]


@FEW
@given(world=worlds(versions=False), grace=st.integers(0, 44))
def test_a_longer_grace_never_makes_more_churn(tmp_path_factory, world, grace):
    """Where ends are at due dates: a longer grace may also call a later end dunning."""
    rows = []
    for row in world:
        [dated_back] = oracle.covering([row], 10_000) or [{"cover_end": row["ended_at"]}]
        rows.append(dict(row, ended_at=dated_back["cover_end"]))
    folder = oracle.write(tmp_path_factory.getbasetemp(), oracle.facts(rows))
    by, churned = [date(2028, 1, 1)], []
    for days in (grace, grace + 1):
        found = contracts.renewals(CON, folder, by, grace=days, until_days=1).df()
        churned.append(found["status"].eq("churned").sum())
    assert churned[1] <= churned[0]


@FEW
@given(world=worlds(), by=st.sampled_from(MORNINGS), grace=GRACES)
def test_every_renewal_has_one_status_and_its_money_ties(tmp_path_factory, world, by, grace):
    folder = oracle.write(tmp_path_factory.getbasetemp(), oracle.facts(list(world)))
    found = as_rows(contracts.renewals(CON, folder, [by], grace=grace, until_days=90).df())
    assert len({(row["account_id"], row["due_date"]) for row in found}) == len(found)
    for row in found:
        kept, due, status = row["arr_kept"], row["arr_due"], row["status"]
        assert status in {"open", "in_grace", "churned", "renewed", "expanded", "contracted"}
        if status in {"open", "in_grace"}:
            assert kept is None and row["arr_renewed"] is None
        elif kept is not None and due is not None:
            assert row["arr_renewed"] == min(max(kept, 0), due)
            assert (status == "expanded") == (kept > 1.01 * due)
        assert row["decided"] is None or row["due_date"] >= by
