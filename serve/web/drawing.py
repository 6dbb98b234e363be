"""Small drawings as numbers: the templates write them as inline SVG, which needs no style of its
own and no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from math import isfinite

Point = tuple[date, float | None]


@dataclass(frozen=True)
class Line:
    """A value over time beside what is usual, in a box of `width` × `height`.

    `own`, `peers`: unbroken stretches as the `points` of SVG polylines: where nothing is known,
    the line stops. `dots`: (x, y, day, value) of every known value. `low`, `high`: the ends of the
    scale; `marks`: (x, day, words) of what is to be marked.
    """

    width: int
    height: int
    own: list[str]
    peers: list[str]
    dots: list[tuple[float, float, date, float]]
    marks: list[tuple[float, date, str]]
    low: float
    high: float
    first: date
    last: date


def line(
    own: Sequence[Point],
    peers: Sequence[Point] = (),
    marks: Sequence[tuple[date, str]] = (),
    width: int = 300,
    height: int = 64,
    scale: tuple[float, float] | None = None,
) -> Line | None:
    """None where nothing is known of the account itself.

    >>> drawn = line([(date(2025, 1, 1), 0.0), (date(2025, 1, 3), 4.0)], width=108, height=58)
    >>> drawn.own, drawn.low, drawn.high
    (['4.0,54.0 104.0,4.0'], 0.0, 4.0)
    """
    known = [(day, value) for day, value in own if _is_known(value)]
    if not known:
        return None
    days = [day for day, _ in own]
    values = [value for _, value in (*own, *peers) if value is not None and isfinite(value)]
    low, high = scale or (min(0.0, *values), max(values, default=0.0))
    room = (high - low) or 1.0
    first, last = min(days), max(days)
    span = (last - first).days or 1
    edge = 4

    def x(day: date) -> float:
        return round(edge + (width - 2 * edge) * (day - first).days / span, 1)

    def y(value: float) -> float:
        return round(height - edge - (height - 2 * edge) * (value - low) / room, 1)

    def strokes(points: Sequence[Point]) -> list[str]:
        found = []
        for there, part in groupby(points, key=lambda point: _is_known(point[1])):
            if there:
                found.append(" ".join(f"{x(day)},{y(value or 0.0)}" for day, value in part))
        return found

    return Line(
        width,
        height,
        strokes(own),
        strokes([(day, value) for day, value in peers if first <= day <= last]),
        [(x(day), y(value or 0.0), day, value or 0.0) for day, value in known],
        [(x(day), day, text) for day, text in marks if first <= day <= last],
        low,
        high,
        first,
        last,
    )


def stretch(low: float, at: float, high: float, top: float, width: int = 112) -> dict[str, float]:
    """An interval as x, w and at of a bar that runs from 0 to `top`.

    >>> stretch(0.1, 0.2, 0.3, 0.5, 100)
    {'x': 20.0, 'w': 40.0, 'at': 40.0}
    """
    ends = [min(max(value / top, 0.0), 1.0) * width for value in (low, at, high)]
    return {
        "x": round(ends[0], 1),
        "w": round(max(2.0, ends[2] - ends[0]), 1),
        "at": round(ends[1], 1),
    }


def _is_known(value: float | None) -> bool:
    return value is not None and isfinite(value)
