"""Zendesk's tickets joined to Salesforce's accounts by the name of the organisation."""

from __future__ import annotations

import pytest

from tests.sources.exports import faults, tables


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return tables(tmp_path_factory.mktemp("zendesk"), "salesforce", "zendesk")["tickets"]


def test_tickets_are_those_of_the_account_whose_name_is_their_organisation(rows):
    owners = {ticket: row["account_id"][-1] for ticket, row in rows.items()}
    assert owners == {"1001": "1", "1002": "2", "1004": "3"}


def test_the_first_answer_is_as_many_minutes_after_the_opening(rows):
    assert str(rows["1001"]["first_response_at"]) == "2023-03-01 10:15:00"
    assert rows["1002"]["first_response_at"] is None and rows["1002"]["resolved_at"] is None
    assert str(rows["1004"]["resolved_at"]) == "2023-07-09 08:00:00"


def test_priorities_outages_and_satisfaction_are_in_our_words(rows):
    said = {name: (r["priority"], r["is_incident"], r["csat"]) for name, r in rows.items()}
    assert said == {
        "1001": ("high", False, 5.0),
        "1002": ("urgent", True, None),
        "1004": ("low", False, 1.0),
    }


def test_an_organisation_that_is_no_account_is_refused_by_its_name(tmp_path):
    change = {"file": "tickets.csv", "old": "Dune Ltd", "new": "Dune Limited"}
    found = faults(tmp_path, "salesforce", "zendesk", **change)
    assert {(fault.column, fault.value) for fault in found} == {("account_id", "Dune Limited")}


def test_who_asked_is_never_read(rows):
    assert "@" not in str(rows) and "Ann Birch" not in str(rows)
