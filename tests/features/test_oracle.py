"""The engine against the oracle: every default feature, on small worlds drawn to be awkward."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pandas as pd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.features import oracle
from tests.features.worked import features

BUSY = ["acme", "bolt", "coda"]
IDLE = [f"idle{number:02}" for number in range(18)]
LAST = date(2025, 3, 31)
MORNINGS = [date(2025, 3, 3), LAST]
EDGES = [-1, 0, 1, 2, 7, 8, 28, 29, 56, 57, 84, 91, 92, 182, 183, 210, 365, 366]
OPTIONAL = [
    ("usage", "user_id"), ("usage", "department"), ("usage", "minutes"), ("usage", "count"),
    ("tickets", "resolved_at"), ("tickets", "first_response_at"), ("tickets", "csat_at"),
    ("tickets", "reopened_at"), ("tickets", "priority"), ("touchpoints", "planned_for"),
    ("subscriptions", "booked_at"), ("subscriptions", "notice_at"), ("subscriptions", "seats"),
    ("subscriptions", "discount"), ("subscriptions", "product"),
    ("usage", ""), ("tickets", ""), ("nps", ""), ("touchpoints", ""),
]  # fmt: skip

age = st.sampled_from(EDGES) | st.integers(0, 120) | st.integers(0, 220)
account = st.sampled_from(BUSY)
second = st.sampled_from([0, 1, 43200, 86399])
days_later = st.none() | st.sampled_from([0, 1, 3, 28, 100])


@st.composite
def instants(draw):
    """A moment near a window's edge, seen from the last morning, to the second."""
    return datetime(2025, 3, 31) - timedelta(draw(age)) + timedelta(seconds=draw(second))


def later(moment, days, seconds=3600):
    """A moment some days after another; missing if there are no days."""
    return None if days is None else moment + timedelta(days, seconds)


@st.composite
def usage(draw):
    return {
        "account_id": draw(account),
        "occurred_at": draw(instants()),
        "feature": draw(st.sampled_from(["reports", "billing", "search"])),
        "user_id": draw(st.sampled_from(["ann", "bob", "cid", None])),
        "department": draw(st.sampled_from(["sales", "legal", None])),
        "count": draw(st.sampled_from([1, 1, 2.5, 40, 0, None])),
        "minutes": draw(st.sampled_from([0, 7.25, None])),
    }


@st.composite
def tickets(draw):
    opened = draw(instants())
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
def nps(draw):
    return {
        "account_id": draw(account),
        "occurred_at": draw(instants()),
        "score": draw(st.integers(0, 10)),
    }


@st.composite
def touchpoints(draw):
    moment = draw(instants())
    late = draw(st.sampled_from([None, -3, 0, 7, 8]))
    return {
        "account_id": draw(account),
        "occurred_at": moment,
        "kind": "call",
        "planned_for": None if late is None else moment.date() - timedelta(late),
    }


@st.composite
def subscriptions(draw):
    start = LAST - timedelta(draw(age))
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
    "usage": (usage(), "event_id", "occurred_at", 40),
    "tickets": (tickets(), "ticket_id", "opened_at", 10),
    "nps": (nps(), "response_id", "occurred_at", 8),
    "touchpoints": (touchpoints(), "touchpoint_id", "occurred_at", 8),
    "subscriptions": (subscriptions(), "subscription_id", "start_date", 8),
}


@st.composite
def rows_of(draw, name):
    """The rows of one table; without versions, the first version of each stands alone."""
    row, key, occurred, most = KINDS[name]
    rows, versioned = [], draw(st.booleans())
    for number in range(draw(st.integers(1, most) | st.just(most))):
        first = draw(row)
        moment = oracle.instant(first[occurred])
        recorded = moment + timedelta(draw(st.sampled_from([0, 0, 0, 1, 3, 40])))
        found = [first | {"recorded_at": recorded}]
        for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2])) if versioned else 0):
            recorded += timedelta(draw(st.sampled_from([0, 1, 20])), 60)
            found.append(draw(row) | {"recorded_at": recorded})
        rows += [version | {key: f"{name}{number}"} for version in found]
    if draw(st.sampled_from([True, True, False])):
        rows += steady_rows(name)
    columns = [c for c in rows[0] if versioned or c != "recorded_at"]
    return [{c: row[c] for c in columns} for row in rows], columns


