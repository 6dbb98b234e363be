"""The customer success team: what it plans, what it does, and how it judges the risk."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulation import lateness
from simulation.accounts import SEGMENTS, Accounts
from simulation.activity import Activity
from simulation.clock import DAY, Clock
from simulation.contracts import Contracts
from simulation.family import Family

EVERY_WEEKS = {"SMB": 18, "Mid-Market": 9, "Enterprise": 4}
TALK_BEFORE_DUE = (50, 80)  # days
KINDS = {"call": 0.45, "email": 0.3, "training": 0.1, "qbr": 0.15}
JUDGED = ("call", "qbr", "renewal_talk")
RISK_CALLS = np.array(["low", "medium", "high"], object)
RISK_EDGES = (0.6, 1.5)  # of ill health as the manager perceives it
PERCEPTION_NOISE = 0.9


def rounds(rng: np.random.Generator, accounts: Accounts, active: Activity) -> pd.DataFrame:
    """Regular contact, the more often the larger the segment."""
    every = pd.Series(accounts.segment).map(EVERY_WEEKS).to_numpy()
    turn = rng.integers(0, every)
    planned = (active.weeks % every[:, None] == turn[:, None]) & (active.rows > 0)
    account, column = np.nonzero(planned)
    kind = rng.choice(np.array(list(KINDS), object), len(account), p=list(KINDS.values()))
    return pd.DataFrame({"account": account, "week": active.weeks[column], "kind": kind})


def renewal_talks(
    rng: np.random.Generator, accounts: Accounts, contracts: Contracts, clock: Clock
) -> pd.DataFrame:
    """A talk before a contract falls due: nearly always with large accounts, seldom with small."""
    due = contracts.decisions[~contracts.decisions.monthly]
    large = accounts.segment[due.account] != SEGMENTS[0]
    due = due[rng.random(len(due)) < np.where(large, 0.9, 0.35)]
    day = due.due_date - rng.integers(*TALK_BEFORE_DUE, len(due))
    talks = pd.DataFrame({"account": due.account, "week": clock.week_of(day)})
    return talks.assign(kind="renewal_talk")


def touchpoints(
    rng: np.random.Generator,
    family: Family,
    accounts: Accounts,
    active: Activity,
    contracts: Contracts,
    clock: Clock,
) -> pd.DataFrame:
    """The table `touchpoints`: what took place, with the day it was planned for."""
    talks = renewal_talks(rng, accounts, contracts, clock)
    done = pd.concat([rounds(rng, accounts, active), talks], ignore_index=True)
    size = len(done)
    planned = clock.first_day(done.week.to_numpy()) + rng.integers(0, 5, size)
    late = np.where(rng.random(size) < 0.25, rng.integers(1, 25, size), 0)
    missed = rng.random(size) < 0.12
    day, account = planned + late, done.account.to_numpy()
    happened = ~missed & (day >= clock.start) & (day < clock.until) & active.covers(account, day)
    column = np.clip(clock.week_of(day) - active.weeks[0], 0, len(active.weeks) - 1)
    ill = -active.health[account, column] + PERCEPTION_NOISE * rng.standard_normal(size)
    judged = done.kind.isin(JUDGED) & (rng.random(size) < 0.7)
    frame = pd.DataFrame(
        {
            "account_id": accounts.account_id[account],
            "second": day * DAY + rng.integers(8 * 3600, 17 * 3600, size),
            "kind": done.kind,
            "owner": accounts.owner[account],
            "planned_for": pd.to_datetime(planned, unit="D"),
            "risk_call": pd.Series(RISK_CALLS[np.digitize(ill, RISK_EDGES)]).where(judged),
        }
    )[happened]
    frame = frame.sort_values(["second", "account_id", "kind"], ignore_index=True)
    frame.insert(0, "touchpoint_id", [f"C{number:06d}" for number in range(1, len(frame) + 1)])
    frame = lateness.record(rng, family, frame, "second", clock.until)
    moments = {name: pd.to_datetime(frame[name], unit="s") for name in ("second", "recorded_at")}
    return frame.assign(**moments).rename(columns={"second": "occurred_at"})
