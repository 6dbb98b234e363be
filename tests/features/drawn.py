"""Small companies drawn to be awkward, and what is observed of them.

Dates lie near the edges of windows, seen from the mornings. There are ties and gaps, rows that are
told late, early or corrected to another day, account, person or feature, and rows taken away by a
correction before they were known; an account without any row, one with more people and features
than fit one machine word, and steady peers so that there is somebody to be ranked among.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pandas as pd
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.features import oracle
from tests.features.worked import features

BUSY = ["acme", "bolt", "coda", "giant"]
VOID = "void"
IDLE = [f"idle{number:02}" for number in range(18)]
ACCOUNTS = [*BUSY, VOID, *IDLE]
PEOPLE, FEATURES = 140, 75

CALENDARS = {
    "ends of months": [date(2025, 1, 31), date(2025, 2, 28), date(2025, 3, 1)],
    "around a leap day": [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 1)],
    "months": [date(2024, 12, 1), date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1)],
    "weeks": [date(2025, 3, 10), date(2025, 3, 17), date(2025, 3, 24), date(2025, 3, 31)],
    "neighbours": [date(2024, 12, 31), date(2025, 1, 1)],
}
OWN = "dates of one's own"
EDGES = [-1, 0, 1, 2, 7, 8, 28, 29, 56, 57, 84, 91, 92, 182, 183, 210, 365, 366, 450, 451]
OPTIONAL = [
    ("usage", "user_id"), ("usage", "department"), ("usage", "minutes"), ("usage", "count"),
    ("usage", "event_id"), ("product_features", "is_key"),
    ("tickets", "resolved_at"), ("tickets", "first_response_at"), ("tickets", "csat_at"),
    ("tickets", "reopened_at"), ("tickets", "priority"), ("touchpoints", "planned_for"),
    ("subscriptions", "booked_at"), ("subscriptions", "notice_at"), ("subscriptions", "seats"),
    ("subscriptions", "discount"), ("subscriptions", "product"),
    ("usage", ""), ("tickets", ""), ("nps", ""), ("touchpoints", ""),
]  # fmt: skip

settled_draws = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""The same worlds in every run, and no search for a smaller one that fails."""

age = st.sampled_from(EDGES) | st.integers(0, 120) | st.integers(0, 480)
account = st.sampled_from(BUSY)
second = st.sampled_from([0, 0, 1, 43200, 86399])
days_later = st.none() | st.sampled_from([0, 1, 3, 28, 100])


def mornings_of(name: str) -> list[date]:
    """The mornings of a calendar; for accounts with dates of their own, those of the busy ones."""
    return CALENDARS.get(name) or [day for each in BUSY for day in own_mornings(each)]


def own_mornings(name: str) -> list[date]:
    """The two mornings on which one account is asked about, and no other."""
    place = ACCOUNTS.index(name)
    first = date(2025, 2, 1) + timedelta(2 * place)
    return [first, first + timedelta(29 + place)]


def near(mornings):
    """A day near a window's edge, seen from one of the mornings."""
    return st.builds(lambda morning, age: morning - timedelta(age), st.sampled_from(mornings), age)


def instants(mornings):
    """A moment of such a day, to the second; several rows often share one."""
    return st.builds(
        lambda day, second: oracle.instant(day) + timedelta(seconds=second), near(mornings), second
    )


def later(moment, days, seconds=3600):
    """A moment some days after another; missing if there are no days."""
    return None if days is None else moment + timedelta(days, seconds)


@st.composite
def usage(draw, mornings):
    name = draw(account)
    people, features = ["ann", "bob", "cid", None], ["reports", "billing", "search"]
    if name == "giant":
        people = [*people, *(person(draw(st.integers(0, PEOPLE + 3))) for _ in range(4))]
        features = [*features, *(product(draw(st.integers(0, FEATURES + 3))) for _ in range(4))]
    return {
        "account_id": name,
        "occurred_at": draw(instants(mornings)),
        "feature": draw(st.sampled_from(features)),
        "user_id": draw(st.sampled_from(people)),
        "department": draw(st.sampled_from(["sales", "legal", None])),
        "count": draw(st.sampled_from([1, 1, 2.5, 40, 0, None])),
        "minutes": draw(st.sampled_from([0, 7.25, None])),
    }


@st.composite
def tickets(draw, mornings):
    opened = draw(instants(mornings))
    response, resolved, reopened, rated = (draw(days_later) for _ in range(4))
    return {
        "account_id": draw(account),
        "opened_at": opened,
        "first_response_at": later(opened, response, draw(st.sampled_from([0, 60, 5000]))),
        "resolved_at": later(opened, resolved),
        "reopened_at": later(opened, reopened),
        "priority": draw(st.sampled_from(["urgent", "Critical", "low", None])),
        "is_incident": draw(st.sampled_from([True, False, None])),
        "csat": draw(st.sampled_from([None, 1, 4.5])),
        "csat_at": later(opened, rated),
    }


