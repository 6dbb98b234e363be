"""The laws of time, as functions: what of a company's answers must not move, and by what.

A law takes `ask` (tables and mornings -> everything known on them) and a world, and lists how it is
broken. It knows nothing of the engine, so that it can be held against a builder that leaks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pandas as pd

from features import contracts, observations
from features.facts import build_facts
from features.feature import build
from tests.features.worked import write_tables

Tables = Mapping[str, pd.DataFrame]
Ask = Callable[[Tables, list[date]], pd.DataFrame]

GRACE, HORIZON = 30, 120
INDEX = ["account_id", "as_of"]

OCCURRED = {
    "accounts": ["created_at"], "subscriptions": ["booked_at", "start_date"],
    "usage": ["occurred_at"], "tickets": ["opened_at"], "nps": ["occurred_at"],
    "touchpoints": ["occurred_at"],
}  # fmt: skip
WRITTEN_LATER = {
    "tickets": {
        "first_response_at": ["first_response_at"], "resolved_at": ["resolved_at"],
        "reopened_at": ["reopened_at"], "csat_at": ["csat_at"],
    },
    "subscriptions": {"notice_at": ["notice_at"], "ended_at": ["notice_at", "ended_at"]},
}  # fmt: skip


@dataclass(frozen=True)
class World:
    """A company's tables, as text, and the mornings on which it is asked about."""

    tables: Tables
    mornings: list[date]


def ask(tables: Tables, mornings: list[date], families: list[str] | None = None) -> pd.DataFrame:
    """Observations and features as the pipeline builds them, on the index (account_id, as_of)."""
    with TemporaryDirectory() as place, duckdb.connect(config={"threads": 1}) as con:
        raw, facts = Path(place, "tables"), Path(place, "facts")
        raw.mkdir()
        write_tables(raw, tables)
        build_facts(con, raw, facts, static=["country", "industry"])
        renewals = contracts.past_renewals(con, facts, mornings, grace=GRACE).df()
        observed = observations.observe(
            con, facts, mornings=mornings, grace=GRACE, horizon=HORIZON,
            data_from=date(2024, 1, 1), static=["country", "industry"],
        )  # fmt: skip
        past = renewals.rename(columns={"by": "as_of"})
        features = build(con, observed, facts, past, families=families)
    renamed = observed.set_index(INDEX).add_prefix("observed ")
    return features.set_index(INDEX).join(renamed, validate="one_to_one").sort_index()


def known(name: str, rows: pd.DataFrame) -> pd.Series:
    """When each row of a table could be known: the later of its happening and its recording."""
    happened = rows[[c for c in OCCURRED[name] if c in rows]].bfill(axis=1).iloc[:, 0]
    moments = pd.to_datetime(happened, format="ISO8601")
    if "recorded_at" in rows:
        moments = pd.concat([moments, instants(rows["recorded_at"])], axis=1).max(axis=1)
    return moments


def instants(column: pd.Series) -> pd.Series:
    """ISO text as instants."""
    return pd.to_datetime(column, format="ISO8601")


def without_future(tables: Tables, morning: date) -> Tables:
    """The tables as they stood on a morning: rows and late columns known before it."""
    left = dict(tables)
    for name in OCCURRED.keys() & tables.keys():
        rows = tables[name]
        rows = rows[known(name, rows) < pd.Timestamp(morning)].copy()
        hidden = {}
        for column, tellers in WRITTEN_LATER.get(name, {}).items():
            told = pd.concat([instants(rows[teller]) for teller in tellers], axis=1).min(axis=1)
            hidden[column] = rows[column].where(told < pd.Timestamp(morning), None)
        if name == "tickets":
            told = instants(rows["csat_at"]).fillna(instants(rows["resolved_at"]))
            hidden["csat"] = rows["csat"].where(told < pd.Timestamp(morning), None)
        left[name] = rows.assign(**hidden)
    return left


def differences(before: pd.DataFrame, after: pd.DataFrame, what: str) -> list[str]:
    """Which columns are not the same, to the bit, in two answers to the same question."""
    if not before.index.equals(after.index):
        return [f"{what}: other accounts are asked about"]
    return [
        f"{what}: {name} moves"
        for name in before
        if not before[name].astype(object).where(before[name].notna(), "missing").equals(
            after[name].astype(object).where(after[name].notna(), "missing")
        )
    ]  # fmt: skip


def erasing_the_future(ask: Ask, world: World, was: pd.DataFrame) -> Iterator[str]:
    """What is not yet known on a morning may as well not exist, nor the other mornings."""
    for morning in world.mornings:
        then = ask(without_future(world.tables, morning), [morning])
        yield from differences(on(was, morning), then, f"future of {morning} erased")


def news_of_the_morning(ask: Ask, world: World, was: pd.DataFrame) -> Iterator[str]:
    """What happens on the morning is future; what happened before is, until it is recorded."""
    for morning in world.mornings:
        then = ask(with_news(world.tables, morning), [morning])
        yield from differences(on(was, morning), then, f"news of {morning} told")


