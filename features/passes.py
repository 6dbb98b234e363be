"""How features are answered: one pass a table, sort of question and day asked about, then one join.

A pass is a query over the past rows of every observation (`features.past`) that answers all its
features and windows at once, keyed by account and morning. There are four sorts:

- `rows`: aggregates over the rows themselves;
- `units`: two steps, first over the rows of each person, feature or department, then over those;
- `sets`: which units were there in a window, as bits of whole numbers: distinct units, those seen
  first or last in a window are unions and differences of such sets (`features.sets`);
- `newest`: how old the newest row is, for accounts without any in the windows of the other passes.

Features that need only near rows and features that need all the past go in passes of their own, so
that old rows are not joined for a 28-day window. The answers meet on the index, where outages,
absent accounts and derived features are decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from features.definition import Aggregate, Definition, Derived, Relative, order, references
from features.expression import Expression, Need, over_columns, over_rows
from features.facts import READABLE
from features.rollups import ROLLUPS
from features.sets import members
from features.window import Window

CUSTOMER = Aggregate(
    "customer", "engine", "Whether the account was a customer.", 0, "subscriptions", 0,
    over_rows(
        "count(*) FILTER (WHERE in_force(0) AND (arr IS NULL OR arr > 0))",
        READABLE["subscriptions"], "customer",
    ),
)  # fmt: skip
"""What decides whether an account could be asked about on an earlier morning."""

NEAR = 91
"""Days in which the newest row is looked for first."""

Plan = Sequence[tuple[Definition, int]]


class Pass(NamedTuple):
    """One query over the past of one table, `ago` days before the mornings."""

    sort: str
    table: str
    per: str | None
    ago: int
    bounded: bool

    @property
    def relation(self) -> str:
        """The SQL name of its answers."""
        return f'"{self.sort} {self.table} {self.per} {self.ago} {self.bounded}"'

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
            for key in _keys(d, ago):
                found[key].append(d)
    return found


def _keys(d: Aggregate, ago: int) -> list[Pass]:
    """The pass that answers a feature; the newest row of a day table is looked for in two."""
    bounded = d.oldest is not None and d.table in ROLLUPS
    if d.per is not None:
        daily = d.table in ROLLUPS
        return [Pass("sets" if daily and members(d) else "units", d.table, d.per, ago, bounded)]
    if is_newest(d):
        return [Pass(sort, d.table, None, ago, sort == "rows") for sort in ("rows", "newest")]
    gap = "gap" if Need("gap") in d.inner.needs else "rows"  # a window over rows, not for all
    return [Pass(gap, d.table, None, ago, bounded)]


def is_newest(d: Aggregate) -> bool:
    """Whether a feature is just the age of the newest row of a day table, however old."""
    newest = d.inner.extreme == "min" and d.inner.windows == (Window(),) and d.inner.reads is None
    return newest and d.table in ROLLUPS and d.per is None


def bound(key: Pass, group: Iterable[Aggregate]) -> int | None:
    """The greatest age of a row that a pass needs; None if it needs all the past."""
    return max(d.oldest or NEAR for d in group) if key.bounded else None


def needs_of(group: Iterable[Aggregate]) -> set[Need]:
    """What the rows of a pass must carry."""
    units = {Need("value", (d.per,)) for d in group if d.per}
    return units.union(*(d.inner.needs for d in group))


def columns_of(group: Iterable[Aggregate]) -> set[str]:
    """The columns of the table that features read."""
    return {column for need in needs_of(group) for column in need.columns}


def answers(key: Pass, group: Sequence[Aggregate], rows: str, unit: str = "") -> str:
    """SQL of a pass: account, morning and a column a feature, from the past rows of its table.

    `unit` is the SQL of what tells units apart, in a pass of two steps.
    """
    if key.per is None:
        values = ", ".join(f"{_value(d, d.inner)} AS {d.column(0)}" for d in group)
        return f"SELECT account, morning, {values} FROM ({rows}) GROUP BY account, morning"
    steps = ", ".join(
        f'{d.inner.sql} AS "inner {d.key}", {_reads(d.inner)} AS "read {d.key}"' for d in group
    )
    values = ", ".join(f"{_value(d, d.outer)} AS {d.column(0)}" for d in group if d.outer)
    return (
        f"SELECT account, morning, {values} FROM (SELECT account, morning, {steps} FROM ({rows}) "
        f"WHERE {unit} IS NOT NULL GROUP BY account, morning, {unit}) GROUP BY account, morning"
    )


def _reads(expression: Expression) -> str:
    condition = "" if expression.reads is None else f" FILTER (WHERE {expression.reads})"
    return f"count(*){condition} > 0"


def _value(d: Aggregate, expression: Expression) -> str:
    """The value over the rows of an account that has some, absent if the feature reads none."""
    as_declared = {"measure": None, "count": 0}
    if expression.empty in as_declared and d.absent == as_declared[expression.empty]:
        return f"CAST({expression.sql} AS DOUBLE)"
    chosen = f"CASE WHEN {_reads(expression)} THEN {expression.sql} ELSE {d.otherwise} END"
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


class Answers(NamedTuple):
    """The passes and ranks that were run, the columns of `observed`, and the windows without data.

    `outages`: the windows (of a table, so many days ago) without any row on some morning.
    """

    found: Passes
    observed: Sequence[str]
    outages: Collection[tuple[str, int, Window]]

    def of(self, d: Definition, ago: int) -> list[Pass]:
        """The passes that answer an aggregate, so many days ago."""
        return [key for key, group in self.found.items() if key.ago == ago and d in group]


def joined(chosen: Sequence[Definition], plan: Plan, answers: Answers) -> str:
    """SQL of the features `chosen` on the index: account_id, as_of and a column a feature."""
    listed = "".join(f', {d.column(0)} AS "{d.name}"' for d in chosen)
    values = _values(plan, answers)
    return f"SELECT account_id, CAST(morning AS TIMESTAMP) AS as_of{listed} FROM ({values})"


def ranked(plan: Plan) -> list[Relative]:
    """The ranks of a plan, each after those that it uses."""
    return [d for d, _ in plan if isinstance(d, Relative)]


def rank(d: Relative, answers: Answers) -> str:
    """SQL of a rank for every observation: account, morning, and its column.

    Only what it ranks by is looked up: a window over all columns would carry them all.
    """
    used = [(other, ago) for other, ago in order([d]) if other != d]
    group = f'"observed {d.to}"' if d.to in answers.observed else "CAST(NULL AS VARCHAR)"
    peers = "PARTITION BY morning, alike, value IS NULL"
    return (
        f"SELECT account, morning, CASE WHEN alike IS NOT NULL AND value IS NOT NULL "
        f"AND count(*) OVER ({peers}) >= {d.min_peers} "
        f"THEN percent_rank() OVER ({peers} ORDER BY value) END AS {d.column(0)} FROM ("
        f"SELECT account, morning, {group} AS alike, {_formula(d, 0, answers)} AS value "
        f"FROM ({_values(used, answers)}))"
    )


def _values(plan: Plan, answers: Answers) -> str:
    """SQL of observations with what a plan answers, from passes, covers and ranks."""
    asked = [(d, ago) for d, ago in plan if isinstance(d, Aggregate)]
    asked += [(CUSTOMER, ago) for ago in sorted({ago for _, ago in plan if ago})]
    keys = dict.fromkeys(key for d, ago in asked for key in answers.of(d, ago))
    ranks = ranked(plan)
    relations = [*(key.relation for key in keys), *(relation(d) for d in ranks)]
    joins = [
        f"LEFT JOIN {name} ON {name}.account = o.account AND {name}.morning = o.morning"
        for name in relations
    ]
    joins += dict.fromkeys(
        f'LEFT JOIN "cover {key.table}" AS {key.cover} ON {key.cover}.asked = o.morning - {key.ago}'
        for key in keys
    )
    values = [f"{_answer(d, ago, answers)} AS {d.column(ago)}" for d, ago in dict.fromkeys(asked)]
    values += [f"{relation(d)}.{d.column(0)}" for d in ranks]
    sql = f"SELECT {', '.join(['o.*', *values])} FROM observed o {' '.join(joins)}"
    for step in _steps(plan):
        values = [f"{_formula(d, ago, answers)} AS {d.column(ago)}" for d, ago in step]
        sql = f"SELECT *, {', '.join(values)} FROM ({sql})"
    return sql


def relation(d: Relative) -> str:
    """The SQL name of a rank's relation."""
    return f'"rank {d.key}"'


