from __future__ import annotations

import pandas as pd
import pytest

from tests.features.worked import features, morning
from tests.worlds import table

USAGE = table("""
    account_id  occurred_at  feature  user_id  department  count
    acme        2025-03-31   reports  ann      sales       6
    acme        2025-03-20   reports  ann      sales       1
    acme        2025-03-20   reports  bob      support     2
    acme        2025-03-19   reports  -        -           5   <- nobody: a machine
    acme        2025-02-20   reports  bob      support     1
    acme        2025-02-20   reports  cid      support     1   <- age 40: lost
    acme        2024-10-01   reports  ann      sales       1   <- age 182: ann is not new
    acme        2024-11-01   reports  dan      legal       1   <- age 151: lost before the 91 days
    bolt        2025-02-20   reports  eve      sales       1
    zinc        2025-03-20   reports  zoe      sales       1
    zinc        2024-09-30   reports  zoe      sales       1   <- age 183: forgotten
""")
SUBSCRIPTIONS = table("""
    subscription_id  account_id  start_date  term_end    ended_at  arr    seats
    s1               acme        2024-01-01  2026-01-01  -         1000   3
    s2               acme        2025-01-01  2026-01-01  -         1000   1
    s3               bolt        2024-01-01  2026-01-01  -         1000   -
""")


@pytest.fixture(scope="module")
def on_april_first() -> pd.DataFrame:
    return morning("2025-04-01", usage=USAGE, subscriptions=SUBSCRIPTIONS)


def test_people_and_departments_are_counted_once_a_window(on_april_first):
    acme = on_april_first.loc["acme"]
    assert [acme[f"active_users_{days}d"] for days in (7, 28, 91)] == [1, 2, 3]
    assert acme["active_departments_28d"] == 2 and acme["active_departments_91d"] == 2


def test_seat_utilisation_divides_by_all_seats_in_force(on_april_first):
    assert on_april_first.loc["acme", "seat_utilisation"] == 0.5
    assert pd.isna(on_april_first.loc["bolt", "seat_utilisation"]), "seats unknown, not zero"


def test_new_and_lost_people_are_seen_against_the_memory(on_april_first):
    acme, bolt = on_april_first.loc["acme"], on_april_first.loc["bolt"]
    assert acme["new_users_28d"] == 0 and acme["lost_users_28d"] == 1
    assert bolt["new_users_28d"] == 0 and bolt["lost_users_28d"] == 1
    assert acme["active_users_trend_28d"] == 1
    assert on_april_first.loc["zinc", "new_users_28d"] == 1, "back after half a year"


def test_departments_come_and_go_by_blocks_of_91_days(on_april_first):
    acme = on_april_first.loc["acme"]
    assert acme["new_departments_91d"] == 1, "support was not seen before"
    assert acme["lost_departments_91d"] == 1, "legal"


def test_the_busiest_person_has_a_share_of_what_people_did(on_april_first):
    shares = on_april_first["busiest_user_share_28d"]
    assert shares["acme"] == pytest.approx(7 / 9)
    assert pd.isna(shares["bolt"]), "nobody used it"


def test_without_user_ids_people_are_unknown_and_not_zero():
    usage = USAGE.drop(columns=["user_id"])
    frame = morning("2025-04-01", usage=usage, subscriptions=SUBSCRIPTIONS)
    unknown = ["active_users_28d", "seat_utilisation", "new_users_28d", "busiest_user_share_28d"]
    assert frame[unknown].isna().all(axis=None)
    assert frame.loc["acme", "events_28d"] == 14


def test_an_account_is_ranked_among_its_industry_if_there_are_enough():
    accounts = [f"a{number:02}" for number in range(20)] + ["lonely"]
    usage = pd.DataFrame(
        [
            {"account_id": account, "user_id": f"u{person}"}
            for rank, account in enumerate(accounts)
            for person in range(rank + 1)
        ]
    ).assign(occurred_at="2025-03-20", feature="reports")
    industry = ["retail"] * 20 + ["mining"]
    observations = pd.DataFrame(
        {"account_id": accounts, "as_of": "2025-04-01", "industry": industry}, dtype=object
    )
    frame = features(observations, {"usage": usage.astype(object)}).droplevel("as_of")
    ranks = frame["active_users_28d_in_industry"]
    assert ranks["a00"] == 0 and ranks["a19"] == 1 and ranks[accounts[:20]].is_monotonic_increasing
    assert pd.isna(ranks["lonely"])
