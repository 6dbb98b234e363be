"""Warnings: each on a small world, with the figure one can count by eye."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from features.oddities import warnings
from features.spans import reach, until
from tests.features.test_checks import load
from tests.worlds import table

UNTIL = date(2024, 7, 1)

ACCOUNTS = table("""
    account_id  created_at
    acme        2024-06-28
    bolt        2024-06-28
""")


@pytest.fixture
def con():
    with duckdb.connect() as connection:
        load(connection, accounts=ACCOUNTS)
        yield connection


def _about(found, column):
    return [finding for finding in found if finding.column == column]


def test_rows_of_one_product_that_run_at_once_are_counted_and_handovers_are_not(con):
    load(con, subscriptions=table("""
        subscription_id account_id start_date term_end ended_at   arr product
        s1              acme       2024-01-01 -        -          10  core
        s2              acme       2024-06-28 -        -          10  core    <- s1 never closed
        s3              acme       2024-03-01 -        -          10  extra   <- another product
        s4              bolt       2024-01-01 -        2024-03-01 10  core
        s5              bolt       2024-03-01 -        -          10  core    <- closed in time
        s6              bolt       2024-04-01 -        -          0   core    <- a free row
    """))  # fmt: skip
    (warning,) = _about(warnings(con, UNTIL), "ended_at")
    assert warning.value == "1"
    assert "17 % (1 of 6) rows begin while an earlier row of the same product runs" in str(warning)


def test_without_products_any_two_rows_of_an_account_overlap(con):
    load(con, subscriptions=table("""
        subscription_id account_id start_date term_end ended_at arr
        s1              acme       2024-01-01 -        -        10
        s2              acme       2024-06-28 -        -        10
        s3              bolt       2024-01-01 -        -        10
    """))  # fmt: skip
    (warning,) = _about(warnings(con, UNTIL), "ended_at")
    assert "an earlier row of the same account" in warning.message


def test_ends_before_the_term_are_counted_unless_a_row_takes_over(con):
    load(con, subscriptions=table("""
        subscription_id account_id start_date term_end   ended_at   arr
        s1              acme       2024-01-01 2025-01-01 2024-05-01 10   <- early
        s2              bolt       2024-01-01 2025-01-01 2024-05-01 10   <- replaced by s3
        s3              bolt       2024-05-01 2024-06-01 2024-06-28 10   <- after its term
    """))  # fmt: skip
    (warning,) = _about(warnings(con, UNTIL), "term_end")
    assert warning.message.startswith("33 % (1 of 3) ended rows with a term end before it")


def test_a_term_of_more_than_ten_years_is_counted_as_it_may_mean_none(con):
    load(con, subscriptions=table("""
        subscription_id account_id start_date term_end   ended_at   arr
        s1              acme       2024-06-28 9999-12-31 -          10   <- for ever
        s2              bolt       2024-01-01 2034-01-01 -          10   <- ten years
        s3              bolt       2023-01-01 2024-01-01 2024-01-01 10
    """))  # fmt: skip
    (warning,) = _about(warnings(con, UNTIL), "term_end")
    assert warning.message == "33 % (1 of 3) rows have a term longer than 10 years"
    assert "leave empty if they may leave at any time" in warning.action


def test_one_row_for_ever_in_every_account_is_odd(con):
    world = table("""
        subscription_id account_id start_date term_end ended_at   arr
        s1              acme       2024-06-28 -        -          10
        s2              bolt       2024-01-01 -        -          10
    """)
    load(con, subscriptions=world)
    assert len(_about(warnings(con, UNTIL), "account_id")) == 1
    load(con, subscriptions=world.assign(account_id="acme"))
    assert _about(warnings(con, UNTIL), "account_id") == []


def test_rows_that_end_on_the_day_they_start_are_counted(con):
    load(con, subscriptions=table("""
        subscription_id account_id start_date term_end ended_at   arr
        s1              acme       2024-06-28 -        2024-06-28 10
        s2              acme       2024-06-28 -        -          10
    """))  # fmt: skip
    (warning,) = _about(warnings(con, UNTIL), "ended_at")
    assert "50 % (1 of 2) rows end on the day they start" in warning.message


def test_only_the_newest_version_of_a_row_counts(con):
    load(con, subscriptions=table("""
        subscription_id account_id start_date term_end ended_at   arr recorded_at
        s1              acme       2024-01-01 -        -          10  2024-01-01
        s1              acme       2024-01-01 -        2024-03-01 10  2024-03-01
        s2              acme       2024-03-01 -        -          10  2024-06-28
    """))  # fmt: skip
    assert _about(warnings(con, UNTIL), "ended_at") == []


def test_use_and_tickets_before_the_first_start_are_counted(con):
    load(
        con,
        subscriptions=table("""
            subscription_id account_id start_date term_end ended_at   arr
            s1              acme       2024-03-01 -        2024-05-01 10
            s2              acme       2024-06-28 -        -          10
        """),
        usage=table("""
            account_id occurred_at feature
            acme       2024-02-29  reports  <- before
            acme       2024-03-01  reports
            bolt       2024-06-28  reports  <- never a customer
        """),
        tickets=table("""
            ticket_id account_id opened_at           resolved_at
            t1        acme       2024-02-29          2024-03-01
            t2        acme       2024-06-28T10:00:00 2024-06-28  <- resolved before it was opened
        """),
    )
    found = warnings(con, UNTIL)
    assert [(w.table, w.value) for w in _about(found, "account_id")] == [
        ("usage", "1"),
        ("tickets", "1"),
    ]
    assert [w.value for w in _about(found, "resolved_at")] == ["1"]


def test_accounts_that_came_to_be_after_their_first_contract_are_counted(con):
    load(
        con,
        accounts=table("""
            account_id created_at
            acme       2024-06-01T09:15:00  <- moved to another CRM
            bolt       2024-01-01T09:15:00  <- on the first day
            coil       2024-06-28           <- never a customer
        """),
        subscriptions=table("""
            subscription_id account_id start_date term_end ended_at   arr
            s1              acme       2021-09-02 -        2022-09-02 10
            s2              acme       2024-06-28 -        -          10
            s3              bolt       2024-01-01 -        -          10
        """),
    )
    (warning,) = _about(warnings(con, UNTIL), "created_at")
    assert warning.message.startswith(
        "50 % (1 of 2) accounts came to be after their first contract"
    )
    assert "use the earlier of the two" in warning.action


def test_priorities_of_which_none_counts_as_urgent_are_listed(con):
    tickets = table("""
        ticket_id account_id opened_at  priority
        t1        acme       2024-06-28 1-High
        t2        acme       2024-06-28 2-Low
        t3        acme       2024-06-28 2-Low
        t4        acme       2024-06-28 -
    """)
    load(con, tickets=tickets)
    (warning,) = _about(warnings(con, UNTIL), "priority")
    assert "no priority of the 3 tickets with one counts as urgent: 2-Low, 1-High" in str(warning)
    load(con, tickets=tickets.replace({"1-High": "P1"}))
    assert _about(warnings(con, UNTIL), "priority") == []
    load(con, tickets=tickets.assign(priority=None))
    assert _about(warnings(con, UNTIL), "priority") == []


def test_a_fifth_recorded_on_one_day_a_month_late_is_a_bulk_load(con):
    header = "subscription_id account_id start_date term_end ended_at arr recorded_at\n"
    late = [f"s{i} acme 2024-01-01 - - 10 2024-06-28" for i in range(3)]
    soon = [f"s{i} acme 2024-06-28 - - 10 2024-06-28" for i in range(3, 10)]
    load(con, subscriptions=table(header + "\n".join(late + soon)))
    (warning,) = _about(warnings(con, UNTIL), "recorded_at")
    assert warning.message.startswith("30 % (3 of 10) rows were recorded on 2024-06-28")
    load(con, subscriptions=table(header + "\n".join(late[:2] + soon)))
    assert len(_about(warnings(con, UNTIL), "recorded_at")) == 1
    load(con, subscriptions=table(header + "\n".join(late[:1] + soon)))
    assert _about(warnings(con, UNTIL), "recorded_at") == []


def test_later_versions_of_rows_are_no_bulk_load(con):
    load(con, subscriptions=table("""
        subscription_id account_id start_date term_end ended_at   arr recorded_at
        s1              acme       2024-01-01 -        -          10  2024-01-01
        s1              acme       2024-01-01 -        -          12  2024-06-28  <- a correction
    """))  # fmt: skip
    assert _about(warnings(con, UNTIL), "recorded_at") == []


def test_a_table_that_stops_early_and_one_that_goes_on_are_both_named(con):
    load(
        con,
        nps=table("""
            response_id account_id occurred_at score
            n1          acme       2024-06-20  9
        """),
        tickets=table("""
            ticket_id account_id opened_at
            t1        acme       2024-06-30
            t2        acme       2024-07-01
        """),
    )
    found = {warning.table: warning for warning in warnings(con, UNTIL)}
    assert found.keys() == {"nps", "tickets"}
    assert "its last day, 2024-06-20, lies 11 days before data_until" in found["nps"].message
    assert "50 % (1 of 2) rows lie on or after data_until" in found["tickets"].message


def test_an_empty_table_and_features_that_nobody_listed_are_named(con):
    load(con, usage=table("account_id occurred_at feature\nacme 2024-06-30 reports"))
    load(con, product_features=table("feature is_key\nbilling true"))
    con.execute("CREATE TABLE nps (response_id VARCHAR, account_id VARCHAR, score BIGINT)")
    found = {(warning.table, warning.column): warning for warning in warnings(con, UNTIL)}
    assert found.keys() == {("nps", ""), ("usage", "feature")}
    assert "features in usage but not in product_features (1): reports" in str(
        found["usage", "feature"]
    )


def test_the_data_end_after_the_earliest_last_day_and_reach_to_the_latest(con):
    load(con, nps=table("response_id account_id occurred_at score\nn1 acme 2024-06-20 9"))
    assert until(con) == date(2024, 6, 21)
    assert reach(con) == date(2024, 6, 29)


def test_a_signing_is_dated_by_the_day_it_was_booked(con):
    load(con, subscriptions=table("""
        subscription_id account_id start_date booked_at
        s1              acme       2025-01-01 2024-06-01
    """))  # fmt: skip
    assert until(con) == date(2024, 6, 2)


def test_an_empty_connection_has_no_days():
    with duckdb.connect() as con:
        assert until(con) is None and reach(con) is None
