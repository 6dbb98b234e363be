"""Salesforce's data export of contract lines: money a year, inclusive ends, bookings."""

from __future__ import annotations

import pytest

from tests.sources.exports import faults, tables


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    lines = tables(tmp_path_factory.mktemp("salesforce"), "salesforce")["subscriptions"]
    return {int(line[-4]): row for line, row in lines.items()}


def test_the_price_of_a_term_is_brought_to_a_year(rows):
    arr = {line: row["arr"] for line, row in rows.items()}
    assert arr == {1: 1200, 2: 1440, 3: 8500 / 2, 4: 900 * 12 / 15, 5: 600}


def test_the_term_ends_on_the_day_after_the_last(rows):
    assert [str(rows[line]["term_end"]) for line in (1, 3, 5)] == [
        "2024-01-01", "2025-02-01", "2023-12-15",
    ]  # fmt: skip


def test_a_line_has_ended_when_it_has_expired_and_the_next_begins_on_that_day(rows):
    assert rows[1]["ended_at"] == rows[2]["start_date"]
    assert [line for line, row in rows.items() if row["ended_at"] is None] == [2, 3, 4]


def test_a_line_with_days_of_its_own_keeps_them_and_others_have_those_of_the_contract(rows):
    assert (str(rows[3]["start_date"]), str(rows[4]["start_date"])) == ("2023-02-01", "2023-11-01")


def test_a_line_is_booked_when_entered_and_at_the_latest_when_it_begins(rows):
    assert (str(rows[2]["booked_at"]), str(rows[5]["booked_at"])) == ("2023-12-04", "2023-06-15")


def test_discounts_are_shares_and_quantities_are_seats(rows):
    line = rows[3]
    assert (line["discount"], line["seats"]) == (0.15, 50)


def test_a_line_whose_contract_is_missing_is_refused(tmp_path):
    change = {"file": "ContractLineItem.csv", "old": "8108d000000AAA4AAA", "new": "8108gone"}
    found = faults(tmp_path, "salesforce", **change)
    assert {fault.column for fault in found} == {"account_id", "start_date"}
