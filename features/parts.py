"""How a table of events is divided into files, so that a new day of events touches few of them.

A part holds the rows of one month; of the month in which the table ends one week, counted from the
first; and of that week one day. A day that is added is then a small file more, and a week or a
month is closed once. Which part a row belongs to follows from its day and the table's last day
alone, so that a table that grew and one that was written at once lie in the same files.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

WEEK = 7


class Part(NamedTuple):
    """A file's rows: those of the days `[first, until)`."""

    name: str
    first: date
    until: date

    @property
    def days(self) -> list[date]:
        """The days of the part."""
        return [self.first + timedelta(number) for number in range((self.until - self.first).days)]

    def holds(self, day: str) -> str:
        """SQL of the condition that a day lies in the part.

        >>> Part("2025-02", date(2025, 2, 1), date(2025, 3, 1)).holds("day")
        "day >= DATE '2025-02-01' AND day < DATE '2025-03-01'"
        """
        return f"{day} >= DATE '{self.first}' AND {day} < DATE '{self.until}'"


def part(day: date, last: date) -> Part:
    """The part in which a day lies, in a table that ends on `last`.

    >>> [part(date(2025, 3, day), date(2025, 3, 17)).name for day in (9, 15, 17)]
    ['2025-03-w2', '2025-03-15', '2025-03-17']
    >>> part(date(2025, 2, 9), date(2025, 3, 17)).name
    '2025-02'
    """
    first = day.replace(day=1)
    after = (first + timedelta(31)).replace(day=1)
    if first != last.replace(day=1):
        return Part(f"{day:%Y-%m}", first, after)
    week = (day.day - 1) // WEEK
    begin = first + timedelta(week * WEEK)
    if week == (last.day - 1) // WEEK:
        return Part(str(day), day, day + timedelta(1))
    return Part(f"{day:%Y-%m}-w{week + 1}", begin, min(begin + timedelta(WEEK), after))


def named(name: str) -> Part:
    """The part of a name: a month, a week of one, or a day.

    >>> named("2025-02-w5").days, named("2025-03-15").days
    ([], [datetime.date(2025, 3, 15)])
    """
    month, week, number = name.partition("-w")
    first = date.fromisoformat(f"{month}-01" if len(month) == len("2025-01") else month)
    if len(month) > len("2025-01"):
        return Part(name, first, first + timedelta(1))
    after = (first + timedelta(31)).replace(day=1)
    begin = first + timedelta(WEEK * (int(number) - 1)) if week else first
    return Part(name, begin, min(begin + timedelta(WEEK), after) if week else after)


def parts(days: Iterable[date], last: date) -> list[Part]:
    """The parts in which some days lie, in the order of time, in a table that ends on `last`."""
    return sorted({part(day, last) for day in days}, key=lambda one: one.first)


def names(folder: Path) -> list[str]:
    """The names of the parts that lie in a folder, in the order of time."""
    return sorted(
        (file.stem for file in folder.glob("*.parquet")), key=lambda name: named(name).first
    )


def reaching(names: Iterable[str], first: date) -> list[str]:
    """The parts, by name, that hold days from `first` on.

    >>> reaching(["2025-01", "2025-02", "2025-03-w1", "2025-03-08"], date(2025, 2, 9))
    ['2025-02', '2025-03-w1', '2025-03-08']
    """
    return [name for name in names if named(name).until > first]


def source(folder: Path, names: Iterable[str] | None = None) -> str:
    """SQL of the rows of some parts of a folder, of all by default.

    >>> source(Path("facts/user_days"), ["2025-01", "2025-02"])
    "read_parquet(['facts/user_days/2025-01.parquet', 'facts/user_days/2025-02.parquet'])"
    """
    if names is None:
        return f"read_parquet({quoted(folder / '*.parquet')})"
    return f"read_parquet([{', '.join(quoted(folder / f'{name}.parquet') for name in names)}])"


def quoted(path: Path) -> str:
    """A path as SQL text."""
    return "'" + str(path).replace("'", "''") + "'"
