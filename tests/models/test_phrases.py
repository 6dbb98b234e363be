"""A value is told as one would say it, beside the account's own past and its like."""

from __future__ import annotations

import pandas as pd
import pytest

from features.feature import dictionary
from models.phrases import changed, phrase
from models.wording import BECAUSE, FLAGS, SENTENCES, UNKNOWN


@pytest.mark.parametrize(
    ("feature", "row", "sentence"),
    [
        (
            "active_users_trend_28d",
            {"active_users_28d": 9.0, "active_users_trend_28d": 0.375},
            "active users fell from 24 to 9 in eight weeks",
        ),
        ("events_trend_91d", {"events_trend_91d": 0.0}, "events fell to 0 in half a year"),
        ("minutes_trend_28d", {"minutes_trend_28d": 1.5}, "minutes of use rose 50% in eight weeks"),
        (
            "active_days_trend_28d",
            {"active_days_trend_28d": 1.0, "active_days_28d": 12.0},
            "days with use stayed at 12 for eight weeks",
        ),
        ("days_since_use", {"days_since_use": 23.0}, "no use for 23 days"),
        ("days_since_use", {"days_since_use": 1.0}, "no use for 1 day"),
        (
            "oldest_open_urgent_ticket",
            {"oldest_open_urgent_ticket": 12.0},
            "an urgent ticket open for 12 days",
        ),
        ("seats_growth_91d", {"seats_growth_91d": -0.2}, "seats fell 20% in 91 days"),
        ("arr_growth_182d", {"arr_growth_182d": 0.0}, "ARR unchanged in 182 days"),
        (
            "seat_utilisation",
            {"seat_utilisation": 0.314},
            "31% of the seats used in the last 28 days",
        ),
        ("month_to_month", {"month_to_month": 1.0}, "may leave at the end of any month"),
        ("discount", {"discount": pd.NA}, "Mean CSAT of 91 days: not known"),
        ("csat_91d", {"csat_91d": None}, "no rated ticket yet"),
        ("csat_91d", {"csat_91d": 2.25}, "Mean CSAT of 91 days: 2.2 (typical here: 4)"),
        ("industry", {"industry": "retail"}, "Mean CSAT of 91 days: retail"),
    ],
)
def test_a_value_is_told_in_a_sentence(feature, row, sentence):
    assert phrase(feature, row, 4.0, "Mean CSAT of 91 days; missing without.") == sentence


@pytest.mark.parametrize(
    ("feature", "row", "usual", "sentence"),
    [
        (
            "active_users_trend_28d",
            {"active_users_28d": 9.0, "active_users_trend_28d": 0.375},
            {"active_users_28d": 21.0, "active_users_trend_28d": 1.0},
            "active users fell from 24 to 9 in eight weeks; similar accounts: 21",
        ),
        (
            "active_users_28d",
            {"active_users_28d": 9.0, "active_users_trend_28d": 0.375},
            {"active_users_28d": 21.0},
            "active users in the last 28 days: 9, after 24 in the 28 days before; "
            "similar accounts: 21",
        ),
        (
            "active_days_in_2",
            {"active_days_in_2": 3.0, "active_days_in_3": 9.0},
            {},
            "days with use in the 28 days until 28 days ago: 3, after 9 in the 28 days before "
            "(typical here: 30)",
        ),
        ("days_since_use", {"days_since_use": 59.0}, {"days_since_use": 1.0},
         "no use for 59 days; similar accounts: 1 day"),
        ("seat_utilisation", {"seat_utilisation": 0.3}, {"seat_utilisation": 0.52},
         "30% of the seats used in the last 28 days; similar accounts: 52%"),
        ("seats_growth_91d", {"seats_growth_91d": -0.2}, {"seats_growth_91d": 0.0},
         "seats fell 20% in 91 days; similar accounts: unchanged"),
        ("seats", {"seats": 9.0}, {"seats": 9.4}, "seats: 9; similar accounts: 9.4"),
        ("seats", {"seats": 9.0}, {"seats": 9.0}, "seats: 9 (typical here: 30)"),
        ("seats", {"seats": 40.0}, {"seats": 50.0},
         "seats: 40; similar accounts: 50 (typical here: 30)"),
        ("seats", {"seats": 9.0}, {"seats": float("nan")}, "seats: 9 (typical here: 30)"),
        ("month_to_month", {"month_to_month": 1.0}, {"month_to_month": 0.0},
         "may leave at the end of any month"),
        ("industry", {"industry": "retail"}, {}, "Its meaning: retail"),
        ("nps_trend", {"nps_trend": None, "nps_last": 3.0}, {}, "fewer than two NPS answers"),
        ("nps_trend", {"nps_trend": None, "nps_last": None}, {}, "no NPS answer yet"),
    ],
)  # fmt: skip
def test_what_is_usual_among_similar_accounts_stands_beside_it(feature, row, usual, sentence):
    assert phrase(feature, row, 30.0, "Its meaning; missing without.", usual) == sentence


@pytest.mark.parametrize(
    ("feature", "before", "now", "sentence"),
    [
        ("seats", {"seats": 9.0}, {"seats": 9.0}, None),
        ("seats", {"seats": 9.0}, {"seats": 12.0}, "seats: 12; 9 on 1 May"),
        ("nps_last", {"nps_last": None}, {"nps_last": 4.0},
         "last NPS answer: 4 of 10; not known on 1 May"),
        ("oldest_open_ticket", {"oldest_open_ticket": 9.0}, {"oldest_open_ticket": None},
         "no ticket open; 9 days on 1 May"),
        ("nps_last", {"nps_last": None}, {"nps_last": None}, None),
        ("month_to_month", {"month_to_month": 0.0}, {"month_to_month": 1.0},
         "may leave at the end of any month; 1 May: decides by contract, not monthly"),
        ("industry", {"industry": "bank"}, {"industry": "bank"}, None),
    ],
)  # fmt: skip
def test_a_change_is_told_with_both_values_and_not_at_all_where_it_reads_the_same(
    feature, before, now, sentence
):
    assert changed(feature, before, now, "Its meaning.", "1 May") == sentence


def test_every_feature_that_has_words_of_its_own_exists():
    known = set(dictionary()["name"])
    assert known >= {*SENTENCES, *UNKNOWN, *FLAGS, *BECAUSE, *BECAUSE.values()}
