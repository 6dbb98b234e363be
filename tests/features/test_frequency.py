from __future__ import annotations

import pandas as pd
import pytest

from tests.features.worked import morning
from tests.worlds import table

USAGE = table("""
    account_id  occurred_at          feature  count  minutes
    acme        2025-03-31T23:59:59  reports  3      10      <- age 1
    acme        2025-03-31T08:00:00  billing  1      -       <- the same day
    acme        2025-03-25T00:00:00  reports  2      5       <- age 7: the last day of 7
    acme        2025-03-24T12:00:00  reports  4      5       <- age 8
    acme        2025-04-01T00:00:00  reports  99     99      <- the morning itself: the future
    bolt        2025-02-01T10:00:00  reports  6      60      <- age 59
    zinc        2025-01-01T10:00:00  reports  1      1       <- age 90
    zinc        2024-10-15T10:00:00  reports  1      1       <- age 168
""")


@pytest.fixture(scope="module")
def on_april_first() -> pd.DataFrame:
    return morning("2025-04-01", usage=USAGE)


def test_windows_count_whole_days_before_the_morning(on_april_first):
    acme = on_april_first.loc["acme"]
    assert acme["events_7d"] == 6 and acme["events_28d"] == 10
    assert acme["active_days_7d"] == 2 and acme["active_days_28d"] == 3
    assert acme["minutes_7d"] == 15
    assert acme["active_weeks_28d"] == 2


def test_a_customer_without_use_has_zeros_and_no_recency_lie(on_april_first):
    bolt = on_april_first.loc["bolt"]
    assert bolt["events_28d"] == 0 and bolt["active_days_28d"] == 0 and bolt["events_91d"] == 6
    assert bolt["days_since_use"] == 59


def test_the_longest_gap_reaches_from_use_to_use_or_to_the_morning(on_april_first):
    gaps = on_april_first["longest_gap_91d"]
    assert gaps["acme"] == 83, "from the window's start to the first use, eight days ago"
    assert gaps["bolt"] == 59, "from the last use to the morning"
    assert gaps["zinc"] == 90


def test_the_longest_gap_begins_with_the_account():
    usage = table("""
        account_id  occurred_at  feature
        acme        2025-03-24   reports   <- age 8: the account is as old
        acme        2025-03-25   reports
        acme        2025-03-31   reports
    """)
    new = morning("2025-04-01", usage=usage, observed={"days_observed": 8})
    assert new["longest_gap_91d"]["acme"] == 6, "from the 25th to the 31st"


def test_a_gap_that_began_before_the_window_is_cut_to_it():
    usage = table("""
        account_id  occurred_at  feature
        acme        2024-06-01   reports
        acme        2025-03-22   reports   <- age 10: 81 of the 91 days lie before it
        bolt        2024-06-01   reports
    """)
    gaps = morning("2025-04-01", usage=usage)["longest_gap_91d"]
    assert gaps["acme"] == 81 and gaps["bolt"] == 91


def test_blocks_are_side_by_side(on_april_first):
    zinc = on_april_first.loc["zinc"]
    assert [zinc[f"active_days_in_{block}"] for block in (1, 3, 4, 6)] == [0, 0, 1, 1]


def test_a_block_without_a_row_from_anyone_is_missing(on_april_first):
    assert on_april_first["active_days_in_2"].isna().all()
    assert on_april_first["active_days_in_5"].isna().all()


def test_a_trend_compares_with_the_days_before_and_knows_new_accounts():
    usage = table("""
        account_id  occurred_at  feature  count  minutes
        acme        2025-03-20   reports  3      30
        acme        2025-02-20   reports  6      20   <- in the 28 days before
        bolt        2025-03-20   reports  3      30
    """)
    before = morning("2025-04-01", usage=usage)
    assert before.loc["acme", "events_trend_28d"] == 0.5
    assert before.loc["acme", "minutes_trend_28d"] == 1.5
    assert before.loc["acme", "active_days_trend_28d"] == 1
    assert pd.isna(before.loc["bolt", "events_trend_28d"]), "nothing to compare with"
    young = morning("2025-04-01", usage=usage, observed={"days_observed": 55})
    assert young["events_trend_28d"].isna().all()


def test_months_below_own_half_counts_the_quiet_blocks():
    days = pd.date_range("2024-10-15", "2025-03-31")
    steady = pd.DataFrame({"account_id": "steady", "occurred_at": days, "feature": "reports"})
    fading = steady[: 4 * 28].assign(account_id="fading")
    late = pd.DataFrame({"account_id": ["late"], "occurred_at": [days[-1]], "feature": "reports"})
    silent = late.assign(account_id="silent", occurred_at=pd.Timestamp("2024-01-01"))
    usage = pd.concat([steady, fading, late, silent]).astype(object)
    months = morning("2025-04-01", usage=usage)["months_below_own_half"]
    assert months["steady"] == 0 and months["fading"] == 2 and months["late"] == 5
    assert pd.isna(months["silent"]), "half of nothing is no standard"