@st.composite
def nps(draw, mornings):
    return {
        "account_id": draw(account),
        "occurred_at": draw(instants(mornings)),
        "score": draw(st.integers(0, 10)),
    }


@st.composite
def touchpoints(draw, mornings):
    moment = draw(instants(mornings))
    late = draw(st.sampled_from([None, -3, 0, 7, 8]))
    return {
        "account_id": draw(account),
        "occurred_at": moment,
        "kind": "call",
        "planned_for": None if late is None else moment.date() - timedelta(late),
    }


@st.composite
def subscriptions(draw, mornings):
    start = draw(near(mornings))
    ended, term, booked = draw(days_later), draw(st.sampled_from([None, 30, 365])), draw(days_later)
    end = None if ended is None else start + timedelta(ended)
    noticed = end and draw(days_later)
    return {
        "account_id": draw(account),
        "start_date": start,
        "term_end": None if term is None else start + timedelta(term),
        "ended_at": end,
        "arr": draw(st.sampled_from([0, 100, 250.5, 1000, None])),
        "notice_at": None if noticed is None else end - timedelta(noticed),
        "booked_at": None if booked is None else start - timedelta(booked),
        "seats": draw(st.sampled_from([0, 5, 10, None])),
        "product": draw(st.sampled_from(["base", "addon", None])),
        "discount": draw(st.sampled_from([0, 0.125, None])),
        "auto_renew": draw(st.sampled_from([True, False, None])),
    }


KINDS = {
    "usage": (usage, "event_id", "occurred_at", 40),
    "tickets": (tickets, "ticket_id", "opened_at", 10),
    "nps": (nps, "response_id", "occurred_at", 8),
    "touchpoints": (touchpoints, "touchpoint_id", "occurred_at", 8),
    "subscriptions": (subscriptions, "subscription_id", "start_date", 8),
}


@st.composite
def corrected(draw, row, first, recorded):
    """A later version: another row altogether, or the same one in another place."""
    if draw(st.booleans()):
        return draw(row)
    other = draw(row)
    moved = draw(st.sampled_from([["account_id"], ["user_id"], ["feature"], ["occurred_at"]]))
    return first | {column: other[column] for column in moved if column in other}


@st.composite
def rows_of(draw, name, mornings):
    """The rows of one table; without versions, the first version of each stands alone.

    A feed may be prompt and late by turns, or always told on the next day. A row may be told before
    it happens, so that a correction can take it away before anyone knew it.
    """
    kind, key, occurred, most = KINDS[name]
    row, versioned = kind(mornings), draw(st.booleans())
    nightly = name == "usage" and draw(st.sampled_from([True, False, False]))
    delays = [0, 0, 0, 1, 3, 40, -1, -30]
    rows = []
    for number in range(draw(st.integers(1, most) | st.just(most))):
        first = draw(row)
        if rows and draw(st.sampled_from([True, False, False])):
            first |= {column: rows[-1][column] for column in ("account_id", occurred)}
        moment = oracle.instant(first[occurred])
        recorded = moment + timedelta(draw(st.sampled_from(delays)))
        if nightly:
            recorded = oracle.instant(moment.date()) + timedelta(1, 3 * 3600)
        found = [first | {"recorded_at": recorded}]
        for _ in range(draw(st.sampled_from([0, 0, 1, 2])) if versioned else 0):
            recorded += timedelta(draw(st.sampled_from([0, 1, 20])), 60)
            found.append(draw(corrected(row, first, recorded)) | {"recorded_at": recorded})
        if draw(st.sampled_from([False] * 9 + [True])):
            found[0]["recorded_at"] = None
        rows += [version | {key: f"{name}{number}"} for version in found]
    if draw(st.sampled_from([True, True, False])):
        rows += steady_rows(name, max(mornings), nightly)
    if name == "usage":
        for row in draw(st.lists(st.sampled_from(rows), max_size=4)):
            rows.append(row | {"event_id": None})
    columns = [column for column in rows[0] if versioned or nightly or column != "recorded_at"]
    return [{column: row[column] for column in columns} for row in rows], columns


def person(number):
    return f"person {number:03}"


def product(number):
    return f"product {number:02}"


