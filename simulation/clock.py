"""The world's time: whole days since 1970-01-01 as integers, and seven-day weeks for the state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np
import pandas as pd

HISTORY_WEEKS = 4 * 52  # the oldest customers signed this long before the window
AHEAD_WEEKS = 18  # the world lives on past the window: notices and bookings reach ahead
DAY = 86_400  # seconds

Days = TypeVar("Days", int, np.ndarray, pd.Series)


def day_number(day: date) -> int:
    """Whole days since 1970-01-01.

    >>> day_number(date(1970, 2, 1))
    31
    """
    return (day - date(1970, 1, 1)).days


def add_months(days: np.ndarray, months: np.ndarray | int) -> np.ndarray:
    """The same day of the month, `months` later; days of the month are at most 28 in this world.

    >>> add_months(np.array([31]), 12) - 31
    array([365])
    """
    dates = np.asarray(days).astype("datetime64[D]")
    month = dates.astype("datetime64[M]")
    day_of_month = dates - month.astype("datetime64[D]")
    later = month + np.asarray(months).astype("timedelta64[M]")
    return (later.astype("datetime64[D]") + day_of_month).astype("int64")


def on_or_before_the_28th(days: np.ndarray) -> np.ndarray:
    """Days moved back to the 28th where the month is further on, so that terms keep their day.

    >>> on_or_before_the_28th(np.array([30])).tolist()       # 31 January
    [27]
    """
    first = np.asarray(days).astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]")
    return np.minimum(days, first.astype("int64") + 27)


@dataclass(frozen=True)
class Clock:
    """The window `[start, until)` that is exported, inside the longer life of the world."""

    start: int
    until: int

    @staticmethod
    def of(start: date, months: int) -> Clock:
        """The window of `months` calendar months from `start`."""
        first = day_number(start)
        return Clock(first, int(add_months(np.array([first]), months)[0]))

    @property
    def origin(self) -> int:
        """The first day of week 0."""
        return self.start - 7 * HISTORY_WEEKS

    @property
    def weeks(self) -> int:
        """How many weeks the world lives."""
        return -(-(self.until - self.origin) // 7) + AHEAD_WEEKS

    def months(self) -> list[tuple[int, int]]:
        """First day, and first day after, of every calendar month of the world.

        >>> Clock.of(date(2025, 1, 1), 1).months()[0]            # from 6 January 2021
        (18628, 18659)
        """
        ends = np.array([self.origin, self.first_day(self.weeks) - 1])
        first, last = ends.astype("datetime64[D]").astype("datetime64[M]")
        starts = np.arange(first, last + 2).astype("datetime64[D]").astype("int64")
        starts = np.minimum(starts, self.first_day(self.weeks))
        return list(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True))

    @property
    def window(self) -> np.ndarray:
        """The weeks that touch the window."""
        return np.arange(HISTORY_WEEKS, self.week_of(self.until - 1) + 1)

    def week_of(self, days: Days) -> Days:
        """The week in which a day, or each of many, lies."""
        return (days - self.origin) // 7

    def first_day(self, weeks: Days) -> Days:
        """The first day of a week, or of each of many."""
        return self.origin + 7 * weeks
