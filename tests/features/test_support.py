from __future__ import annotations

import pandas as pd
import pytest

from tests.features.worked import morning
from tests.worlds import table

TICKETS = table("""
    ticket_id account_id opened_at           first_response_at   resolved_at         priority is_incident reopened_at csat csat_at
    t1        acme       2025-03-30T10:00:00 2025-03-30T12:00:00 2025-03-31T10:00:00 normal   false       -           4    2025-03-31
    t2        acme       2025-03-20T10:00:00 2025-03-22T10:00:00 2025-04-01T00:00:00 Urgent   true        2025-03-29  1    2025-04-02
    t3        acme       2025-03-31T12:00:00 -                   -                   urgent   false       -           -    -
    t4        acme       2025-03-28T12:00:00 -                   -                   low      false       -           -    -
    t5        acme       2024-12-01T10:00:00 2024-12-01T11:00:00 2024-12-01T20:00:00 P1       true        -           2    2024-12-02
    t6        bolt       2024-12-01T10:00:00 2024-12-01T11:00:00 2024-12-01T20:00:00 high     false       -           5    2024-12-02
""")  # noqa: E501
USAGE = table("""
    account_id  occurred_at  feature  user_id
    acme        2025-03-20   reports  ann
    acme        2025-03-20   reports  bob
    zinc        2025-03-20   reports  zoe
""")


@pytest.fixture(scope="module")
def on_april_first() -> pd.DataFrame:
    return morning("2025-04-01", tickets=TICKETS, usage=USAGE)


def test_a_ticket_resolved_on_the_morning_is_still_open(on_april_first):
    acme = on_april_first.loc["acme"]
    assert acme["open_tickets"] == 3 and acme["oldest_open_ticket"] == 12
    assert acme["open_urgent_tickets"] == 2 and acme["oldest_open_urgent_ticket"] == 12


def test_tickets_are_counted_by_the_day_they_were_opened(on_april_first):
    acme = on_april_first.loc["acme"]
    assert acme["tickets_opened_28d"] == 4 and acme["tickets_opened_91d"] == 4
    assert acme["urgent_tickets_91d"] == 2 and acme["incidents_91d"] == 1
    assert acme["reopened_tickets_91d"] == 1
    assert acme["tickets_per_user_91d"] == 2


def test_times_are_means_over_what_was_answered(on_april_first):
    acme = on_april_first.loc["acme"]
    assert acme["first_response_hours_91d"] == pytest.approx((2 + 48) / 2)
    assert acme["resolution_hours_91d"] == pytest.approx(24)


def test_an_unanswered_ticket_breaks_the_promise_only_when_it_is_a_day_old(on_april_first):
    assert on_april_first.loc["acme", "within_sla_share_91d"] == pytest.approx(1 / 3), "t3 is young"


def test_satisfaction_counts_once_it_is_given(on_april_first):
    acme = on_april_first.loc["acme"]
    assert acme["csat_91d"] == 4 and acme["csat_last"] == 4
    assert on_april_first.loc["bolt", "csat_last"] == 5


def test_customers_without_tickets_have_zeros_and_no_times(on_april_first):
    zinc = on_april_first.loc["zinc"]
    assert zinc["open_tickets"] == 0 and zinc["tickets_opened_91d"] == 0
    assert zinc[["first_response_hours_91d", "csat_91d", "oldest_open_ticket"]].isna().all()
    assert zinc["tickets_per_user_91d"] == 0


def test_without_a_resolution_column_open_tickets_are_unknown():
    frame = morning("2025-04-01", tickets=TICKETS.drop(columns=["resolved_at"]))
    assert frame[["open_tickets", "resolution_hours_91d"]].isna().all(axis=None)
    assert frame.loc["acme", "tickets_opened_28d"] == 4
