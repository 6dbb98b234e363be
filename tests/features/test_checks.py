"""Faults of typed tables in a connection; the door's own tests show them on exports."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from features.checks import check, faults
from features.tables import TABLES
from tests.worlds import table

ACCOUNTS = table("""
    account_id  created_at
    acme        2024-01-01
    bolt        2024-01-01
""")

SUBSCRIPTIONS = table("""
    subscription_id  account_id  start_date  term_end    ended_at    arr
    s1               acme        2024-01-01  2025-01-01  -           100
    s2               bolt        2024-02-01  -           2024-05-01  50
""")


@pytest.fixture
def con():
    with duckdb.connect() as connection:
        load(connection, accounts=ACCOUNTS, subscriptions=SUBSCRIPTIONS)
        yield connection


def load(con, **tables):
    """Make typed tables of frames of text, as the door does."""
    for name, frame in tables.items():
        con.register("text", frame)
        types = {"text": "VARCHAR", "instant": "TIMESTAMP", "integer": "BIGINT", "flag": "BOOLEAN"}
        columns = ", ".join(
            f'CAST("{c}" AS {types.get(TABLES[name][c].kind, TABLES[name][c].kind)}) AS "{c}"'
            for c in frame
        ).replace("AS number", "AS DOUBLE")
        con.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT {columns} FROM text")
        con.unregister("text")


def test_right_tables_have_no_fault(con):
    assert faults(con, date(2024, 6, 1)) == []


def test_a_row_that_ends_on_the_day_it_starts_is_odd_but_no_fault(con):
    con.execute("UPDATE subscriptions SET ended_at = start_date")
    assert faults(con, date(2024, 6, 1)) == []


@pytest.mark.parametrize(
    ("column", "kind", "right", "wrong", "message"),
    [
        ("discount", "DOUBLE", 0.1, 40, "a discount outside 0-1"),
        ("seats", "BIGINT", 0, -3, "negative seats"),
    ],
)
def test_a_value_outside_the_contract_is_a_fault(con, column, kind, right, wrong, message):
    con.execute(f"ALTER TABLE subscriptions ADD COLUMN {column} {kind}")
    con.execute(f"UPDATE subscriptions SET {column} = {right}")
    assert faults(con, date(2024, 6, 1)) == []
    con.execute(f"UPDATE subscriptions SET {column} = {wrong} WHERE subscription_id = 's2'")
    (fault,) = faults(con, date(2024, 6, 1))
    assert (fault.column, fault.message, fault.row) == (column, message, 2)


@pytest.mark.parametrize("end", ["start_date", "DATE '2020-01-01'"])
def test_a_term_that_ends_before_it_has_begun_is_a_fault(con, end):
    con.execute(f"UPDATE subscriptions SET term_end = {end} WHERE subscription_id = 's2'")
    (fault,) = faults(con, date(2024, 6, 1))
    assert (fault.column, fault.row) == ("term_end", 2)
    assert fault.message == "a term that ends on or before its start_date"
    assert "leave it empty if they may leave at any time" in fault.action


def test_a_row_is_named_by_its_place_in_what_was_brought(con):
    con.execute("UPDATE subscriptions SET arr = -arr WHERE subscription_id = 's2'")
    (fault,) = faults(con, date(2024, 6, 1))
    assert (fault.severity, fault.row, fault.value) == ("fault", 2, "-50.0")


def test_an_end_on_the_day_after_the_last_day_is_no_future_end(con):
    assert faults(con, date(2024, 5, 1)) == []
    (fault,) = faults(con, date(2024, 4, 30))
    assert "an end after the data's end (2024-04-30)" in fault.message


def test_who_brings_nothing_but_contracts_is_told_to_say_until_when_the_data_reach(con):
    (fault,) = faults(con)
    assert "an end after the data's end (2024-01-02)" in fault.message
    assert "or give data_until" in fault.action


def test_an_end_is_not_in_the_future_while_some_table_reaches_it(con):
    load(con, nps=table("""
        response_id  account_id  occurred_at  score
        n1           acme        2024-04-30   9
    """))  # fmt: skip
    assert faults(con, date(2024, 4, 1)) == []


def test_a_start_booked_ahead_does_not_stretch_the_reach_of_the_data(con):
    con.execute("UPDATE subscriptions SET start_date = '2024-06-01' WHERE subscription_id = 's1'")
    assert len(faults(con, date(2024, 4, 30))) == 1


def test_missing_values_are_neither_duplicates_nor_orphans_nor_negative(con):
    con.execute("INSERT INTO subscriptions VALUES (NULL, NULL, NULL, NULL, NULL, NULL)")
    con.execute("INSERT INTO subscriptions VALUES (NULL, NULL, NULL, NULL, NULL, NULL)")
    assert faults(con, date(2024, 6, 1)) == []


def test_an_empty_connection_lacks_both_required_tables():
    with duckdb.connect() as con:
        assert [fault.table for fault in faults(con)] == ["accounts", "subscriptions"]


def test_usage_without_event_ids_is_not_searched_for_duplicates(con):
    load(con, usage=table("""
        account_id  occurred_at  feature
        acme        2024-02-01   reports
        acme        2024-02-01   reports
    """))  # fmt: skip
    assert faults(con, date(2024, 6, 1)) == []


def test_a_check_names_faults_before_warnings(con):
    con.execute("UPDATE subscriptions SET arr = -1, ended_at = start_date")
    severities = [finding.severity for finding in check(con, date(2024, 6, 1))]
    assert severities[0] == "fault" and severities[-1] == "warning"
    assert severities == sorted(severities)
