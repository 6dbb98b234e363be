"""Support: the everyday tickets of an account, and the bursts that incidents cause."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulation import lateness
from simulation.accounts import Accounts
from simulation.activity import Activity
from simulation.clock import DAY, Clock
from simulation.family import Family
from simulation.seasons import Seasons
from simulation.state import Hidden
from simulation.tone import worded

EVERYDAY = 0.035  # tickets a week, for the square root of the active people
PRIORITIES = np.array(["low", "normal", "high", "urgent"], object)
ANSWER_HOURS = np.array([9.0, 5.0, 2.5, 1.0])  # median, by priority
SOLVE_HOURS = np.array([50.0, 30.0, 16.0, 8.0])
SLOW = 6.0  # times longer when support is slow
OUTAGE = "outage"
SUBJECTS = {
    "how-to": (
        ("How do I share a dashboard?", "We want to show a dashboard to our management team."),
        ("Question about roles", "Which role may edit a plan template?"),
        ("Setting up recurring tasks", "Could you point us to the documentation?"),
    ),
    "bug": (
        ("Report shows wrong totals", "The totals differ from the table below."),
        ("Page does not load", "The board stays blank for several people since this morning."),
        ("Export is incomplete", "Rows are missing from the export of last week."),
    ),
    "integration": (
        ("Sync stopped", "Our data sync has not run since yesterday."),
        ("API returns an error", "Calls fail with a message we do not understand."),
    ),
    "billing": (
        ("Invoice address", "Please change the address on our invoice."),
        ("Question about seats", "How many seats do we pay for at present?"),
    ),
    "contract": (
        ("Full export of our data", "We need a complete export of everything we have stored."),
        ("Notice period", "By when would we have to tell you about changes to our contract?"),
    ),
    OUTAGE: (
        ("Nothing works", "Nobody here can sign in. When will this be fixed?"),
        ("Very slow today", "Every page takes half a minute; we cannot work."),
    ),
}
EVERYDAY_CATEGORIES = np.array([name for name in SUBJECTS if name != OUTAGE], object)


def everyday(
    rng: np.random.Generator, family: Family, active: Activity, seasons: Seasons
) -> pd.DataFrame:
    """Questions and bugs: the more people, and the worse the account feels, the more of them."""
    ill = np.exp(-family.ticket_health * active.health)
    expected = EVERYDAY * np.sqrt(active.people) * ill * (active.rows > 0)
    number = rng.poisson(expected)
    account, column = np.nonzero(number)
    times = number[account, column]
    account, column = np.repeat(account, times), np.repeat(column, times)
    health = active.health[account, column]
    mood = np.clip(0.25 - 0.08 * health, 0.02, 0.6)  # how often a matter is pressing
    pressing = (rng.random(len(account)) < mood).astype(int)
    weary = rng.random(len(account)) < np.clip(0.04 - 0.04 * health, 0.01, 0.25)
    plain = rng.choice(EVERYDAY_CATEGORIES[:-1], len(account), p=[0.4, 0.3, 0.2, 0.1])
    return pd.DataFrame(
        {
            "account": account,
            "day": seasons.pick(rng, active.calendar[account], active.weeks[column]),
            "priority": rng.choice([0, 1], len(account), p=[0.3, 0.7]) + pressing,
            "category": np.where(weary, EVERYDAY_CATEGORIES[-1], plain),
            "is_incident": False,
            "slow": rng.random(len(account)) < 0.08,
        }
    )


def bursts(
    rng: np.random.Generator, hidden: Hidden, active: Activity, clock: Clock
) -> pd.DataFrame:
    """Several urgent tickets within three days of each incident."""
    seen = hidden.incidents
    seen = seen[(seen.day >= clock.start) & (seen.day < clock.until)]
    column = clock.week_of(seen.day.to_numpy()) - active.weeks[0]
    number = rng.poisson(0.6 + 0.25 * np.sqrt(active.people[seen.account, column]))
    seen = seen.loc[seen.index.repeat(number)].reset_index(drop=True)
    return seen.assign(
        day=seen.day + rng.integers(0, 3, len(seen)),
        priority=rng.choice([2, 3], len(seen), p=[0.65, 0.35]),
        category=OUTAGE,
        is_incident=True,
    )


def tickets(
    rng: np.random.Generator,
    voice: np.random.Generator,
    family: Family,
    accounts: Accounts,
    hidden: Hidden,
    active: Activity,
    seasons: Seasons,
    clock: Clock,
) -> pd.DataFrame:
    """The table `tickets`: what is answered, solved or rated after the window is still empty.

    `voice` is the chance of its words.
    """
    found = pd.concat(
        [everyday(rng, family, active, seasons), bursts(rng, hidden, active, clock)],
        ignore_index=True,
    )
    open_day = (found.day >= clock.start) & (found.day < clock.until)
    found = found[open_day & active.covers(found.account.to_numpy(), found.day.to_numpy())]
    found = found.assign(opened=found.day * DAY + rng.integers(7 * 3600, 19 * 3600, len(found)))
    found = found.sort_values(["opened", "account"], ignore_index=True)
    size = len(found)

    def after(moment: pd.Series, median_hours: np.ndarray, spread: float) -> pd.Series:
        hours = median_hours * np.exp(spread * rng.standard_normal(size))
        return moment + (3600 * hours).astype("int64") + 60

    patience = np.where(found.slow, SLOW, 1.0)
    found["answered"] = after(found.opened, ANSWER_HOURS[found.priority] * patience, 0.8)
    found["solved"] = after(found.answered, SOLVE_HOURS[found.priority] * patience, 0.9)
    found["reopened"] = after(found.solved, np.full(size, 20.0), 1.0)
    reopens = rng.random(size) < np.where(found.slow, 0.14, 0.06)
    found["rated"] = after(found.solved, np.full(size, 12.0), 1.0)
    rates = rng.random(size) < 0.3
    column = np.minimum(clock.week_of(found.day.to_numpy()), active.weeks[-1]) - active.weeks[0]
    health = active.health[found.account, column]
    liked = 4.2 + 0.25 * health - 1.5 * found.slow + 0.9 * rng.standard_normal(size)
    found["csat"] = np.clip(np.round(liked), 1, 5).astype("int64")
    variant = rng.integers(0, 6, size)
    texts = [
        SUBJECTS[category][number % len(SUBJECTS[category])]
        for category, number in zip(found.category, variant, strict=True)
    ]
    subjects, bodies = worded(voice, family, health, texts)
    until = clock.until * DAY
    rated = rates & (found.rated < until)
    found = found.assign(
        ticket_id=[f"T{number:06d}" for number in range(1, size + 1)],
        account_id=accounts.account_id[found.account],
        priority=PRIORITIES[found.priority],
        answered=found.answered.where(found.answered < until),
        solved=found.solved.where(found.solved < until),
        reopened=found.reopened.where(reopens & (found.reopened < until)),
        csat=found.csat.where(rated).astype("Int64"),
        rated=found.rated.where(rated),
        subject=subjects,
        body=bodies,
    )
    return export(versions(rng, family, found, clock))


def versions(
    rng: np.random.Generator, family: Family, found: pd.DataFrame, clock: Clock
) -> pd.DataFrame:
    """The tickets as recorded, and again where a priority was mended or a row delivered twice."""
    first = found.assign(recorded_at=lateness.recorded(rng, family, found.opened.to_numpy(), 1.5))
    again, after = lateness.twice(rng, family, len(first))
    repeat = first.loc[again].assign(recorded_at=first.recorded_at[again] + after)
    wrong, mended = lateness.corrected(rng, family, len(first))
    right = first.loc[wrong].assign(
        recorded_at=first.recorded_at[wrong] + mended,
        priority=rng.choice(PRIORITIES, len(wrong)),
    )
    every = pd.concat([first, repeat, right])
    every = every[every.recorded_at < clock.until * DAY]
    return every.sort_values(["recorded_at", "ticket_id"], ignore_index=True)


def export(found: pd.DataFrame) -> pd.DataFrame:
    """The columns of the help desk's export, in its words."""

    def instant(column: str) -> pd.Series:
        return pd.to_datetime(found[column], unit="s")

    return pd.DataFrame(
        {
            "ticket_id": found.ticket_id,
            "account_id": found.account_id,
            "opened_at": instant("opened"),
            "first_response_at": instant("answered"),
            "resolved_at": instant("solved"),
            "priority": found.priority,
            "category": found.category,
            "is_incident": np.where(found.is_incident, "true", "false"),
            "reopened_at": instant("reopened"),
            "csat": found.csat,
            "csat_at": instant("rated"),
            "subject": found.subject,
            "body": found.body,
            "recorded_at": instant("recorded_at"),
        }
    )
