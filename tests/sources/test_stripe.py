"""Stripe's dashboard exports, in their own columns: money a year, terms, notice and trials."""

from __future__ import annotations

import pytest

from tests.sources.exports import HERE, faults, tables


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tables(tmp_path_factory.mktemp("stripe"), "stripe")


@pytest.fixture
def rows(made):
    return made["subscriptions"]


def test_money_is_a_year_of_all_units(rows):
    assert {name: row["arr"] for name, row in rows.items()} == {
        "sub_month": 4 * 29 * 12,
        "sub_year": 3 * 1200,
        "sub_leaving": 300,
        "sub_trial": 120,
        "sub_gone": 2 * 29 * 12,
    }


def test_a_yearly_price_binds_from_the_start_and_not_to_the_invoiced_period(rows):
    assert str(rows["sub_year"]["term_end"]) == "2024-02-01"
    assert rows["sub_month"]["term_end"] is None and rows["sub_gone"]["term_end"] is None


def test_who_asked_to_cancel_stays_until_the_paid_period_is_over(rows):
    leaving, gone = rows["sub_leaving"], rows["sub_gone"]
    assert (str(leaving["notice_at"]), str(leaving["ended_at"])) == ("2024-08-15", "2025-07-01")
    assert (str(gone["notice_at"]), str(gone["ended_at"])) == ("2023-05-20", "2023-06-02")
    assert rows["sub_year"]["ended_at"] is None and rows["sub_year"]["notice_at"] is None


def test_a_trial_is_no_customer_until_it_is_paid_for(rows):
    assert not {"sub_only_trial", "sub_in_trial", "sub_unpaid"} & rows.keys()
    paid = rows["sub_trial"]
    assert str(paid["start_date"]) == str(paid["booked_at"]) == "2023-09-15"


def test_an_interval_that_nobody_knows_is_refused_by_its_name(tmp_path):
    change = {"file": "subscriptions.csv", "old": ",month,29.00", "new": ",fortnight,29.00"}
    found = faults(tmp_path, "stripe", **change)
    assert {(fault.column, fault.value) for fault in found} == {("arr", "interval: fortnight")}


def test_no_address_of_a_person_is_read(made):
    assert "@" in (HERE / "stripe/customers.csv").read_text()
    assert "@" not in str(made)