def steady_rows(name):
    """Peers that use the product every fortnight, and a contract that lasts, for every window."""
    if name == "usage":
        return [
            {
                "account_id": idle,
                "occurred_at": datetime(2025, 3, 31) - timedelta(days_ago),
                "recorded_at": datetime(2025, 3, 31) - timedelta(days_ago),
                "feature": "search",
                "user_id": f"user{person}",
                "department": "sales",
                "count": 1,
                "minutes": 2,
                "event_id": f"{idle}-{person}-{days_ago}",
            }
            for person in range(4)
            for idle in IDLE[person::4]
            for days_ago in range(5, 220, 14)
        ]
    if name == "subscriptions":
        lasting = {column: None for column in ("term_end", "ended_at", "notice_at", "booked_at")}
        lasting |= {"start_date": date(2024, 1, 1), "recorded_at": datetime(2024, 1, 1)}
        lasting |= {"arr": 500, "seats": 4, "product": "base", "discount": 0.25, "auto_renew": True}
        return [lasting | {"account_id": name, "subscription_id": name} for name in BUSY]
    return []


@st.composite
def past_renewals(draw):
    """Settled renewals as known on each morning."""
    return [
        {
            "as_of": morning,
            "account_id": name,
            "due_date": morning - timedelta(draw(st.integers(90, 900))),
            "month_to_month": draw(st.booleans()),
            "status": draw(st.sampled_from(["renewed", "expanded", "contracted", "churned"])),
        }
        for morning in MORNINGS
        for name in draw(st.lists(account, max_size=4))
    ]


@st.composite
def worlds(draw):
    tables, columns = {}, {}
    for name in KINDS:
        tables[name], columns[name] = draw(rows_of(name))
    for table, column in draw(st.lists(st.sampled_from(OPTIONAL), max_size=3)):
        if not column:
            tables.pop(table, None)
            columns.pop(table, None)
        elif column in columns.get(table, []):
            columns[table].remove(column)
            tables[table] = [{c: row[c] for c in columns[table]} for row in tables[table]]
    if draw(st.booleans()):
        columns["product_features"] = ["feature", "is_key"]
        tables["product_features"] = [
            {"feature": feature, "is_key": draw(st.sampled_from([True, False, None]))}
            for feature in ("reports", "billing", "unused")
        ]
    return oracle.World(tables, columns, draw(past_renewals()))


@st.composite
def observations(draw):
    """What is observed of the busy accounts on the two mornings."""
    return [
        {
            "account_id": name,
            "as_of": morning,
            "arr": draw(st.sampled_from([None, 100.5])),
            "tenure_days": 500,
            "days_observed": draw(st.sampled_from([55, 56, 167, 168, 182, 182])),
            "days_to_due": draw(st.sampled_from([None, 0, 30])),
            "month_to_month": draw(st.sampled_from([None, True, False])),
            "industry": "mining" if name == "coda" else "retail",
        }
        for morning in MORNINGS
        for name in BUSY
    ]


def idle_observations():
    """Peers about whom little is known, so that there are enough to be ranked among."""
    columns = {"arr": None, "tenure_days": 9, "days_observed": 9, "days_to_due": None}
    columns |= {"month_to_month": None, "industry": "retail"}
    return [{"account_id": n, "as_of": day, **columns} for day in MORNINGS for n in IDLE]


def frame(rows, columns=None):
    return pd.DataFrame(rows, columns=columns, dtype=object)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(worlds(), observations())
def test_every_feature_is_what_the_oracle_says(world, observed):
    observed = observed + idle_observations()
    tables = {name: frame(rows, world.columns[name]) for name, rows in world.tables.items()}
    accounts = [{"account_id": name, "created_at": date(2020, 1, 1)} for name in BUSY + IDLE]
    renewals = ["as_of", "account_id", "due_date", "month_to_month", "status"]
    built = features(
        frame(observed),
        tables | {"accounts": frame(accounts)},
        frame(world.past_renewals, renewals),
    )
    expected = oracle.features(world, observed)
    expected.index = expected.index.set_levels(built.index.levels[1], level="as_of")
    assert set(built.columns) == set(expected.columns)
    for name in built:
        pd.testing.assert_series_equal(
            built[name], expected[name].reindex(built.index), rtol=1e-9, atol=1e-9
        )
