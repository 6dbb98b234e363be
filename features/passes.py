"""How features are answered: one pass a table, unit and morning asked about, then one join.

A pass is a query over the past rows of every observation (`features.feature.cut`) that answers all
its features and windows at once. Features that need only near rows and features that need all the
past go in passes of their own, so that old rows are not joined for a 28-day window. The answers
meet on the index, where outages, absent accounts and derived features are decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from features.definition import Aggregate, Definition, Derived, Relative, references
from features.expression import Expression, Need, over_columns, over_rows
from features.facts import READABLE
from features.window import Window

CUSTOMER = Aggregate(
    "customer", "engine", "Whether the account was a customer.", 0, "subscriptions", 0,
    over_rows(
        "count(*) FILTER (WHERE in_force(0) AND (arr IS NULL OR arr > 0))",
        READABLE["subscriptions"], "customer",
    ),
)  # fmt: skip
"""What decides whether an account could be asked about on an earlier morning."""

Plan = Sequence[tuple[Definition, int]]


class Pass(NamedTuple):
    """One query over the past of one table, `ago` days before the mornings."""

    table: str
    per: str | None
    ago: int
    bounded: bool

    @property
    def relation(self) -> str:
        """The SQL name of its answers."""
        return f'"pass {self.table} {self.per} {self.ago} {self.bounded}"'

    @property
    def cover(self) -> str:
        """The SQL name of the windows in which its table has rows."""
        return f'"cover {self.table} {self.ago}"'


Passes = Mapping[Pass, Sequence[Aggregate]]


def passes(plan: Plan, supplied: Mapping[str, frozenset[str]]) -> dict[Pass, list[Aggregate]]:
    """The passes that answer a plan, over the tables and columns that were supplied."""
    asked = [(d, ago) for d, ago in plan if isinstance(d, Aggregate)]
    earlier = sorted({ago for _, ago in plan if ago})
    found: dict[Pass, list[Aggregate]] = defaultdict(list)
    for d, ago in [*asked, *((CUSTOMER, ago) for ago in earlier)]:
        if columns_of([d]) <= supplied.get(d.table, frozenset()) and d.table in supplied:
            found[Pass(d.table, d.per, ago, d.oldest is not None)].append(d)
    return found


def needs_of(group: Iterable[Aggregate]) -> set[Need]:
    """What the rows of a pass must carry."""
    units = {Need("value", (d.per,)) for d in group if d.per}
    return units.union(*(d.inner.needs for d in group))


def columns_of(group: Iterable[Aggregate]) -> set[str]:
    """The columns of the table that features read."""
    return {column for need in needs_of(group) for column in need.columns}


def answers(key: Pass, group: Sequence[Aggregate], rows: str) -> str:
    """SQL of a pass: `asking` and a column a feature, from rows with `asking` and their needs."""
    if key.per is None:
        values = ", ".join(f"{_value(d, d.inner)} AS {d.column(0)}" for d in group)
        return f"SELECT asking, {values} FROM ({rows}) GROUP BY asking"
    unit = Need("value", (key.per,)).sql
    steps = ", ".join(
        f'{d.inner.sql} AS "inner {d.key}", {_reads(d.inner)} AS "read {d.key}"' for d in group
    )
    values = ", ".join(f"{_value(d, d.outer)} AS {d.column(0)}" for d in group if d.outer)
    return (
        f"SELECT asking, {values} FROM (SELECT asking, {steps} FROM ({rows}) "
        f"WHERE {unit} IS NOT NULL GROUP BY asking, {unit}) GROUP BY asking"
    )


def _reads(expression: Expression) -> str:
    condition = "" if expression.reads is None else f" FILTER (WHERE {expression.reads})"
    return f"count(*){condition} > 0"


def _absent(d: Aggregate) -> str:
    return "NULL" if d.absent is None else repr(float(d.absent))


def _value(d: Aggregate, expression: Expression) -> str:
    """The value over the rows of an account that has some, absent if the feature reads none."""
    as_declared = {"measure": None, "count": 0}
    if expression.empty in as_declared and d.absent == as_declared[expression.empty]:
        return f"CAST({expression.sql} AS DOUBLE)"
    chosen = f"CASE WHEN {_reads(expression)} THEN {expression.sql} ELSE {_absent(d)} END"
    return f"CAST({chosen} AS DOUBLE)"


def flag(window: Window) -> str:
    """The SQL name of a window in a cover."""
    return f'"{window.newest} to {window.oldest}"'


def covers(found: Passes) -> dict[str, tuple[list[Window], list[int]]]:
    """For each table, the windows in which its rows must be looked for, and how long ago."""
    tables: dict[str, tuple[list[Window], list[int]]] = {}
    for table in sorted({key.table for key in found}):
        mine = {key: group for key, group in found.items() if key.table == table}
        windows = {window for group in mine.values() for d in group for window in d.windows}
        tables[table] = sorted(windows, key=flag), sorted({key.ago for key in mine})
    return tables


def joined(chosen: Sequence[Definition], plan: Plan, found: Passes, observed: Sequence[str]) -> str:
    """SQL of the features `chosen` on the index, from observations, passes and covers."""
    answered: dict[tuple[Definition, int], Pass] = {
        (d, key.ago): key for key, group in found.items() for d in group
    }
    joins = [f"LEFT JOIN {key.relation} ON {key.relation}.asking = o.asking" for key in found]
    joins += dict.fromkeys(
        f'LEFT JOIN "cover {key.table}" AS {key.cover} ON {key.cover}.asked = o.as_of - {key.ago}'
        for key in found
    )
    values = "".join(
        f", {_answer(answered, d, ago)} AS {d.column(ago)}"
        for d, ago in plan
        if isinstance(d, Aggregate)
    )
    sql = f"SELECT o.*{values} FROM observed o {' '.join(joins)}"
    for step in _steps(plan):
        values = ", ".join(f"{_derived(d, ago, observed)} AS {d.column(ago)}" for d, ago in step)
        sql = f"SELECT *, {values} FROM ({sql})"
    listed = "".join(f', {d.column(0)} AS "{d.name}"' for d in chosen)
    return f"SELECT account_id, CAST(as_of AS TIMESTAMP) AS as_of{listed} FROM ({sql})"


def _answer(answered: Mapping[tuple[Definition, int], Pass], d: Aggregate, ago: int) -> str:
    """An aggregate's value for an observation: missing in an outage, and before it was customer."""
    key = answered.get((d, ago))
    if key is None:
        return "CAST(NULL AS DOUBLE)"
    there = [f"{key.cover}.{flag(window)}" for window in d.windows]
    if ago and d is not CUSTOMER:
        there.append(f"{_answer(answered, CUSTOMER, ago)} > 0")
    answer = f"{key.relation}.{d.column(0)}"
    value = f"CASE WHEN {key.relation}.asking IS NULL THEN {_absent(d)} ELSE {answer} END"
    return f"CASE WHEN {' AND '.join(there)} THEN {value} END"


