"""The true probabilities of every renewal, given the hidden state some days before it falls due.

The state between that day and the decision is averaged over `FUTURES` quasi-random futures.
Health's shocks enter by their mean and variance, which the process keeps exactly; seats do not
change in the `LEADS` days before a due date (contracts.QUIET_DAYS). What cannot be known before,
the frailty of the renewal and the price rise it meets, is averaged over too.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri

from simulation.accounts import Accounts
from simulation.clock import AHEAD_WEEKS, Clock
from simulation.contracts import Contracts
from simulation.decisions import Situation, choose
from simulation.family import Family
from simulation.state import Hidden

LEADS = (0, 30, 60, 90)  # days before the due date
FUTURES = 512
AT_ONCE = 2_000  # renewals averaged together, to bound the memory


def futures(number: int, dimensions: int) -> np.ndarray:
    """Points that fill the unit cube evenly: `number` by `dimensions`, by Roberts' R sequence.

    >>> futures(4, 1).ravel().round(2).tolist()
    [0.12, 0.74, 0.35, 0.97]
    """
    golden = 2.0
    for _ in range(64):
        golden = (1 + golden) ** (1 / (dimensions + 1))
    step = golden ** -np.arange(1, dimensions + 1)
    return (0.5 + np.arange(1, number + 1)[:, None] * step) % 1


def ahead(level: np.ndarray, memory: float, weeks: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """An autoregressive process of deviation 1, some weeks on, for standard normal `noise`."""
    left = memory**weeks
    return left * level + np.sqrt(1 - left**2) * noise


def averaged(
    family: Family, known: pd.DataFrame, usual: np.ndarray, demand: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Churn and expansion probability of each row of `known`, over all futures."""
    unit = futures(FUTURES, 5)[:, :, None]
    noise = ndtri(unit)
    weeks = known.weeks.to_numpy()
    at = Situation(
        health=ahead(known.health.to_numpy(), family.health_memory, weeks, noise[:, 0]),
        demand=usual
        + family.demand_spread * ahead(demand, family.demand_memory, weeks, noise[:, 1]),
        seats=known.seats.to_numpy(),
        tenure=known.tenure.to_numpy(),
        monthly=known.monthly.to_numpy(),
        rise=np.where(unit[:, 4] < known.rise_share.to_numpy(), family.price_rise, 0.0),
        frailty=noise[:, 2],
        appetite=noise[:, 3],
    )
    odds = choose(family, at)
    return odds.leave.mean(axis=0), (odds.grow + odds.stay * (at.rise > 0)).mean(axis=0)


def truth(
    family: Family, accounts: Accounts, hidden: Hidden, contracts: Contracts, clock: Clock
) -> pd.DataFrame:
    """One row a renewal and lead: its true probabilities, and how it ended.

    Only mornings on which this renewal is the account's next are listed. Renewals up to 98 days
    beyond the window are there too, with an outcome that no table holds.
    """
    due = contracts.decisions
    reach = clock.until + 7 * (AHEAD_WEEKS - 4)
    due = due[(due.due_date >= clock.start) & (due.due_date < reach)]
    parts = []
    for lead in LEADS:
        morning = due.due_date - lead
        known = due[morning >= due.term_start].assign(lead_days=lead)
        seen = known.due_date - lead
        settled = np.minimum(seen, known.decided)  # once decided, later weeks do not matter
        week, last = clock.week_of(settled), clock.week_of(known.decided)
        known = known.assign(
            weeks=last - week,
            health=hidden.health[known.account, week],
            tenure=(known.due_date - known.since) / 365.25,
        )
        usual = hidden.usual_demand[known.account, last]
        deviation = hidden.demand[known.account, week] - hidden.usual_demand[known.account, week]
        deviation = deviation / family.demand_spread
        odds = [
            averaged(family, known.iloc[low:high], usual[low:high], deviation[low:high])
            for low, high in blocks(len(known))
        ]
        churn, expansion = (np.concatenate(side) for side in zip(*odds, strict=True))
        parts.append(known.assign(churn_probability=churn, expansion_probability=expansion))
    every = pd.concat(parts)
    every["account_id"] = accounts.account_id[every.account]
    every["due_date"] = pd.to_datetime(every.due_date, unit="D")
    every = every.sort_values(["due_date", "account_id", "lead_days"], ignore_index=True)
    return every[
        [
            "account_id",
            "due_date",
            "lead_days",
            "churn_probability",
            "expansion_probability",
            "omniscient_churn",
            "omniscient_expansion",
            "monthly",
            "outcome",
        ]
    ]


def blocks(size: int) -> list[tuple[int, int]]:
    """Consecutive stretches of at most `AT_ONCE` rows; an empty one if there are none.

    >>> blocks(4500)
    [(0, 2000), (2000, 4000), (4000, 4500)]
    """
    return [(low, min(low + AT_ONCE, size)) for low in range(0, max(size, 1), AT_ONCE)]
