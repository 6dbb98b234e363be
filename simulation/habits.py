"""How a family's customers differ from the usual: the terms they take, and habits of their own.

Habits are a matter of style: no outcome hangs on them, and they stand between health and what the
tables show of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulation.accounts import MONTHLY, YEARLY, Accounts
from simulation.clock import Clock
from simulation.family import Family
from simulation.state import remembered

BREADTH, FREQUENCY, DEPTH = 0, 1, 2
STALLED = (4.0, 7.0)  # times longer than a usual onboarding


def customers(rng: np.random.Generator, family: Family, usual: Accounts) -> Accounts:
    """The accounts as this family has them: some stall in onboarding, none may be monthly."""
    stalls = rng.random(len(usual)) < family.stall_share
    slower = np.where(stalls, rng.uniform(*STALLED, len(usual)), 1.0)
    yearly = np.where(usual.term == MONTHLY, YEARLY, usual.term)
    return replace(
        usual,
        ramp_weeks=usual.ramp_weeks * slower,
        term=usual.term if family.monthly_terms else yearly,
    )


def unready(family: Family, accounts: Accounts, who: np.ndarray, weeks: np.ndarray) -> np.ndarray:
    """The share of full use that onboarding has not yet reached, `weeks` into the spell."""
    return family.onboarding * np.exp(-(weeks + 1) / accounts.ramp_weeks[who])


def habits(rng: np.random.Generator, family: Family, size: int, clock: Clock) -> np.ndarray:
    """How many times the usual breadth, frequency and depth are: 3 by accounts by weeks.

    A fixed style times a slow wandering; each of the three on its own, and 1 on average.
    """
    style = family.style_spread * rng.standard_normal((3, size, 1))
    variance = family.style_spread**2 + family.wander_spread**2
    if not family.wander_spread:
        return np.exp(style - variance / 2)
    noise = rng.standard_normal((3, size, clock.weeks))
    noise[:, :, 1:] *= np.sqrt(1 - family.wander_memory**2)
    wander = remembered(noise, family.wander_memory)
    return np.exp(style + family.wander_spread * wander - variance / 2)
