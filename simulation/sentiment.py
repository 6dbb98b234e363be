"""NPS: asked twice a year, answered by few, and the happy and the angry answer more."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

from simulation import lateness
from simulation.accounts import Accounts
from simulation.activity import Activity
from simulation.clock import DAY, Clock
from simulation.family import Family
from simulation.people import People

EVERY_WEEKS = 26
ASKED_AT_MOST = 6  # people an account and survey
COMMENTS = {
    "promoter": ("Saves us hours every week.", "Would not want to work without it."),
    "passive": ("Good, but reports could be faster.", "Does the job."),
    "detractor": ("Too many problems lately.", "We expected more for the price."),
}


def nps(
    rng: np.random.Generator,
    family: Family,
    accounts: Accounts,
    active: Activity,
    people: People,
    clock: Clock,
) -> pd.DataFrame:
    """The table `nps`: one row an answer."""
    turn = rng.integers(0, EVERY_WEEKS, len(accounts))
    asked = (active.weeks % EVERY_WEEKS == turn[:, None]) & (active.rows > 0)
    account, column = np.nonzero(asked)
    invited = np.minimum(active.people[account, column], ASKED_AT_MOST)
    account, column = np.repeat(account, invited), np.repeat(column, invited)
    health = active.health[account, column]
    feeling = 1.0 * health + rng.standard_normal(len(account))
    answers = rng.random(len(account)) < expit(-2.3 + 0.3 * feeling + 0.5 * (feeling < -1.5))
    account, column, feeling = account[answers], column[answers], feeling[answers]

    place = (active.people[account, column] * rng.random(len(account))).astype("int64")
    day = clock.first_day(active.weeks[column]) + rng.integers(0, 7, len(account))
    score = np.clip(np.round(7.6 + 1.5 * feeling), 0, 10).astype("int64")
    tone = np.select([score >= 9, score >= 7], ["promoter", "passive"], "detractor")
    says = rng.random(len(account)) < 0.35
    variant = rng.integers(0, 2, len(account))
    frame = pd.DataFrame(
        {
            "account_id": accounts.account_id[account],
            "second": day * DAY + rng.integers(7 * 3600, 20 * 3600, len(account)),
            "score": score,
            "user_id": people.user_ids(people.code(account, place, day)),
            "comment": [
                COMMENTS[name][number] if said else None
                for name, number, said in zip(tone, variant, says, strict=True)
            ],
        }
    )
    inside = (day >= clock.start) & (day < clock.until) & active.covers(account, day)
    frame = frame[inside].sort_values(["second", "account_id", "user_id"], ignore_index=True)
    frame.insert(0, "response_id", [f"N{number:06d}" for number in range(1, len(frame) + 1)])
    frame = lateness.record(rng, family, frame, "second", clock.until)
    moments = {name: pd.to_datetime(frame[name], unit="s") for name in ("second", "recorded_at")}
    return frame.assign(**moments).rename(columns={"second": "occurred_at"})
