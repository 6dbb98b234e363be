"""Sets of units as bits: who was there in a window, without a distinct count.

Each person (feature, department) is one bit of one of several whole numbers, its `word`. The units
of a window are then the bits of `bit_or` over the rows of its days, and how many there are is
`bit_count`: exact for any number of units, for every window, and whatever became known late, since
rows are cut like all others. Units seen last, or first, in a window are differences of such sets:
of the people of the last 91 days, those who were not there in the last 28.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from features.definition import Aggregate
from features.window import Window, ages

BITS = 60  # in a word: the bits of a whole number without its sign, and some to spare


class Members(NamedTuple):
    """Units with rows of a condition in the window `there`, and none in the window `gone`."""

    others: str
    there: Window
    gone: Window | None


def members(d: Aggregate) -> Members | None:
    """A two-step feature as a difference of sets; None if it is none.

    It counts units: those with any row, or those whose newest (oldest) row is of certain ages.
    """
    inner, outer = d.inner, d.outer
    if outer is None or not outer.rows or outer.others != "" or inner.others is None:
        return None
    if not (inner.rows or inner.extreme) or any(need.kind != "value" for need in inner.needs):
        return None
    (window,) = inner.windows
    if not outer.bounds:
        return Members(inner.others, window, None)
    (value,) = outer.bounds
    if inner.extreme == "min":
        gone = Window(window.newest, value.newest) if value.newest > window.newest else None
        return Members(inner.others, Window(window.newest, _least(window, value)), gone)
    if inner.extreme == "max":
        there = Window(max(window.newest, value.newest), window.oldest)
        if value.oldest is None or _least(window, value) == window.oldest:
            return Members(inner.others, there, None)
        gone = Window(max(window.newest, value.oldest), window.oldest)
        return Members(inner.others, there, gone)
    return None


def _least(one: Window, other: Window) -> int | None:
    return min((end for end in (one.oldest, other.oldest) if end is not None), default=None)


def bits(group: Sequence[Aggregate], rows: str) -> str:
    """SQL of the bits of each account, day and word, from loaded rows with `word` and `bit`."""
    kept = "account, occurred_at, known_at, replaced_at, word"
    sets = ", ".join(
        f"bit_or(bit){f' FILTER (WHERE {others})' if others else ''} AS {_name(others)}"
        for others in _conditions(group)
    )
    return f"SELECT {kept}, {sets} FROM ({rows}) WHERE word IS NOT NULL GROUP BY {kept}"


def columns(group: Sequence[Aggregate]) -> list[str]:
    """The columns of the bits that the rows of a pass carry."""
    return ["word", *(_name(others) for others in _conditions(group))]


def answers(group: Sequence[Aggregate], rows: str) -> str:
    """SQL of a pass over sets: account, morning and a column a feature, from past rows of bits."""
    found = {d: found for d in group if (found := members(d))}
    windows = dict.fromkeys(
        (m.others, window) for m in found.values() for window in (m.there, m.gone) if window
    )
    united = ", ".join(
        f"coalesce(bit_or({_name(others)}) FILTER (WHERE {ages(window)}), 0) "
        f"AS {_name(others, window)}"
        for others, window in windows
    )
    counted = ", ".join(f"{_count(d, m)} AS {d.column(0)}" for d, m in found.items())
    return (
        f"SELECT account, morning, {counted} FROM (SELECT account, morning, word, {united} "
        f"FROM ({rows}) GROUP BY account, morning, word) GROUP BY account, morning"
    )


def _count(d: Aggregate, m: Members) -> str:
    left = _name(m.others, m.there)
    if m.gone is not None:
        left += f" & ~{_name(m.others, m.gone)}"
    units = f"CAST(sum(bit_count({left})) AS DOUBLE)"
    return units if d.absent == 0 else f"CASE WHEN {units} > 0 THEN {units} ELSE {d.otherwise} END"


def _conditions(group: Sequence[Aggregate]) -> list[str]:
    return list(dict.fromkeys(m.others for d in group if (m := members(d))))


def _name(others: str, window: Window | None = None) -> str:
    of = others.replace('"', "")
    return f'"bits {of}"' if window is None else f'"bits {of} {window.newest} {window.oldest}"'
