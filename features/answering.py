"""From observations and facts to answers: load what is near, run each pass, join on the index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path

import duckdb

from features import sets
from features.asked import Asked
from features.definition import Aggregate, Definition, order
from features.expression import Need
from features.facts import KEYS, READABLE, supplied
from features.loading import MOMENTS, days_of, load, nearest
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
from features.workshop import Job, side_by_side

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
        tables, loads = _tables(facts, columns, found, batch)
        side_by_side(work, loads)
        side_by_side(work, [_made(bits, sql) for bits, sql in _bits(found, tables).items()])
        side_by_side(
            work,
            [
                _made(key.relation, _rows(key, group, tables[key.table], asked.shared(batch)))
                for key, group in found.items()
                if key.sort != "newest"
            ]
            + [
                _made(f'"cover {name}"', _cover(facts, tables[name], windows, agos, batch))
                for name, (windows, agos) in covers(found).items()
            ],
        )
        for key, group in found.items():
            if key.sort == "newest":
                _newest(work, key, group, facts)
        told = Answers(found, asked.columns, _outages(work, found))
        for d in ranked(plan):
            _made(relation(d), rank(d, told))(work)
        _made("answered", joined(chosen, plan, told))(work)
        yield batch


def _made(name: str, sql: str) -> Job:
    """Create a table."""
    return lambda cursor: cursor.execute(f"CREATE OR REPLACE TABLE {name} AS {sql}")


def _observe(work: duckdb.DuckDBPyConnection, batch: Sequence[date]) -> None:
    """Create the observations of some mornings, and the numbers of their accounts."""
    listed = ", ".join(f"DATE '{morning}'" for morning in batch)
    work.execute(
        "CREATE OR REPLACE TABLE account_codes AS SELECT account_id, "
        "CAST(row_number() OVER (ORDER BY account_id) AS INTEGER) AS account "
        f"FROM (SELECT DISTINCT account_id FROM asked WHERE morning IN ({listed}))"
    )
    work.execute(
        "CREATE OR REPLACE TABLE observed AS SELECT a.account, o.* FROM asked o "
        f"JOIN account_codes a ON a.account_id = o.account_id WHERE o.morning IN ({listed}) "
        "ORDER BY o.morning, a.account"
    )


def _tables(
    facts: Path,
    columns: dict[str, frozenset[str]],
    found: dict[Pass, list[Aggregate]],
    batch: Sequence[date],
) -> tuple[dict[str, Table], list[Job]]:
    """The tables that the passes read, and what is to be loaded of the day rollups for them."""
    tables: dict[str, Table] = {}
    loads: list[Job] = []
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
        loads.append(partial(load, facts, name, used, units, nearest(batch, days)))
        tables[name] = Table(name, days_of(name), there, daily=True)
    return tables, [*loads, _made("calendar", calendar(furthest))]


def _bits(found: dict[Pass, list[Aggregate]], tables: dict[str, Table]) -> dict[str, str]:
    """SQL of the bits of each kind of unit that passes over sets read, by the name of the table."""
    found_bits = {}
    for key in found:
        if key.sort == "sets":
            alike = [d for k in found if k[:3] == key[:3] for d in found[k]]
            needs = {need for d in alike for need in d.inner.needs}
            handed = "".join(f", {need.columns[0]} AS {need.sql}" for need in sorted(needs))
            unit = f'"word {key.per}" AS word, "bit {key.per}" AS bit'
            rows = f"SELECT *, {unit}{handed} FROM {tables[key.table].sql}"
            found_bits[_bits_of(key)] = sets.bits(alike, rows)
    return found_bits


def _bits_of(key: Pass) -> str:
    return f'"bits of {key.table} {key.per}"'


def _rows(key: Pass, group: Sequence[Aggregate], table: Table, shared: bool) -> str:
    """SQL of the answers of a pass."""
    reach = bound(key, group)
    if key.sort == "sets":
        bits = table._replace(sql=_bits_of(key))
        return sets.answers(group, past(bits, (), key.ago, reach, shared, sets.columns(group)))
    if key.per is not None and table.daily:
        code = f'"code {key.per}"'
        needs = {need for d in group for need in d.inner.needs}
        return answers(key, group, past(table, needs, key.ago, reach, shared, [code]), code)
    rows = past(table, needs_of(group), key.ago, reach, shared)
    return answers(key, group, rows, Need("value", (key.per,)).sql if key.per else "")


def _newest(
    work: duckdb.DuckDBPyConnection, key: Pass, group: Sequence[Aggregate], facts: Path
) -> None:
    """Answer from all the past, for the observations without a row in the near past."""
    near = key._replace(sort="rows", bounded=True).relation
    quiet = (
        f"SELECT o.* FROM observed o LEFT JOIN {near} n "
        "ON n.account = o.account AND n.morning = o.morning WHERE n.account IS NULL"
    )
    _made("quiet", quiet)(work)
    days = f"SELECT account_id, day AS occurred_at, {', '.join(MOMENTS)} FROM"
    history = Table(key.table, f"({days} {source(facts / key.table)})", frozenset())
    rows = past(history, (), key.ago, None, shared=False, observed="quiet")
    _made(key.relation, answers(key, group, rows))(work)


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


def _outages(
    work: duckdb.DuckDBPyConnection, found: dict[Pass, list[Aggregate]]
) -> set[tuple[str, int, Window]]:
    """The windows of a table, so many days ago, that are without any row on some morning."""
    asked = [
        (name, ago, window)
        for name, (windows, agos) in covers(found).items()
        for ago in agos
        for window in windows
    ]
    covered = {(key.table, key.ago): key.cover for key in found}
    joins = " ".join(
        f'LEFT JOIN "cover {name}" {alias} ON {alias}.asked = o.morning - {ago}'
        for (name, ago), alias in covered.items()
    )
    flags = ", ".join(
        f"bool_and(coalesce({covered[name, ago]}.{flag(window)}, FALSE))"
        for name, ago, window in asked
    )
    if not asked:
        return set()
    (full,) = work.execute(
        f"SELECT {flags} FROM (SELECT DISTINCT morning FROM observed) o {joins}"
    ).fetchall()
    return {one for one, is_full in zip(asked, full, strict=True) if not is_full}