def shuffling_rows(ask: Ask, world: World, was: pd.DataFrame) -> Iterator[str]:
    """The order of rows means nothing."""
    mixed = {name: rows.sample(frac=1, random_state=5) for name, rows in world.tables.items()}
    yield from differences(was, ask(mixed, world.mornings), "rows shuffled")


def renaming_accounts(ask: Ask, world: World, was: pd.DataFrame) -> Iterator[str]:
    """The name of an account means nothing, not even its place in the alphabet."""
    names = sorted(world.tables["accounts"]["account_id"].unique())
    new = {name: f"renamed-{len(names) - place:03}" for place, name in enumerate(names)}
    renamed = {
        name: rows.assign(account_id=rows["account_id"].map(new)) if "account_id" in rows else rows
        for name, rows in world.tables.items()
    }
    old = {after: before for before, after in new.items()}
    after = ask(renamed, world.mornings).rename(index=old, level="account_id")
    yield from differences(was, after.sort_index(), "accounts renamed")


Law = Callable[[Ask, World, pd.DataFrame], Iterator[str]]
LAWS: tuple[Law, ...] = (
    erasing_the_future, news_of_the_morning, shuffling_rows, renaming_accounts,
)  # fmt: skip


def violations(ask: Ask, world: World, laws: tuple[Law, ...] = LAWS) -> list[str]:
    """How the laws of time are broken; nothing if they hold."""
    was = ask(world.tables, world.mornings)
    return [fault for law in laws for fault in law(ask, world, was)]


def on(answers: pd.DataFrame, morning: date) -> pd.DataFrame:
    """The answers of one morning."""
    return answers[answers.index.get_level_values("as_of") == pd.Timestamp(morning)]


def with_news(tables: Tables, morning: date) -> Tables:
    """The tables with more that becomes known at the first instant of a morning.

    Each account gets a row of each sort that happens then, and one that happened long before and is
    recorded then; and each row known before is corrected then.
    """
    accounts = tables["accounts"]["account_id"].unique()
    first_instant = f"{morning}T00:00:00"
    more = dict(tables)
    for name, (key, correction) in NEWS.items():
        rows = tables[name]
        extra = rows.drop_duplicates("account_id").set_index("account_id").reindex(accounts)
        extra = extra.ffill().bfill().reset_index()
        extra = extra.assign(
            **dict.fromkeys(WRITTEN_LATER.get(name, {})), recorded_at=first_instant
        )
        (occurred,) = OCCURRED[name]
        ids = [f"news-{number}" for number in range(2 * len(extra))]
        today = extra.assign(**{key: ids[::2], occurred: first_instant})
        before = f"{morning - timedelta(9)}T12:00:00"
        late = extra.assign(**{key: ids[1::2], occurred: before})
        again = rows[known(name, rows) < pd.Timestamp(morning)]
        again = again.assign(recorded_at=first_instant, **correction)
        more[name] = pd.concat([rows, today, late, again], ignore_index=True)
    return more


NEWS: dict[str, tuple[str, dict[str, str]]] = {
    "usage": ("event_id", {"count": "77", "minutes": "7"}),
    "tickets": ("ticket_id", {"priority": "urgent", "is_incident": "true"}),
    "nps": ("response_id", {"score": "0"}),
    "touchpoints": ("touchpoint_id", {"planned_for": "2024-12-24"}),
}
"""The tables in which there is news: their keys, and what a correction says."""


