"""From observations and facts to answers: load what is near, run each pass, join on the index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

import duckdb

from features import sets
from features.asked import Asked
from features.definition import Aggregate, Definition, order
from features.expression import Need
from features.facts import KEYS, READABLE, supplied
from features.loading import MOMENTS, load, nearest
from features.parts import names, quoted, reaching, source
from features.passes import (
    Answers,
    Pass,
    answers,
    bound,
    covers,
    flag,
    joined,
    needs_of,
    passes,
    rank,
    ranked,
    relation,
)
from features.past import PAST, Table, calendar, past
from features.rollups import ROLLUPS
from features.window import Window, ages

SAME_DAYS = {"feature_days": "account_days"}
"""Rollups with a row of any account on exactly the days of a smaller one."""


def answer(
    work: duckdb.DuckDBPyConnection,
    asked: Asked,
    facts: Path,
    chosen: Sequence[Definition],
    runs: Iterable[Sequence[date]],
) -> Iterator[list[date]]:
    """Create the relation `answered` of one batch of mornings after the other, and yield these.

    It has account_id, as_of and a column a feature. The relations `asked` and `renewals` are there;
    a run of mornings is not divided.
    """
    plan = order(chosen)
    columns = {
        name: frozenset(of)
        for name, of in supplied(facts).items()
        if name in READABLE and (name not in ROLLUPS or names(facts / name))
    }
    if "feature_days" in columns:
        columns["feature_days"] |= {"is_key", "key_features"}
    if asked.renewals is not None:
        columns["renewals"] = frozenset(asked.renewals)
    found = passes(plan, columns)
    for batch in asked.batches(runs):
        _observe(work, batch)
        tables = _tables(work, facts, columns, found, batch)
        for key, group in found.items():
            rows = _rows(work, key, group, tables[key.table], found, asked.shared(batch), facts)
            work.execute(f"CREATE OR REPLACE TEMP TABLE {key.relation} AS {rows}")
        outages = set()
        for name, (windows, agos) in covers(found).items():
            rows = _cover(facts, tables[name], windows, agos, batch)
            work.execute(f'CREATE OR REPLACE TEMP TABLE "cover {name}" AS {rows}')
            for ago in agos:
                quiet = _quiet(work, name, windows, ago)
                outages |= {(name, ago, window) for window in quiet}
        told = Answers(found, asked.columns, outages)
        for d in ranked(plan):
            work.execute(f"CREATE OR REPLACE TEMP TABLE {relation(d)} AS {rank(d, told)}")
        sql = joined(chosen, plan, told)
        work.execute(f"CREATE OR REPLACE TABLE answered AS {sql}")
        yield batch


def _observe(work: duckdb.DuckDBPyConnection, batch: Sequence[date]) -> None:
    """Create the observations of some mornings, and the numbers of their accounts."""
    listed = ", ".join(f"DATE '{morning}'" for morning in batch)
    work.execute(
        "CREATE OR REPLACE TEMP TABLE account_codes AS SELECT account_id, "
        "CAST(row_number() OVER (ORDER BY account_id) AS INTEGER) AS account "
        f"FROM (SELECT DISTINCT account_id FROM asked WHERE morning IN ({listed}))"
    )
    work.execute(
        "CREATE OR REPLACE TEMP TABLE observed AS SELECT a.account, o.* FROM asked o "
        f"JOIN account_codes a ON a.account_id = o.account_id WHERE o.morning IN ({listed}) "
        "ORDER BY o.morning, a.account"
    )


def _tables(
    work: duckdb.DuckDBPyConnection,
    facts: Path,
    columns: dict[str, frozenset[str]],
    found: dict[Pass, list[Aggregate]],
    batch: Sequence[date],
) -> dict[str, Table]:
    """The tables that the passes read; of the day rollups, what they need is loaded."""
    tables = {}
    furthest = 1
    for name, there in columns.items():
        mine = {key: group for key, group in found.items() if key.table == name}
        if not mine:
            continue
        if name not in ROLLUPS:
            sql = (
                name if name == "renewals" else f"read_parquet({quoted(facts / f'{name}.parquet')})"
            )
            tables[name] = Table(name, sql, there)
            continue
        near = {key: group for key, group in mine.items() if key.sort != "newest"}
        bounds = [(key.ago, bound(key, group)) for key, group in near.items()]
        days = None if any(b is None for _, b in bounds) else max(a + (b or 0) for a, b in bounds)
        furthest = max([furthest, *(a + b for a, b in bounds if b is not None)])
        needs = {need for group in near.values() for d in group for need in d.inner.needs}
        used = {column for need in needs for column in need.columns}
        if any(need.kind in ("gap", "newest") for need in needs):
            used |= set(KEYS[name]) - {"account_id", "day"}
        units = {key.per for key in near if key.per}
        sql = load(work, facts, name, used, units, nearest(batch, days))
        tables[name] = Table(name, sql, there, daily=True)
    work.execute(f"CREATE OR REPLACE TEMP TABLE calendar AS {calendar(furthest)}")
    return tables


def _rows(
    work: duckdb.DuckDBPyConnection,
    key: Pass,
    group: Sequence[Aggregate],
    table: Table,
    found: dict[Pass, list[Aggregate]],
    shared: bool,
    facts: Path,
) -> str:
    """SQL of the answers of a pass."""
    reach = bound(key, group)
    if key.sort == "newest":
        return _newest(work, key, group, facts)
    if key.sort == "sets":
        alike = [d for k in found if k[:3] == key[:3] for d in found[k]]
        bits = f'"bits of {key.table} {key.per}"'
        needs = {need for d in alike for need in d.inner.needs}
        handed = "".join(f", {need.columns[0]} AS {need.sql}" for need in sorted(needs))
        unit = (
            f'SELECT *, "word {key.per}" AS word, "bit {key.per}" AS bit{handed} FROM {table.sql}'
        )
        work.execute(f"CREATE OR REPLACE TEMP TABLE {bits} AS {sets.bits(alike, unit)}")
        near = past(table._replace(sql=bits), (), key.ago, reach, shared, sets.columns(group))
        return sets.answers(group, near)
    if key.per is not None and table.daily:
        code = f'"code {key.per}"'
        needs = {need for d in group for need in d.inner.needs}
        return answers(key, group, past(table, needs, key.ago, reach, shared, [code]), code)
    rows = past(table, needs_of(group), key.ago, reach, shared)
    return answers(key, group, rows, Need("value", (key.per,)).sql if key.per else "")


def _newest(
    work: duckdb.DuckDBPyConnection, key: Pass, group: Sequence[Aggregate], facts: Path
) -> str:
    """SQL of the answers from all the past, for observations without a row in the near past."""
    near = key._replace(sort="rows", bounded=True).relation
    work.execute(
        f"CREATE OR REPLACE TEMP TABLE quiet AS SELECT o.* FROM observed o LEFT JOIN {near} n "
        "ON n.account = o.account AND n.morning = o.morning WHERE n.account IS NULL"
    )
    days = f"SELECT account_id, day AS occurred_at, {', '.join(MOMENTS)} FROM"
    history = Table(key.table, f"({days} {source(facts / key.table)})", frozenset())
    rows = past(history, (), key.ago, None, shared=False, observed="quiet")
    return answers(key, group, rows)


def _cover(
    facts: Path, table: Table, windows: Sequence[Window], agos: Sequence[int], batch: Sequence[date]
) -> str:
    """SQL of the windows in which a table has a row of any account, as known, on each day asked."""
    asked = " UNION ".join(
        f"SELECT DISTINCT morning - {ago} AS asked FROM observed" for ago in agos
    )
    days, known = f"{table.sql} f", PAST
    if table.name == "renewals":
        days = "(SELECT due_date AS occurred_at, CAST(as_of AS DATE) AS as_of FROM renewals) f"
        known = "f.as_of = s.asked"
    elif table.daily:
        place = facts / SAME_DAYS.get(table.name, table.name)
        ends = [window.oldest for window in windows]
        furthest = None if None in ends else max(end or 0 for end in ends) + max(agos)
        first, _ = nearest(batch, furthest)
        parts = None if first is None else reaching(names(place), first) or names(place)[-1:]
        days = (
            f"(SELECT day AS occurred_at, replaced_at, min(known_at) AS known_at "
            f"FROM {source(place, parts)} GROUP BY day, replaced_at) f"
        )
    else:
        days = (
            "(SELECT CAST(occurred_at AS DATE) AS occurred_at, CAST(replaced_at AS DATE) AS "
            f"replaced_at, min(CAST(known_at AS DATE)) AS known_at FROM {table.sql} "
            "GROUP BY CAST(occurred_at AS DATE), CAST(replaced_at AS DATE)) f"
        )
    flags = ", ".join(f"bool_or({ages(window)}) AS {flag(window)}" for window in windows)
    return (
        f"SELECT asked, {flags} FROM (SELECT s.asked, "
        f"date_diff('day', CAST(f.occurred_at AS DATE), s.asked) AS age "
        f"FROM ({asked}) s JOIN {days} ON {known}) GROUP BY asked"
    )


def _quiet(
    work: duckdb.DuckDBPyConnection, table: str, windows: Sequence[Window], ago: int
) -> list[Window]:
    """The windows that are without any row on some morning."""
    flags = ", ".join(f"bool_and(coalesce({flag(window)}, FALSE))" for window in windows)
    (full,) = work.execute(
        f"SELECT {flags} FROM (SELECT DISTINCT morning - {ago} AS asked FROM observed) o "
        f'LEFT JOIN "cover {table}" c ON c.asked = o.asked'
    ).fetchall()
    return [window for window, is_full in zip(windows, full, strict=True) if not is_full]
