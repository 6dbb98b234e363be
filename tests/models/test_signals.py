"""What was known when, which signal moved first, and what came too late."""

from __future__ import annotations

import pandas as pd
import pytest

from models.signals import SignalSettings, first_words, moves, recorded_late, timelines
from tests.models.records import outcomes, predictions
from tests.worlds import table

SETTINGS = SignalSettings(points=10, probability=0.05, back=120)
RENEWALS = outcomes("""
    account_id  due_date    outcome
    acme        2025-05-01  churned
    bolt        2025-05-01  churned
""").assign(last=pd.Timestamp("2025-04-01"))
SAID = predictions(
    table("""
    account_id  due_date    as_of       churn_probability
    acme        2025-05-01  2025-02-01  .10
    acme        2025-05-01  2025-03-01  .15               <- just enough
    acme        2025-05-01  2025-04-01  .40
    bolt        2025-05-01  2025-04-01  .90               <- seen once: nothing to compare with
    """)
)
FELT = table("""
    account_id  as_of       health_score  health_band  frequency_score  support_score
    acme        2024-12-01  90            green        99               99            <- long ago
    acme        2025-01-01  80            green        80               60
    acme        2025-02-01  79            green        69               40
    acme        2025-03-01  60            yellow       75               -             <- taken back
    acme        2025-04-01  50            yellow       60               50
    acme        2025-05-01  40            yellow       80               50            <- due
    acme        2025-06-01  0             red          0                0             <- after it
""")
FELT["as_of"] = pd.to_datetime(FELT["as_of"])
FELT[["frequency_score", "support_score"]] = FELT[["frequency_score", "support_score"]].astype(
    float
)


def told(said: pd.DataFrame = SAID) -> pd.DataFrame:
    return timelines(RENEWALS, said, FELT, SETTINGS)


def test_a_timeline_holds_the_mornings_before_the_due_date_and_what_was_said_on_each():
    rows = told().query("account_id == 'acme'")
    assert rows["days_to_due"].tolist() == [120, 89, 61, 30, 0]
    assert rows["churn_probability"].fillna(-1).tolist() == [-1, 0.10, 0.15, 0.40, -1]
    assert rows["status"].notna().tolist() == [False, True, True, True, False]


def test_a_signal_moves_when_it_stands_worse_than_at_first_and_stays_so():
    found = moves(told(), SETTINGS).set_index("signal")
    assert found["account_id"].eq("acme").all()
    assert found["days_to_due"].to_dict() == {"support_score": 89, "churn_probability": 61}
    assert found.loc["support_score", ["before", "after"]].tolist() == [60, 40]
    assert found["first"].to_dict() == {"support_score": True, "churn_probability": False}


def test_what_moved_first_is_said_in_words():
    words = first_words(RENEWALS, moves(told(), SETTINGS))
    assert words.tolist() == ["support, 89 days ahead", "nothing moved"]
    later = FELT.assign(support_score=[99.0, 60, 60, 50, 50, 50, 0])
    moved = moves(timelines(RENEWALS, SAID, later, SETTINGS), SETTINGS)
    assert first_words(RENEWALS, moved).iloc[0] == "churn probability and support, 61 days ahead"


def test_the_order_of_rows_changes_nothing():
    pd.testing.assert_frame_equal(told(SAID.iloc[::-1]), told())


FACTS = table("""
    account_id  table    id  occurred_at  known_at
    acme        tickets  1   2025-03-31   2025-04-01  <- not known on the last morning
    acme        tickets  2   2025-03-20   2025-03-31  <- late, but in time
    acme        tickets  3   2025-04-01   2025-04-20  <- had not happened
    acme        nps      4   2025-01-10   2025-06-01
    dune        nps      5   2025-01-10   2025-06-01
""")


def test_late_is_what_had_happened_and_was_not_known_on_the_last_morning():
    days = {name: pd.to_datetime(FACTS[name]) for name in ("occurred_at", "known_at")}
    found = recorded_late(RENEWALS, FACTS.assign(**days))
    assert found[["id", "days_late"]].to_numpy().tolist() == [["1", 1], ["4", 142]]


@pytest.mark.parametrize("rows", [0, 1])
def test_without_a_move_there_are_no_rows(rows):
    assert moves(told().iloc[:rows], SETTINGS).empty