def company(seed: int, accounts: int = 6) -> World:
    """A small company with gaps, ties at midnight, late rows, corrections and notices."""
    draw = np.random.default_rng(seed)
    names = [f"account-{number}" for number in range(accounts)]
    mornings = [date(2025, 2, 1), date(2025, 3, 1)]
    edges = [datetime(2025, 2, 1), datetime(2025, 3, 1), datetime(2025, 2, 28, 23, 59, 59)]

    def moments(count: int, first: datetime = datetime(2024, 6, 1), days: int = 320) -> list:
        free = [
            first + timedelta(days=int(day), seconds=int(second))
            for day, second in zip(
                draw.integers(0, days, count), draw.integers(0, 86400, count), strict=True
            )
        ]
        return [edges[n % 3] if n % 9 == 0 else moment for n, moment in enumerate(free)]

    def later(when: list, share: float, days: int) -> list:
        return [
            moment + timedelta(hours=int(draw.integers(1, 24 * days)))
            if draw.random() < share
            else None
            for moment in when
        ]

    def text(values) -> list:
        return [
            None if value is None else getattr(value, "isoformat", value.__str__)()
            for value in values
        ]

    def recorded(when: list, prompt: float = 0.8) -> list:
        gaps = [0 if draw.random() < prompt else int(draw.integers(1, 60)) for _ in when]
        return [moment + timedelta(days=gap) for moment, gap in zip(when, gaps, strict=True)]

    def versioned(rows: pd.DataFrame, column: str) -> pd.DataFrame:
        again = rows.sample(frac=0.2, random_state=seed)
        moved = instants(again[column]) + pd.to_timedelta(draw.integers(-40, 40, len(again)), "D")
        written = instants(again["recorded_at"]) + pd.to_timedelta(
            draw.integers(1, 50, len(again)), "D"
        )
        again = again.assign(
            recorded_at=written.dt.strftime("%Y-%m-%dT%H:%M:%S").to_numpy(),
            **{column: moved.dt.strftime("%Y-%m-%dT%H:%M:%S").to_numpy()},
        )
        return pd.concat([rows, again], ignore_index=True)

    def some(choices: list, count: int) -> list:
        return [choices[n] for n in draw.integers(0, len(choices), count)]

    used, count = moments(220), 220
    usage = pd.DataFrame({
        "account_id": some(names, count), "occurred_at": text(used),
        "feature": some(["reports", "billing", "search", "alerts"], count),
        "event_id": [f"e{n}" for n in range(count)],
        "user_id": some(["ann", "bob", "cid", None], count),
        "count": some(["1", "2", "2.5", None], count), "minutes": some(["3", "0.1", None], count),
        "department": some(["sales", "legal"], count), "recorded_at": text(recorded(used)),
    }, dtype=object)  # fmt: skip
    opened, count = moments(50), 50
    answered, solved = later(opened, 0.8, 3), later(opened, 0.7, 40)
    tickets = pd.DataFrame({
        "ticket_id": [f"t{n}" for n in range(count)], "account_id": some(names, count),
        "opened_at": text(opened), "first_response_at": text(answered),
        "resolved_at": text(solved), "priority": some(["urgent", "low", None], count),
        "is_incident": some(["true", "false"], count),
        "reopened_at": text(later(opened, 0.2, 50)), "csat": some(["1", "5", None], count),
        "csat_at": text(later(opened, 0.6, 60)), "recorded_at": text(recorded(opened)),
    }, dtype=object)  # fmt: skip
    given, count = moments(30), 30
    nps = pd.DataFrame({
        "response_id": [f"n{n}" for n in range(count)], "account_id": some(names, count),
        "occurred_at": text(given), "score": some(["0", "6", "9", "10"], count),
        "recorded_at": text(recorded(given)),
    }, dtype=object)  # fmt: skip
    met, count = moments(30), 30
    touchpoints = pd.DataFrame({
        "touchpoint_id": [f"c{n}" for n in range(count)], "account_id": some(names, count),
        "occurred_at": text(met), "kind": some(["call", "review"], count),
        "planned_for": some(["2025-01-10", "2025-02-20", None], count),
        "recorded_at": text(recorded(met)),
    }, dtype=object)  # fmt: skip
    tables = {
        "accounts": pd.DataFrame({
            "account_id": names, "created_at": "2024-01-01T00:00:00",
            "industry": some(["retail", "mining"], accounts), "segment": "small",
        }, dtype=object),
        "subscriptions": _subscriptions(draw, names),
        "usage": versioned(usage, "occurred_at"), "tickets": versioned(tickets, "opened_at"),
        "nps": versioned(nps, "occurred_at"), "touchpoints": versioned(touchpoints, "occurred_at"),
        "product_features": pd.DataFrame(
            {"feature": ["reports", "search"], "is_key": ["true", "true"]}, dtype=object
        ),
    }  # fmt: skip
    return World(tables, mornings)


def _subscriptions(draw: np.random.Generator, names: list[str]) -> pd.DataFrame:
    """One year from 2024, then a second row, a notice or an end, some recorded late."""
    rows = []
    for number, name in enumerate(names):
        start = date(2024, 1, 15) + timedelta(int(draw.integers(0, 60)))
        due, seats = start.replace(year=2025), int(draw.integers(1, 20))
        row = {
            "subscription_id": f"s{number}", "account_id": name, "start_date": start,
            "term_end": due, "ended_at": None, "arr": int(draw.integers(1, 9)) * 1000,
            "notice_at": None, "booked_at": start - timedelta(10), "product": "core",
            "plan": "basic", "seats": seats, "discount": 0.1, "auto_renew": True,
            "recorded_at": datetime.combine(start, datetime.min.time()),
        }  # fmt: skip
        rows.append(row)
        told = due - timedelta(int(draw.integers(1, 40)))
        written = datetime.combine(told, datetime.min.time()) + timedelta(int(draw.integers(0, 20)))
        if number % 3 == 0:
            rows.append({**row, "notice_at": told, "ended_at": due, "auto_renew": False,
                         "plan": "leaving", "recorded_at": written})  # fmt: skip
        if number % 3 == 1:
            rows.append({**row, "ended_at": due, "recorded_at": written + timedelta(30)})
            rows.append({**row, "subscription_id": f"s{number}b", "start_date": due,
                         "term_end": due.replace(year=2026), "booked_at": told, "plan": "big",
                         "seats": seats * 2, "recorded_at": written})  # fmt: skip
    return pd.DataFrame(rows, dtype=object)
