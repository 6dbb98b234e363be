"""How much each account works with the product, by week: its state, seen through its habits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulation.accounts import Accounts
from simulation.clock import Clock
from simulation.contracts import Contracts
from simulation.family import Family
from simulation.habits import BREADTH, DEPTH, FREQUENCY
from simulation.papers import NEVER
from simulation.seasons import Seasons
from simulation.state import Hidden


@dataclass(frozen=True)
class Activity:
    """Arrays of accounts by weeks of the window."""

    weeks: np.ndarray  # the world's week of each column
    people: np.ndarray  # who use the product
    rows: np.ndarray  # usage rows to expect
    depth: np.ndarray  # share of the product's features that is used
    health: np.ndarray
    calendar: np.ndarray  # of each account
    spells: pd.DataFrame

    def covers(self, account: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Whether the account was a customer on the day."""
        spells = self.spells
        starts = spells.account.to_numpy() * (1 << 32) + spells.start.to_numpy()
        found = np.searchsorted(starts, account.astype("int64") * (1 << 32) + day, "right") - 1
        found = np.maximum(found, 0)
        same = spells.account.to_numpy()[found] == account
        return same & (spells.start.to_numpy()[found] <= day) & (day < spells.end.to_numpy()[found])


def seats_by_week(accounts: Accounts, contracts: Contracts, clock: Clock) -> np.ndarray:
    """Seats under contract, accounts by weeks; 0 before the first, the last known after."""
    core = contracts.rows[contracts.rows["product"] == "Core"]
    core = core[core.start_date < clock.first_day(clock.weeks)].sort_values("start_date")
    seats = np.zeros((len(accounts), clock.weeks), "int64")
    seats[core.account, clock.week_of(core.start_date)] = core.seats
    newest = np.where(seats > 0, np.arange(clock.weeks), 0)
    return np.take_along_axis(seats, np.maximum.accumulate(newest, axis=1), axis=1)


def weeks_since_start(accounts: Accounts, spells: pd.DataFrame, clock: Clock) -> np.ndarray:
    """Weeks since the spell began, accounts by weeks; negative outside of every spell."""
    age = np.full((len(accounts), clock.weeks), -1)
    end = np.minimum(spells.end.replace(NEVER, clock.first_day(clock.weeks)) - 1, clock.until + 60)
    for account, first, last in zip(
        spells.account, clock.week_of(spells.start), clock.week_of(end), strict=True
    ):
        age[account, first : last + 1] = np.arange(last + 1 - first)
    return age


def activity(
    rng: np.random.Generator,
    family: Family,
    accounts: Accounts,
    hidden: Hidden,
    contracts: Contracts,
    seasons: Seasons,
    habits: np.ndarray,
    clock: Clock,
) -> Activity:
    """What to expect of every account in every week of the window."""
    weeks = clock.window
    habits = habits[:, :, weeks] if habits.shape[2] > 1 else habits
    health = hidden.health[:, weeks]
    seats = seats_by_week(accounts, contracts, clock)[:, weeks]
    age = weeks_since_start(accounts, contracts.spells, clock)[:, weeks]
    covered, age = age >= 0, np.maximum(age, 0)
    ramp = 1 - family.onboarding * np.exp(-(age + 1) / accounts.ramp_weeks[:, None])

    def week_by_week(effect: float, noise: float = 1.0) -> np.ndarray:
        jitter = noise * family.behaviour_noise * rng.standard_normal(health.shape)
        return np.exp(effect * health + jitter)

    wanted = np.minimum(np.exp(hidden.demand[:, weeks]), seats)
    regulars = accounts.regulars[:, None] * habits[BREADTH]
    people = regulars * wanted * ramp * week_by_week(family.breadth_health, 0.5)
    people = np.floor(np.minimum(people, seats) + rng.random(health.shape))
    calendar = seasons.calendar(accounts)
    often = accounts.events_per_user[:, None] * habits[FREQUENCY]
    often = often * week_by_week(family.frequency_health)
    rows = people * often * seasons.busy[calendar][:, weeks] * np.sqrt(ramp) * covered
    depth = accounts.depth[:, None] * habits[DEPTH]
    depth = depth * ramp * week_by_week(family.depth_health, 0.3)
    return Activity(
        weeks,
        people.astype("int64"),
        rows,
        np.minimum(depth, 1),
        health,
        calendar,
        contracts.spells,
    )
