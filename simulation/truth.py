"""The true probabilities of every renewal, given the hidden state some days before it falls due.

What happens between that day and the decision is averaged over evenly spread futures (futures.py),
by the same `choose` that decides; seats do not change in the `LEADS` days before a due date
(contracts.QUIET_DAYS). What cannot be known before, the frailty of the renewal and the price rise
it meets, is averaged over too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from simulation.accounts import Accounts
from simulation.clock import AHEAD_WEEKS, Clock
from simulation.contracts import Contracts
from simulation.decisions import choose, leaving
from simulation.drivers import GROUPS, first, remaining, situations, typical
from simulation.eras import change_day, changed
from simulation.family import Family
from simulation.futures import Futures
from simulation.state import Hidden

LEADS = (0, 30, 60, 90)  # days before the due date
DRIVEN = 256  # futures over which drivers are averaged: enough for a hundredth of a logit
AT_ONCE = 200  # renewals averaged together: as many as a processor's cache holds


class Ahead(NamedTuple):
    """One entry a row: what the state on the morning says of the decision."""

    churn_probability: np.ndarray
    expansion_probability: np.ndarray
    drivers: dict[str, np.ndarray]  # of the churn logit, by group


def averaged(
    family: Family,
    known: pd.DataFrame,
    usual: np.ndarray,
    demand: np.ndarray,
    coming: Futures,
) -> Ahead:
    """Probabilities and drivers of each row of `known`, over all futures."""
    left = remaining(family, known)
    at = situations(family, known, left, usual, demand, coming)
    odds = choose(family, at)
    churn = odds.leave.mean(axis=0)
    expansion = (odds.grow + odds.stay * (at.rise > 0)).mean(axis=0)
    here = typical(family, first(at, DRIVEN), left, coming)
    chance = {group: expit(leaving(family, other)).mean(axis=0) for group, other in here.items()}
    drivers = {group: logit(chance["none"]) - logit(chance[group]) for group in GROUPS}
    return Ahead(churn, expansion, drivers)


def truth(
    family: Family, accounts: Accounts, hidden: Hidden, contracts: Contracts, clock: Clock
) -> pd.DataFrame:
    """One row a renewal and lead: its true probabilities, what drives them, and how it ended.

    `driver_*` is how much of the churn logit is due to one group of causes (drivers.py).
    Only mornings on which this renewal is the account's next are listed. Renewals up to 98 days
    beyond the window are there too, with an outcome that no table holds.
    """
    due = contracts.decisions
    reach = clock.until + 7 * (AHEAD_WEEKS - 4)
    due = due[(due.due_date >= clock.start) & (due.due_date < reach)]
    coming, parts = Futures.of(family), []
    for lead in LEADS:
        morning = due.due_date - lead
        known = due[morning >= due.term_start].assign(lead_days=lead)
        seen = known.due_date - lead
        settled = np.minimum(seen, known.decided)  # once decided, later weeks do not matter
        week, last = clock.week_of(settled), clock.week_of(known.decided)
        known = known.assign(
            weeks=last - week,
            health=hidden.health[known.account, week],
            sponsor=hidden.sponsor[known.account, week],
            support=hidden.support[known.account, week],
            tenure=(known.due_date - known.since) / 365.25,
        )
        usual = hidden.usual_demand[known.account, last]
        deviation = hidden.demand[known.account, week] - hidden.usual_demand[known.account, week]
        deviation = deviation / family.demand_spread
        after = known.due_date.to_numpy() >= change_day(clock)
        for now, rows in ((family, ~after), (changed(family), after)):
            places = np.flatnonzero(rows)
            for block in np.split(places, range(AT_ONCE, len(places), AT_ONCE)):
                some = known.iloc[block]
                odds = averaged(now, some, usual[block], deviation[block], coming)
                parts.append(
                    some.assign(
                        churn_probability=odds.churn_probability,
                        expansion_probability=odds.expansion_probability,
                        **{f"driver_{group}": part for group, part in odds.drivers.items()},
                    )
                )
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
            *(f"driver_{group}" for group in GROUPS),
            "monthly",
            "outcome",
        ]
    ]