def _answer(d: Aggregate, ago: int, answers: Answers) -> str:
    """An aggregate's value for an observation: missing in an outage, and before it was customer."""
    keys = answers.of(d, ago)
    if not keys:
        return "CAST(NULL AS DOUBLE)"
    there = [
        f"{keys[0].cover}.{flag(window)}"
        for window in d.windows
        if (d.table, ago, window) in answers.outages
    ]
    if ago and d is not CUSTOMER:
        there.append(f"{_answer(CUSTOMER, ago, answers)} > 0")
    value = d.otherwise
    for key in reversed(keys):
        answer = f"{key.relation}.{d.column(0)}"
        if value == "NULL":
            value = answer
        elif (d.outer or d.inner).empty == "count":
            value = f"coalesce({answer}, {value})"
        else:
            value = f"CASE WHEN {key.relation}.account IS NULL THEN {value} ELSE {answer} END"
    return f"CASE WHEN {' AND '.join(there)} THEN {value} END" if there else value


def _steps(plan: Plan) -> list[list[tuple[Derived, int]]]:
    """The derived features of a plan but its ranks, each in a later step than those it uses."""
    depth: dict[tuple[Definition | str, int], int] = {}
    steps: list[list[tuple[Derived, int]]] = []
    for d, ago in plan:
        if isinstance(d, Derived) and not isinstance(d, Relative):
            used = [depth.get((other, ago + back), 0) for other, back in references(d)]
            depth[d, ago] = max(used, default=0) + 1
            steps += [[] for _ in range(depth[d, ago] - len(steps))]
            steps[depth[d, ago] - 1].append((d, ago))
    return steps


def _formula(d: Derived, ago: int, answers: Answers) -> str:
    columns = {}
    for used, back in references(d):
        if isinstance(used, str):
            columns[used, back] = f'"observed {used}"' if used in answers.observed else "NULL"
        else:
            columns[used.name, back] = used.column(ago + back)
    value = f"CAST({over_columns(d.formula.text, d.name, columns).sql} AS DOUBLE)"
    return f"CASE WHEN {CUSTOMER.column(ago)} > 0 THEN {value} END" if ago else value
