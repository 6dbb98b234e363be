"""The hidden state of every account, week by week: its health, and the people who want a seat.

Health is an autoregressive process hit by shocks: a champion who leaves, incidents, slow support.
Its own noise is scaled, and its level lifted, so that, shocks included, it has mean 0 and
deviation 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from simulation.accounts import Accounts
from simulation.clock import Clock
from simulation.family import Family

WEEKS_A_YEAR = 365.25 / 7
USUAL_FILL = 0.55  # people who want a seat, for each seat of the first contract
GROWTH, GROWTH_SPREAD = 0.04, 0.06  # yearly log growth of that demand


@dataclass(frozen=True)
class Hidden:
    """Arrays of accounts by weeks, and the events that moved them."""

    health: np.ndarray
    sponsor: np.ndarray  # the champions' part of health, around its own mean
    support: np.ndarray  # the part of incidents and slow support; what is left wanders by itself
    demand: np.ndarray  # log of the people who want a seat
    usual_demand: np.ndarray  # the same without its ups and downs
    champions: pd.DataFrame  # account, day: a champion left
    incidents: pd.DataFrame  # account, day, slow


def departures(rng: np.random.Generator, family: Family, size: int, clock: Clock) -> pd.DataFrame:
    """The days on which a champion left, each account's at random."""
    left = rng.random((size, clock.weeks)) < family.champion_rate / WEEKS_A_YEAR
    account, week = np.nonzero(left)
    day = clock.first_day(week) + rng.integers(0, 7, len(week))
    return pd.DataFrame({"account": account, "day": day})


def incidents(rng: np.random.Generator, family: Family, size: int, clock: Clock) -> pd.DataFrame:
    """What broke for whom: outages that touch many accounts, and troubles of one account alone."""
    wide = np.flatnonzero(rng.random(clock.weeks) < family.company_incidents / WEEKS_A_YEAR)
    wide_day = clock.first_day(wide) + rng.integers(0, 5, len(wide))
    which, touched = np.nonzero(rng.random((len(wide), size)) < family.company_reach)
    local = rng.random((size, clock.weeks)) < family.local_incidents / WEEKS_A_YEAR
    alone, week = np.nonzero(local)
    day = np.concatenate([wide_day[which], clock.first_day(week) + rng.integers(0, 7, len(week))])
    found = pd.DataFrame({"account": np.concatenate([touched, alone]), "day": day})
    return found.assign(slow=rng.random(len(found)) < family.slow_share)


def shock_moments(family: Family) -> tuple[float, float]:
    """Mean and variance of the fall in health that a week's shocks bring to one account."""
    (sponsor, sponsor_variance), (support, support_variance) = shocks(family)
    return sponsor + support, sponsor_variance + support_variance


def shocks(family: Family) -> tuple[tuple[float, float], tuple[float, float]]:
    """The same for champions who leave, and for incidents, apart."""
    champion = family.champion_rate / WEEKS_A_YEAR
    trouble = family.company_incidents * family.company_reach + family.local_incidents
    slow, quick = family.slow_share, 1 - family.slow_share
    late = family.incident_shock + family.slow_shock
    first = slow * late + quick * family.incident_shock
    second = slow * late**2 + quick * family.incident_shock**2
    trouble /= WEEKS_A_YEAR
    return (
        (champion * family.champion_shock, champion * family.champion_shock**2),
        (trouble * first, trouble * second),
    )


def remembered(shock: np.ndarray, memory: float) -> np.ndarray:
    """Weekly shocks (weeks last) added up, each week's rest fading with `memory`.

    >>> remembered(np.array([[1.0, 0.0, 0.0]]), 0.5).tolist()
    [[1.0, 0.5, 0.25]]
    """
    return lfilter([1.0], [1.0, -memory], shock, axis=-1)


def evolve(
    rng: np.random.Generator,
    family: Family,
    accounts: Accounts,
    clock: Clock,
    champions: pd.DataFrame,
    troubles: pd.DataFrame,
) -> Hidden:
    """Health and demand of every account in every week of the world."""
    size = len(accounts)
    left = np.zeros((size, clock.weeks))
    np.add.at(left, (champions.account, clock.week_of(champions.day)), family.champion_shock)
    fall, failed = left.copy(), np.zeros((size, clock.weeks))
    hurt = family.incident_shock + family.slow_shock * troubles.slow.to_numpy()
    for part in (fall, failed):
        np.add.at(part, (troubles.account, clock.week_of(troubles.day)), hurt)

    mean, variance = shock_moments(family)
    own_noise = np.sqrt(1 - family.health_memory**2 - variance)
    health = own_noise * rng.standard_normal((size, clock.weeks)) + mean - fall
    health[:, 0] = rng.standard_normal(size)
    demand = rng.standard_normal((size, clock.weeks)) * np.sqrt(1 - family.demand_memory**2)
    demand[:, 0] = rng.standard_normal(size)
    health = remembered(health, family.health_memory)
    demand = remembered(demand, family.demand_memory)
    (usual_left, _), (usual_failed, _) = shocks(family)
    sponsor = remembered(usual_left - left, family.health_memory)
    support = remembered(usual_failed - failed, family.health_memory)

    growth = rng.normal(GROWTH, GROWTH_SPREAD, size)
    years = (clock.first_day(np.arange(clock.weeks)) - accounts.signup[:, None]) / 365.25
    level = np.log(USUAL_FILL * accounts.seats)[:, None] + growth[:, None] * np.maximum(years, 0)
    wanted = level + family.demand_spread * demand
    return Hidden(health, sponsor, support, wanted, level, champions, troubles)
