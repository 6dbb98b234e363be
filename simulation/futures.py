"""What may still happen between a morning and a decision: `FUTURES` evenly spread possibilities.

Every hidden process forgets at a constant rate, so that its state some weeks on is what is left of
it plus what came in between; and what may come in between is the same for all accounts.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from simulation.family import Family
from simulation.randomness import stream
from simulation.state import WEEKS_A_YEAR, shock_moments, shocks

FUTURES = 512
WEEKS = 15  # the longest way from a morning to a decision, and one
LIVES = 50_000  # from which the spread of rare shocks is read


class Futures(NamedTuple):
    """Of each process what may come in between, weeks by futures; and the chances of the day."""

    own: np.ndarray
    sponsor: np.ndarray
    support: np.ndarray
    demand: np.ndarray
    frailty: np.ndarray  # standard normal, one a future
    appetite: np.ndarray
    rise: np.ndarray  # uniform, one a future

    @staticmethod
    def of(family: Family) -> Futures:
        """The futures of a family's worlds."""
        unit = evenly(FUTURES, 7)
        noise = ndtri(unit)
        memory, (_, variance) = family.health_memory, shock_moments(family)
        own = np.sqrt((1 - memory**2 - variance) / (1 - memory**2))
        left, failed = (spread(memory, shock) for shock in lived(family))
        return Futures(
            own * gathered(memory)[:, None] * noise[:, 0],
            left[:, (unit[:, 1] * LIVES).astype(int)],
            failed[:, (unit[:, 2] * LIVES).astype(int)],
            gathered(family.demand_memory)[:, None] * noise[:, 3],
            noise[:, 4],
            noise[:, 5],
            unit[:, 6],
        )


def evenly(number: int, dimensions: int) -> np.ndarray:
    """Points that fill the unit cube evenly: `number` by `dimensions`, by Roberts' R sequence.

    >>> evenly(4, 1).ravel().round(2).tolist()
    [0.12, 0.74, 0.35, 0.97]
    """
    golden = 2.0
    for _ in range(64):
        golden = (1 + golden) ** (1 / (dimensions + 1))
    step = golden ** -np.arange(1, dimensions + 1)
    return (0.5 + np.arange(1, number + 1)[:, None] * step) % 1


def gathered(memory: float) -> np.ndarray:
    """The deviation, by weeks, of what comes in between of a process of deviation 1.

    >>> gathered(0.6)[:2].round(9).tolist()
    [0.0, 0.8]
    """
    return np.sqrt(1 - memory ** (2 * np.arange(WEEKS)))


def lived(family: Family) -> list[np.ndarray]:
    """Weekly shocks of many lives, around their mean: of champions, and of support."""
    rng = stream(0, "futures")
    (usual_left, _), (usual_failed, _) = shocks(family)
    size = (WEEKS - 1, LIVES)
    left = rng.random(size) < family.champion_rate / WEEKS_A_YEAR
    failed = np.zeros(size)
    for rate in (family.company_incidents * family.company_reach, family.local_incidents):
        hit = rng.random(size) < rate / WEEKS_A_YEAR
        slow = rng.random(size) < family.slow_share
        failed += hit * (family.incident_shock + slow * family.slow_shock)
    return [usual_left - family.champion_shock * left, usual_failed - failed]


def spread(memory: float, shock: np.ndarray) -> np.ndarray:
    """What many lives of weekly shocks have gathered, by weeks: each week's sorted."""
    total = np.zeros((WEEKS, shock.shape[1]))
    for week, hit in enumerate(shock):
        total[week + 1] = memory * total[week] + hit
    return np.sort(total, axis=1)