def steady_rows(name, last, nightly):
    """Peers that use the product every fortnight, a giant of many people and features who come and
    go, and a contract that lasts, for every window."""
    if name == "usage":
        used = [
            (idle, f"user{number % 4}", "search", days_ago)
            for number, idle in enumerate(IDLE)
            for days_ago in range(5, 220, 14)
        ]
        used += [
            ("giant", person(number), product((number + turn) % FEATURES), 1 + moved % 200)
            for number in range(PEOPLE)
            for turn, moved in enumerate([37 * number, 53 * number + 11])
        ]
        return [
            {
                "account_id": account,
                "occurred_at": oracle.instant(last) - timedelta(days_ago),
                "recorded_at": oracle.instant(last) - timedelta(days_ago - nightly),
                "feature": feature,
                "user_id": user,
                "department": "sales",
                "count": 1,
                "minutes": 2,
                "event_id": f"{account}-{user}-{days_ago}",
            }
            for account, user, feature, days_ago in dict.fromkeys(used)
        ]
    if name == "subscriptions":
        lasting = {column: None for column in ("term_end", "ended_at", "notice_at", "booked_at")}
        lasting |= {"start_date": date(2023, 1, 1), "recorded_at": datetime(2023, 1, 1)}
        lasting |= {"arr": 500, "seats": 4, "product": "base", "discount": 0.25, "auto_renew": True}
        return [lasting | {"account_id": name, "subscription_id": name} for name in BUSY]
    return []


@st.composite
def catalogues(draw, mornings):
    """The product's features, some in versions, some never used, and some not listed."""
    versioned = draw(st.sampled_from([True, True, False]))
    rows = [{"feature": product(number), "is_key": True} for number in range(0, FEATURES, 2)]
    changes = st.builds(
        lambda morning, age: morning - timedelta(age), st.sampled_from(mornings), st.integers(0, 60)
    )
    for feature in ("reports", "billing", "unused"):
        days = sorted(draw(st.sets(changes, min_size=1, max_size=3))) if versioned else []
        first, *later_flags = [draw(st.sampled_from([True, False, None])) for _ in [None, *days]]
        if first is not None or not versioned:
            rows.append({"feature": feature, "is_key": first})
        rows += [
            {
                "feature": feature,
                "is_key": is_key,
                "recorded_at": oracle.instant(day) + timedelta(seconds=draw(second)),
            }
            for day, is_key in zip(days, later_flags, strict=True)
        ]
    columns = ["feature", "is_key", *(["recorded_at"] if versioned else [])]
    return [{column: row.get(column) for column in columns} for row in rows], columns


@st.composite
def past_renewals(draw, observations):
    """Settled renewals as known on each morning."""
    asked = {(row["as_of"], row["account_id"]) for row in observations}
    return [
        {
            "as_of": morning,
            "account_id": name,
            "due_date": morning - timedelta(due),
            "month_to_month": draw(st.booleans()),
            "status": draw(st.sampled_from(["renewed", "expanded", "contracted", "churned"])),
        }
        for morning, name in sorted(asked)
        if name in BUSY
        for due in draw(st.sets(st.integers(90, 900), max_size=3))
    ]


@st.composite
def worlds(draw, calendar):
    """A world whose accounts are asked about on the mornings of a calendar."""
    mornings, observed = mornings_of(calendar), draw(observations(calendar))
    tables, columns = {}, {}
    for name in KINDS:
        tables[name], columns[name] = draw(rows_of(name, mornings))
    if draw(st.sampled_from([True, True, False])):
        tables["product_features"], columns["product_features"] = draw(catalogues(mornings))
    for table, column in draw(st.lists(st.sampled_from(OPTIONAL), max_size=3)):
        if not column:
            tables.pop(table, None)
            columns.pop(table, None)
        elif column in columns.get(table, []):
            columns[table].remove(column)
            tables[table] = [{c: row[c] for c in columns[table]} for row in tables[table]]
    return oracle.World(tables, columns, draw(past_renewals(observed)), observed)


@st.composite
def observations(draw, calendar):
    """What is observed of every account on its mornings; little is known of the peers."""
    rows = []
    for name in ACCOUNTS:
        for morning in CALENDARS.get(calendar) or own_mornings(name):
            known = {"arr": None, "tenure_days": 9, "days_observed": 9, "days_to_due": None}
            known |= {"month_to_month": None, "industry": "retail"}
            if name not in IDLE:
                known |= {
                    "arr": draw(st.sampled_from([None, 100.5])),
                    "tenure_days": 500,
                    "days_observed": draw(st.sampled_from([5, 55, 56, 91, 167, 168, 182, 182])),
                    "days_to_due": draw(st.sampled_from([None, 0, 30])),
                    "month_to_month": draw(st.sampled_from([None, True, False])),
                    "industry": {"coda": "mining", VOID: None}.get(name, "retail"),
                }
            rows.append({"account_id": name, "as_of": morning, **known})
    return rows


def asked(world, families=None, engine=features):
    """What an engine says of a world, from tables of text."""
    tables = {name: frame(rows, world.columns[name]) for name, rows in world.tables.items()}
    accounts = [{"account_id": n, "created_at": date(2020, 1, 1)} for n in ACCOUNTS]
    renewals = ["as_of", "account_id", "due_date", "month_to_month", "status"]
    renewals = frame(world.past_renewals, renewals)
    return engine(
        frame(world.observations), tables | {"accounts": frame(accounts)}, renewals, families
    )


def frame(rows, columns=None):
    return pd.DataFrame(rows, columns=columns, dtype=object)
