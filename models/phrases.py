"""The sentences in which a feature's value is told; every one states a fact, none foretells."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import pandas as pd

Row = Mapping[Hashable, Any]

# What is counted, for "fell from 24 to 9": a trend is the window over the same window before it.
COUNTED = {
    "active_users": "active users",
    "active_days": "days with use",
    "events": "events",
    "minutes": "minutes of use",
}
SPANS = {7: "two weeks", 28: "eight weeks", 91: "half a year"}

# Whole sentences, for a value of the feature itself.
SENTENCES = {
    "days_since_use": "no use for {days}",
    "longest_gap_91d": "up to {days} without use in the last 91 days",
    "oldest_open_ticket": "a ticket open for {days}",
    "oldest_open_urgent_ticket": "an urgent ticket open for {days}",
    "days_since_touchpoint": "no touchpoint for {days}",
    "nps_age": "last NPS answer {days} ago",
    "nps_last": "last NPS answer: {value} of 10",
    "seat_utilisation": "{share} of the seats used in the last 28 days",
    "busiest_user_share_28d": "one person makes {share} of the use of the last 28 days",
    "key_feature_share_28d": "{share} of the key features used in the last 28 days",
    "within_sla_share_91d": "{share} of the tickets of the last 91 days answered in time",
    "months_below_own_half": "{value} of the last six months below half the account's own average",
    "tenure_days": "customer for {days}",
    "nps_mean_182d": "NPS answers of the last half year average {value} of 10",
    "nps_detractors_182d": "NPS answers of 6 or less in the last half year: {value}",
    "nps_answers_182d": "NPS answers in the last half year: {value}",
    "nps_trend": "last NPS answer against the earlier ones: {value}",
    "csat_last": "last rated ticket: {value} for satisfaction",
    "reopened_tickets_91d": "tickets reopened in the last 91 days: {value}",
    "lost_users_28d": "people who stopped using it in the last 28 days: {value}",
    "lost_departments_91d": "departments that stopped using it in the last 91 days: {value}",
    "late_touchpoints_182d": "touchpoints held over a week late in the last half year: {value}",
    "planned_touchpoints_182d": "planned touchpoints in the last half year: {value}",
}


def phrase(feature: str, row: Row, typical: float | None, meaning: str) -> str:
    """One sentence about one feature of one account.

    `row` holds the account's other features, from which a change gets its two ends; `typical` is
    the median in training, `meaning` the dictionary's text.

    >>> row = {"active_users_28d": 9.0, "active_users_trend_28d": 0.375}
    >>> phrase("active_users_trend_28d", row, 1.0, "")
    'active users fell from 24 to 9 in eight weeks'
    >>> phrase("events_28d", {"events_28d": 40.0}, 310.0, "Events in the last 28 days.")
    'Events in the last 28 days: 40 (typical here: 310)'
    """
    value = row[feature]
    if isinstance(value, str):
        return f"{_plain(meaning)}: {value}"
    number = _number(value)
    if number is None:
        return f"{_plain(meaning)}: not known"
    for told in (_change, _growth, _sentence):
        sentence = told(feature, number, row)
        if sentence is not None:
            return sentence
    shown = _shown(feature)
    compared = "" if typical is None else f" (typical here: {shown(typical)})"
    return f"{_plain(meaning)}: {shown(number)}{compared}"


def _change(feature: str, value: float, row: Row) -> str | None:
    match = re.fullmatch(r"(\w+)_trend_(\d+)d", feature)
    if match is None or match[1] not in COUNTED or int(match[2]) not in SPANS:
        return None
    what, span = COUNTED[match[1]], SPANS[int(match[2])]
    now = _number(row.get(f"{match[1]}_{match[2]}d"))
    if value == 0:
        return f"{what} fell to 0 in {span}"
    if now is None:
        return f"{what} {_moved(value - 1)} {abs(value - 1):.0%} in {span}"
    before, after = _amount(now / value), _amount(now)
    if before == after:
        return f"{what} stayed at {after} for {span}"
    return f"{what} {_moved(value - 1)} from {before} to {after} in {span}"


def _growth(feature: str, value: float, row: Row) -> str | None:
    match = re.fullmatch(r"(arr|seats)_growth_(\d+)d", feature)
    if match is None:
        return None
    what = {"arr": "ARR", "seats": "seats"}[match[1]]
    if abs(value) < 0.005:
        return f"{what} unchanged in {match[2]} days"
    return f"{what} {_moved(value)} {abs(value):.0%} in {match[2]} days"


def _sentence(feature: str, value: float, row: Row) -> str | None:
    if feature == "auto_renew":
        return "renews by itself" if value else "does not renew by itself"
    if feature == "month_to_month" and value:
        return "may leave at the end of any month"
    if feature not in SENTENCES:
        return None
    days = f"{value:.0f} day" if round(value) == 1 else f"{value:,.0f} days"
    return SENTENCES[feature].format(value=_amount(value), days=days, share=f"{value:.0%}")


def _moved(change: float) -> str:
    return "fell" if change < 0 else "rose"


def _number(value: Any) -> float | None:
    return None if isinstance(value, str) or pd.isna(value) else float(value)


def _shown(feature: str) -> Callable[[float], str]:
    if "share" in feature or "utilisation" in feature or feature == "discount":
        return lambda value: f"{value:.0%}"
    return _amount


def _amount(value: float) -> str:
    """
    >>> [_amount(value) for value in (0.125, 3.0, 3.25, 1250.4)]
    ['0.12', '3', '3.2', '1,250']
    """
    if abs(value) >= 10 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"


def _plain(meaning: str) -> str:
    """The first statement of a dictionary text.

    >>> _plain("ARR now against before: 0.1 is a tenth more.")
    'ARR now against before'
    """
    return re.split(r"[;:.](?:\s|$)|\n", meaning.strip())[0]