def _steps(plan: Plan) -> list[list[tuple[Derived, int]]]:
    """The derived features of a plan, each in a later step than those it uses."""
    depth: dict[tuple[Definition | str, int], int] = {}
    steps: list[list[tuple[Derived, int]]] = []
    for d, ago in plan:
        if isinstance(d, Derived):
            used = [depth.get((other, ago + back), 0) for other, back in references(d)]
            depth[d, ago] = max(used, default=0) + 1
            steps += [[] for _ in range(depth[d, ago] - len(steps))]
            steps[depth[d, ago] - 1].append((d, ago))
    return steps


def _derived(d: Derived, ago: int, observed: Sequence[str]) -> str:
    columns = {}
    for used, back in references(d):
        if isinstance(used, str):
            columns[used, back] = f'"observed {used}"' if used in observed else "NULL"
        else:
            columns[used.name, back] = used.column(ago + back)
    value = f"CAST({over_columns(d.formula.text, d.name, columns).sql} AS DOUBLE)"
    if not isinstance(d, Relative):
        return value
    group = f'"observed {d.to}"' if d.to in observed else "CAST(NULL AS VARCHAR)"
    peers = f"PARTITION BY as_of, {group}, {value} IS NULL"
    return (
        f"CASE WHEN {group} IS NOT NULL AND {value} IS NOT NULL "
        f"AND count(*) OVER ({peers}) >= {d.min_peers} "
        f"THEN percent_rank() OVER ({peers} ORDER BY {value}) END"
    )
