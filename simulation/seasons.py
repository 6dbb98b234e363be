"""When people work: weekdays, public holidays and the seasons of each country."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.accounts import COUNTRIES, Accounts
from simulation.clock import Clock
from simulation.family import Family

WEEKDAYS = np.array([1.0, 1.05, 1.05, 1.0, 0.85])
MONTHS = np.array([1, 1, 1.03, 0.98, 0.97, 0.98, 0.88, 0.8, 1.03, 1.05, 1.05, 0.92])
HOLIDAY, BETWEEN_THE_YEARS = 0.08, 0.3  # of a working day
HOLIDAYS = {  # month and day
    "DE": {(1, 1), (5, 1), (10, 3), (12, 25), (12, 26)},
    "GB": {(1, 1), (5, 5), (8, 25), (12, 25), (12, 26)},
    "US": {(1, 1), (7, 4), (11, 11), (11, 27), (12, 25)},
    "FR": {(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)},
    "NL": {(1, 1), (4, 27), (5, 5), (12, 25), (12, 26)},
    "SE": {(1, 1), (1, 6), (5, 1), (6, 6), (6, 20), (12, 24), (12, 25), (12, 26)},
}
WEEKENDS = (0.05, 0.15, 0.6)  # the habits of accounts.weekend


@dataclass(frozen=True)
class Seasons:
    """How busy each day is; one calendar for each country and weekend habit."""

    origin: int
    busy: np.ndarray  # calendars by weeks: 1 in a usual week of five working days
    edges: np.ndarray  # cumulative shares of a week's days, laid end to end

    @staticmethod
    def of(family: Family, clock: Clock) -> Seasons:
        """The calendars of the whole world's time."""
        day = clock.origin + np.arange(clock.weeks * 7)
        date = day.astype("datetime64[D]")
        month = date.astype("datetime64[M]").astype(int) % 12 + 1
        in_month = (date - date.astype("datetime64[M]")).astype(int) + 1
        weekday = (day + 3) % 7  # 1970-01-01 was a Thursday; 0 is Monday
        weights = []
        for country in COUNTRIES:
            free = np.zeros(len(day), bool)
            for holiday in HOLIDAYS[country]:
                free |= (month == holiday[0]) & (in_month == holiday[1])
            quiet = (month == 12) & (in_month > 23) | (month == 1) & (in_month < 3)
            for weekend in WEEKENDS:
                week = np.append(WEEKDAYS, [weekend, weekend])
                work = week[weekday] * MONTHS[month - 1]
                work *= np.where(free, HOLIDAY, np.where(quiet, BETWEEN_THE_YEARS, 1.0))
                weights.append(family.season * work + (1 - family.season) * 5 / 7)
        by_week = np.array(weights).reshape(len(weights) * clock.weeks, 7)
        total = by_week.sum(axis=1)
        shares = np.cumsum(by_week / total[:, None], axis=1)
        shares[:, -1] = 1.0
        edges = (shares + np.arange(len(shares))[:, None]).ravel()
        return Seasons(clock.origin, (total / 5).reshape(-1, clock.weeks), edges)

    @staticmethod
    def calendar(accounts: Accounts) -> np.ndarray:
        """The number of each account's calendar."""
        country = np.searchsorted(sorted(COUNTRIES), accounts.country.astype(str))
        place = np.array([list(COUNTRIES).index(name) for name in sorted(COUNTRIES)])[country]
        return place * len(WEEKENDS) + np.searchsorted(WEEKENDS, accounts.weekend)

    def pick(self, rng: np.random.Generator, calendar: np.ndarray, week: np.ndarray) -> np.ndarray:
        """A day in each of the weeks, the busier the likelier."""
        place = calendar * self.busy.shape[1] + week
        found = np.searchsorted(self.edges, place + rng.random(len(place)), side="right")
        return self.origin + 7 * week + (found - 7 * place)
