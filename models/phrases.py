"""The sentences in which a feature's value is told; every one states a fact, none foretells."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

from models.wording import BECAUSE, COUNTED, FLAGS, SENTENCES, SPANS, UNKNOWN

Row = Mapping[Hashable, Any]


@dataclass(frozen=True)
class Told:
    """A sentence without comparison; `about`: the feature, itself or the level that a change ends
    at, whose values elsewhere may be set beside it, read by `shown`. None: nothing compares."""

    text: str
    about: str | None
    shown: Callable[[float], str]
    named: bool  # whether the value stands after a name, so that what is typical may follow


def phrase(
    feature: str, row: Row, typical: float | None, meaning: str, usual: Row = MappingProxyType({})
) -> str:
    """One sentence about one feature of one account.

    `row` holds the account's other features, from which a change gets its two ends; `typical` is
    the median in training, `meaning` the dictionary's text, `usual` the medians among similar
    accounts where they are known; they are said unless the account has the same. Where it does, or
    lies on one side of them and on the other of what is typical, that is said too.

    >>> row = {"active_users_28d": 9.0, "active_users_trend_28d": 0.375}
    >>> phrase("active_users_trend_28d", row, 1.0, "", {"active_users_28d": 21.0})
    'active users fell from 24 to 9 in eight weeks; similar accounts: 21'
    >>> phrase("tickets", {"tickets": 40.0}, 31.0, "Tickets in the last 28 days.")
    'Tickets in the last 28 days: 40 (typical here: 31)'
    """
    told = _told(feature, row, meaning)
    usually = None if typical is None else f" (typical here: {told.shown(typical)})"
    similar = None if told.about is None else _number(usual.get(told.about))
    if told.about is None or similar is None:
        return told.text + (usually or "" if told.named else "")
    own, others = float(row[told.about]), told.shown(similar)
    text = told.text if told.shown(own) == others else f"{told.text}; similar accounts: {others}"
    if typical is None or told.about != feature or (own - similar) * (own - typical) > 0:
        return text
    return f"{text}{usually}"


def changed(feature: str, before: Row, row: Row, meaning: str, when: str) -> str | None:
    """The sentence of today with the value of an earlier morning; None if it reads the same.

    >>> then, now = {"days_since_use": 1.0}, {"days_since_use": 23.0}
    >>> changed("days_since_use", then, now, "", "1 December")
    'no use for 23 days; 1 day on 1 December'
    """
    told, earlier = _told(feature, row, meaning), _told(feature, before, meaning)
    about = told.about or earlier.about
    if about is None:
        return None if told.text == earlier.text else f"{told.text}; {when}: {earlier.text}"
    was, now = _number(before.get(about)), _number(row.get(about))
    shown = (told if told.about else earlier).shown
    if was is None or now is None:
        return None if was == now else f"{told.text}; {_or_unknown(was, shown)} on {when}"
    return None if shown(was) == shown(now) else f"{told.text}; {shown(was)} on {when}"


def _or_unknown(value: float | None, shown: Callable[[float], str]) -> str:
    return "not known" if value is None else shown(value)


def _told(feature: str, row: Row, meaning: str) -> Told:
    value = row[feature]
    if isinstance(value, str):
        return Told(f"{_plain(meaning)}: {value}", None, _amount, False)
    number = _number(value)
    if number is None:
        wider = BECAUSE.get(feature, feature)
        missing = wider if _number(row.get(wider)) is None else feature
        unknown = UNKNOWN.get(missing, f"{_plain(meaning)}: not known")
        return Told(unknown, None, _amount, False)
    for tell in (_change, _level, _growth, _flag, _sentence):
        told = tell(feature, number, row)
        if told is not None:
            return told
    shown = _shown(feature)
    return Told(f"{_plain(meaning)}: {shown(number)}", feature, shown, True)


def _change(feature: str, value: float, row: Row) -> Told | None:
    match = re.fullmatch(r"(\w+)_trend_(\d+)d", feature)
    if match is None or match[1] not in COUNTED or int(match[2]) not in SPANS:
        return None
    what, span, level = COUNTED[match[1]], SPANS[int(match[2])], f"{match[1]}_{match[2]}d"
    now = _number(row.get(level))
    if value == 0:
        text = f"{what} fell to 0 in {span}"
    elif now is None:
        text = f"{what} {_moved(value - 1)} {abs(value - 1):.0%} in {span}"
    elif (before := _amount(now / value)) == (after := _amount(now)):
        text = f"{what} stayed at {after} for {span}"
    else:
        text = f"{what} {_moved(value - 1)} from {before} to {after} in {span}"
    return Told(text, None if now is None else level, _amount, False)


def _level(feature: str, value: float, row: Row) -> Told | None:
    """What is counted in a window, with the account's own window before where that is known."""
    block = re.fullmatch(r"active_days_in_(\d)", feature)
    match = re.fullmatch(r"(\w+)_(\d+)d", feature)
    if block is not None:
        what, days, at = COUNTED["active_days"], "28", int(block[1])
        before = _number(row.get(f"active_days_in_{at + 1}"))
        when = f"the 28 days until {28 * (at - 1)} days ago" if at > 1 else "the last 28 days"
    elif match is not None and match[1] in COUNTED:
        what, days, when = COUNTED[match[1]], match[2], f"the last {match[2]} days"
        trend = _number(row.get(f"{match[1]}_trend_{days}d"))
        before = value / trend if trend else None
    else:
        return None
    text = f"{what} in {when}: {_amount(value)}"
    if before is not None:
        text += f", after {_amount(before)} in the {days} days before"
    return Told(text, feature, _amount, True)


def _growth(feature: str, value: float, row: Row) -> Told | None:
    match = re.fullmatch(r"(arr|seats)_growth_(\d+)d", feature)
    if match is None:
        return None
    what = {"arr": "ARR", "seats": "seats"}[match[1]]
    grown = f"{_moved(value)} {abs(value):.0%}" if abs(value) >= 0.005 else "unchanged"
    return Told(f"{what} {grown} in {match[2]} days", feature, _grown, False)


def _grown(value: float) -> str:
    return f"{value:+.0%}" if abs(value) >= 0.005 else "unchanged"


def _flag(feature: str, value: float, row: Row) -> Told | None:
    if feature not in FLAGS:
        return None
    return Told(FLAGS[feature][bool(value)], None, _amount, False)


def _sentence(feature: str, value: float, row: Row) -> Told | None:
    if feature not in SENTENCES:
        return None
    words = SENTENCES[feature]
    text = words.format(value=_amount(value), days=_days(value), share=f"{value:.0%}")
    shown = _days if "{days}" in words else _share if "{share}" in words else _amount
    return Told(text, feature, shown, words.endswith(": {value}"))


def _days(value: float) -> str:
    return f"{value:.0f} day" if round(value) == 1 else f"{value:,.0f} days"


def _share(value: float) -> str:
    return f"{value:.0%}"


def _moved(change: float) -> str:
    return "fell" if change < 0 else "rose"


def _number(value: Any) -> float | None:
    return None if isinstance(value, str) or pd.isna(value) else float(value)


def _shown(feature: str) -> Callable[[float], str]:
    if "share" in feature or "utilisation" in feature or feature == "discount":
        return _share
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
