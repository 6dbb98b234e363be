"""The usage log: who used which feature when, how many times and for how long."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from simulation import lateness
from simulation.accounts import Accounts
from simulation.activity import Activity
from simulation.clock import DAY, Clock
from simulation.family import Family
from simulation.people import DEPARTMENTS, People
from simulation.product import NIGHTLY, POPULAR
from simulation.seasons import Seasons

BUSIEST_FIRST = 1.4  # 1: all people alike; more: the first places do more of the work
POPULAR_FIRST = 1.6  # the same for features
NOBODY = -1
EVENT_DIGITS = 9


@dataclass(frozen=True)
class Events:
    """Arrays with one entry an event."""

    account: np.ndarray
    person: np.ndarray  # people.People.code, or NOBODY
    feature: np.ndarray  # position in POPULAR
    department: np.ndarray  # position in DEPARTMENTS, or NOBODY
    second: np.ndarray  # since 1970-01-01
    count: np.ndarray
    minutes: np.ndarray

    def __len__(self) -> int:
        return len(self.account)

    def take(self, rows: np.ndarray) -> Events:
        """Some of the events, in that order."""
        return Events(**{name: column[rows] for name, column in vars(self).items()})

    @staticmethod
    def joined(parts: list[Events]) -> Events:
        """One after the other."""
        names = vars(parts[0])
        return Events(**{n: np.concatenate([vars(part)[n] for part in parts]) for n in names})


def sessions(
    rng: np.random.Generator,
    family: Family,
    accounts: Accounts,
    active: Activity,
    people: People,
    seasons: Seasons,
) -> Events:
    """What people do: the first places do more, and the popular features are used more."""
    number = rng.poisson(active.rows)
    account, column = (place.astype("int32") for place in np.nonzero(number))
    times = number[account, column]
    account, column = np.repeat(account, times), np.repeat(column, times)
    size = len(account)

    day = seasons.pick(rng, active.calendar[account], active.weeks[column])
    hour = 7 * 3600 + 11 * 3600 * rng.beta(2, 2, size)
    share = rng.random(size) ** BUSIEST_FIRST
    place = (active.people[account, column] * share).astype("int64")
    tastes = np.arange(len(POPULAR)) + 7 * rng.standard_normal((len(accounts), len(POPULAR)))
    used = np.maximum(1, np.round(active.depth[account, column] * len(POPULAR)))
    rank = (used * rng.random(size) ** POPULAR_FIRST).astype("int64")
    lift = np.exp(0.1 * active.health[account, column])
    return Events(
        account=account,
        person=people.code(account, place, day),
        feature=np.argsort(tastes, axis=1).astype("int32")[account, rank],
        department=people.department[people.first[account] + place].astype("int32"),
        second=day * DAY + hour.astype("int64"),
        count=1 + rng.poisson(3 * lift * rng.standard_exponential(size)),
        minutes=np.round(rng.standard_gamma(1.5, size) * 6 * lift, 1),
    )


def integrations(rng: np.random.Generator, accounts: Accounts, clock: Clock) -> Events:
    """Machines that call the product every night, however the people feel about it."""
    days = np.arange(clock.start, clock.until)
    which = np.flatnonzero(accounts.automated)
    account = np.repeat(which.astype("int32"), len(days))
    day = np.tile(days, len(which))
    usual = np.exp(rng.normal(5, 1, len(accounts)))
    size = len(account)
    return Events(
        account=account,
        person=np.full(size, NOBODY),
        feature=np.full(size, POPULAR.index(NIGHTLY), "int32"),
        department=np.full(size, NOBODY, "int32"),
        second=day * DAY + 2 * 3600 + rng.integers(0, 5400, size),
        count=1 + rng.poisson(usual[account]),
        minutes=np.zeros(size),
    )


def deliveries(
    rng: np.random.Generator, family: Family, events: Events, clock: Clock
) -> tuple[Events, np.ndarray, np.ndarray]:
    """The log's rows with repeats: the events, their numbers, the seconds they were recorded."""
    size = len(events)
    recorded = lateness.recorded(rng, family, events.second)
    again, after = lateness.twice(rng, family, len(events))
    wrong, mended = lateness.corrected(rng, family, len(events))
    right = events.take(wrong)
    counted = np.maximum(1, np.round(right.count * rng.choice([0.5, 2, 3], len(wrong))))
    moved = np.where(rng.random(len(wrong)) < 0.3, rng.integers(60, 6 * 3600, len(wrong)), 0)
    right = replace(
        right,
        count=counted.astype("int64"),
        minutes=np.round(right.minutes * rng.choice([0.5, 1.0, 1.5], len(wrong)), 1),
        second=np.maximum(right.second - moved, right.second // DAY * DAY - DAY // 4),
    )
    number = np.concatenate([np.arange(size), again, wrong])
    repeated = recorded[again] + after
    recorded = np.concatenate([recorded, repeated, recorded[wrong] + mended])
    second = np.concatenate([events.second, events.second[again], right.second])
    known = np.flatnonzero((recorded < clock.until * DAY) & (second >= clock.start * DAY))
    order = known[in_order(recorded[known], number[known])]
    rows = events.take(number[order])
    mends = np.flatnonzero(order >= size + len(again))
    which = order[mends] - size - len(again)
    for name in ("count", "minutes", "second"):
        vars(rows)[name][mends] = vars(right)[name][which]
    return rows, number[order], recorded[order]


def in_order(moment: np.ndarray, number: np.ndarray) -> np.ndarray:
    """The places of moments (seconds since 1970-01-01) in time, the smaller number first.

    >>> in_order(np.array([9, 4, 4]), np.array([0, 2, 1])).tolist()
    [2, 1, 0]
    """
    return np.argsort((moment << 32) + number)


def usage(
    rng: np.random.Generator,
    family: Family,
    accounts: Accounts,
    active: Activity,
    people: People,
    seasons: Seasons,
    clock: Clock,
) -> pa.Table:
    """The table `usage` in the order in which its rows were recorded."""
    events = Events.joined(
        [
            sessions(rng, family, accounts, active, people, seasons),
            integrations(rng, accounts, clock),
        ]
    )
    day = events.second // DAY
    inside = (day >= clock.start) & (day < clock.until) & active.covers(events.account, day)
    inside = np.flatnonzero(inside)
    events = events.take(inside[in_order(events.second[inside], inside)])
    rows, number, recorded = deliveries(rng, family, events, clock)
    nobody = rows.person == NOBODY
    met = np.zeros(people.codes, bool)
    met[rows.person[~nobody]] = True
    codes, place = np.flatnonzero(met), np.cumsum(met, dtype="int32") - 1
    return pa.table(
        {
            "event_id": event_ids(number),
            "account_id": named(rows.account, accounts.account_id),
            "user_id": named(place[rows.person], people.user_ids(codes), nobody),
            "occurred_at": pa.array(rows.second.astype("datetime64[s]")).cast(pa.timestamp("us")),
            "feature": named(rows.feature, np.array(POPULAR, object)),
            "count": rows.count,
            "minutes": rows.minutes,
            "department": named(rows.department, DEPARTMENTS, nobody),
            "recorded_at": pa.array(recorded.astype("datetime64[s]")).cast(pa.timestamp("us")),
        }
    )


def event_ids(number: np.ndarray) -> pa.Array:
    """Texts of a fixed width.

    >>> event_ids(np.array([70])).to_pylist()
    ['ev000000070']
    """
    letters = np.full((len(number), 2 + EVENT_DIGITS), ord("0"), "uint8")
    letters[:, :2] = ord("e"), ord("v")
    rest = number.astype("uint32")
    for place in range(EVENT_DIGITS):
        letters[:, -1 - place] += (rest % 10).astype("uint8")
        rest //= 10
    ends = pa.array(np.arange(len(number) + 1) * letters.shape[1]).cast(pa.int32())
    return pa.StringArray.from_buffers(len(number), ends.buffers()[1], pa.py_buffer(letters))


def named(places: np.ndarray, names: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Texts by their position in a list of names."""
    return pa.DictionaryArray.from_arrays(
        pa.array(places.astype("int32"), mask=missing), pa.array(names, pa.string())
    )
