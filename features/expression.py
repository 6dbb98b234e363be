"""What a feature's expression may say of rows, or of other features, and the SQL it becomes.

An expression is read once, when its feature is declared, and refused there if it says anything
outside of the language. The rows it is written over carry no dates: the engine hands it whole days
and hours (`Need`), so that it can neither read a clock nor compare dates in a way of its own. Sums
are exact (reals are summed as decimals) and `latest` is the maximum of a total order, so that no
result depends on the order of rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlglot import exp

from features.language import (
    CENTURY,
    OPERATORS,
    SCALARS,
    Reader,
    Term,
    macro,
    parse,
    plain,
    said,
)
from features.window import Window, beside, bounds

MACROS = "since(date), until(date), hours_between(start, end), latest(column)"
AGGREGATES = "avg, count, count(DISTINCT), max, min, sum, each with FILTER (WHERE ...)"
DATES = ("date", "instant")
MOST_BLOCKS = 60  # bits of a whole number without its sign, and some to spare


class Need(NamedTuple):
    """A column that the engine must hand to an expression.

    `kind` is `value` (the column itself), `since` (whole days from its date to the morning),
    `hours` (between two instants), `gap` (days to the next newer day, or to the morning) or
    `newest` (a key that orders rows from old to new, without ties).
    """

    kind: str
    columns: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """The name under which the column is handed over.

        >>> Need("since", ("ended_at",)).sql
        '"since ended_at"'
        """
        return f'"{" ".join((self.kind, *self.columns))}"'


@dataclass(frozen=True)
class Expression:
    """An aggregate that was read: its SQL, and what it asks of the engine.

    `windows` are the ages its aggregates read, `reads` the SQL condition that any of them reads a
    row (None: one reads every row). `empty` is what SQL makes of no row: 0 for a bare `count`, NULL
    for a bare `measure`, and for anything `mixed` it depends. `extreme` is `min` or `max` if it is
    just the newest or oldest age, `rows` whether it just counts rows; `bounds` are the bounds that
    its filters set to `value`, `others` the SQL of a lone filter but for its bounds on `age` and
    `value` (None: it sets other conditions to them), `back` the days that `in_force` looks back.
    """

    sql: str
    kind: str
    needs: frozenset[Need]
    windows: tuple[Window, ...]
    reads: str | None
    empty: str
    extreme: str | None
    bounds: tuple[Window, ...]
    back: int
    rows: bool
    others: str | None


@dataclass(frozen=True)
class Formula:
    """An expression over names: the names it asks for, each with its days of `ago`."""

    text: str
    sql: str
    asks: frozenset[tuple[str, int]]


def over_rows(
    text: str, columns: Mapping[str, str], where: str, *, unit: str | None = None
) -> Expression:
    """Read an aggregate over rows with `columns` (name to kind); `where` names it in messages.

    With `unit` it is the second step of two: its rows are the units of which the first step, of
    that name, read a row, and `value` is the first step's result.

    >>> over_rows("sum(events) FILTER (WHERE age <= 28)", {"events": "number"}, "events_28d").sql
    'sum("value events") FILTER (WHERE (age <= 28))'
    >>> over_rows("count(*) FILTER (WHERE day < '2025-01-01')", {"day": "date"}, "late")
    Traceback (most recent call last):
    features.language.Refused: late: `day` is a date: it stands only in a macro or before IS NULL...
    """
    reader = _RowReader(text, where, columns, unit)
    node = reader.tree()
    term = reader.read(node)
    if term.kind == "text":
        reader.refuse("a feature is a number or a flag, this is text")
    if not reader.reads:
        reader.refuse("a feature aggregates rows, this aggregates none")
    if any(max(window.newest, window.oldest or 0) > CENTURY for window in reader.windows):
        reader.refuse(f"a window reaches back {CENTURY} days at most")
    bare = node.this if isinstance(node, exp.Filter) else node
    empty = "mixed"
    if isinstance(bare, exp.Count):
        empty = "count"
    elif isinstance(bare, _AGGREGATES) or macro(bare) == "latest":
        empty = "measure"
    of_age = isinstance(bare, exp.Min | exp.Max) and bare.this == exp.column("age")
    return Expression(
        sql=term.sql,
        kind=term.kind,
        needs=frozenset(reader.needs),
        windows=tuple(dict.fromkeys(reader.windows)),
        reads=None if "" in reader.reads else " OR ".join(dict.fromkeys(reader.reads)),
        empty=empty,
        extreme=bare.key if of_age else None,
        bounds=tuple(reader.bounds),
        back=reader.back,
        rows=isinstance(bare, exp.Count) and isinstance(bare.this, exp.Star),
        others=reader.others,
    )


def units(text: str, where: str) -> tuple[str, str] | None:
    """The two steps of a bare distinct count: the column of its units, and the rows of each.

    >>> units("count(DISTINCT user_id) FILTER (WHERE age <= 28)", "active_users_28d")
    ('user_id', 'COUNT(*) FILTER(WHERE age <= 28)')
    >>> units("count(DISTINCT floor(age / 7))", "active_weeks")
    """
    node = parse(text, where)
    count = node.this if isinstance(node, exp.Filter) else node
    if not isinstance(count, exp.Count) or not isinstance(count.this, exp.Distinct):
        return None
    (column,) = count.this.expressions
    if not isinstance(column, exp.Column) or column.name == "age":
        return None
    count.set("this", exp.Star())
    return column.name, node.sql("duckdb")


def over_columns(
    text: str, where: str, columns: Mapping[tuple[str, int], str] | None = None
) -> Formula:
    """Read a derived expression: scalars over features, observation columns and `ago`.

    `columns` is the SQL of each name and its days of `ago`; a name without one stands for itself.

    >>> sorted(over_columns("events_28d / ago(events_28d, 28)", "trend").asks)
    [('events_28d', 0), ('events_28d', 28)]
    """
    reader = _NameReader(text, where, columns or {})
    term = reader.read(reader.tree())
    if term.kind == "text":
        reader.refuse("a feature is a number or a flag, this is text")
    if not reader.asks:
        reader.refuse("a derived feature names other features or columns, this names none")
    return Formula(text, term.sql, frozenset(reader.asks))


class _NameReader(Reader):
    """Reads an expression over the features and observation columns of one account."""

    def __init__(self, text: str, where: str, columns: Mapping[tuple[str, int], str]) -> None:
        super().__init__(text, where)
        self.columns = columns
        self.asks: set[tuple[str, int]] = set()

    @property
    def allowed(self) -> str:
        return f"ago(feature, days); {super().allowed}"

    def column(self, node: exp.Column) -> Term:
        return self._ask(node.name, 0)

    def call(self, node: exp.Anonymous) -> Term:
        if macro(node) != "ago":
            return super().call(node)
        name, days = node.expressions if len(node.expressions) == 2 else (None, None)
        back = self.days(days, least=1)
        if not isinstance(name, exp.Column) or not plain(name) or back is None:
            self.refuse(f"ago takes the name of a feature and whole days, from 1 to {CENTURY}")
        return self._ask(name.name, back)

    def _ask(self, name: str, days: int) -> Term:
        self.asks.add((name, days))
        return Term(self.columns.get((name, days), f'"{name}"'), "any")


class _RowReader(Reader):
    """Reads an aggregate over rows, and notes what it needs and which rows it reads."""

    def __init__(self, text: str, where: str, columns: Mapping[str, str], unit: str | None) -> None:
        super().__init__(text, where)
        self.columns = columns if unit is not None else {"age": "number", **columns}
        self.unit = unit
        self.needs: set[Need] = set()
        self.windows: list[Window] = []
        self.bounds: list[Window] = []
        self.reads: list[str] = []
        self.back = 0
        self.inside = False
        self.others: str | None = ""

    @property
    def allowed(self) -> str:
        macros = f"{MACROS}{', in_force(days_ago)' if self._has_terms else ''}"
        dates = "" if self.unit else f"; macros {macros}: dates stand only there, or before IS NULL"
        return (
            f"the columns {', '.join(self.columns)}; aggregates {AGGREGATES}{dates}; "
            f"operators {OPERATORS}; functions {SCALARS}"
        )

    @property
    def _has_terms(self) -> bool:
        return {"start_date", "ended_at"} <= set(self.columns)

    def column(self, node: exp.Column) -> Term:
        kind = self.columns.get(node.name)
        if kind is None:
            return super().column(node)
        if kind in DATES:
            self.refuse(f"{said(node)} is a date: it stands only in a macro or before IS NULL")
        if not self.inside:
            self.refuse(f"{said(node)} stands outside of an aggregate")
        kind = "number" if kind == "integer" else kind
        if node.name == "age":
            return Term("age", kind)
        if self.unit is not None:
            return Term(f'"inner {self.unit}"', kind)
        gap = node.name == "gap"
        return Term(self._need(Need("gap") if gap else Need("value", (node.name,))), kind)

    def missing(self, node: exp.Expr) -> Term:
        if self._is_date(node):
            return Term(f"({self._since(node)} IS NULL)", "flag")
        return super().missing(node)

    def call(self, node: exp.Anonymous) -> Term:
        name, given = macro(node), node.expressions
        if name == "latest" and len(given) == 1:
            return self.aggregate(node)
        if not self.inside:
            self.refuse(f"{said(node)} stands outside of an aggregate")
        if name in ("since", "until") and len(given) == 1:
            return Term(f"({'-' if name == 'until' else ''} {self._since(given[0])})", "number")
        if name == "hours_between" and len(given) == 2:
            both = tuple(self._date(moment) for moment in given)
            return Term(self._need(Need("hours", both)), "real")
        if name == "in_force" and len(given) == 1 and self._has_terms:
            return self._in_force(self.days(given[0], least=0))
        return super().call(node)

    def aggregate(self, node: exp.Expr) -> Term:
        call = node.this if isinstance(node, exp.Filter) else node
        if not isinstance(call, _AGGREGATES) and macro(call) != "latest":
            self.refuse("FILTER stands only behind an aggregate")
        if self.inside:
            self.refuse(f"{said(node)} stands inside of another aggregate")
        if not plain(call):
            self.refuse(f"{said(call)} is not in the language")
        self.inside = True
        conditions = [] if self.unit is None else [f'"read {self.unit}"']
        window = Window()
        if isinstance(node, exp.Filter):
            where = node.expression.this
            conditions.append(self.flag(where).sql)
            window = bounds(where, "age")
            self.bounds.append(bounds(where, "value"))
            rest = beside(where, "age" if self.unit is None else "value")
            self.others = None if rest is None else " AND ".join(self.flag(p).sql for p in rest)
        self.windows.append(window)
        self.reads.append(" AND ".join(conditions))
        term = self._call(call, conditions)
        self.inside = False
        return term

    def _call(self, call: exp.Expr, conditions: list[str]) -> Term:
        def of(sql: str, *more: str) -> str:
            where = " AND ".join([*more, *conditions])
            return f"{sql} FILTER (WHERE {where})" if where else sql

        if isinstance(call, exp.Count):
            if call.this is None or call.expressions:
                self.refuse("count takes one column, or *")
            block = _block(call.this, self.windows[-1])
            if block:
                bit = f"CAST(1 AS BIGINT) << CAST((age - 1) // {block} AS INTEGER)"
                bit = f"CASE WHEN age <= {self.windows[-1].oldest} THEN {bit} END"
                return Term(f"bit_count(coalesce({of(f'bit_or({bit})')}, 0))", "number")
            return Term(of(f"count({self._counted(call.this)})"), "number")
        if isinstance(call, exp.Min | exp.Max):
            term = self.number(call.this)
            return Term(of(f"{call.key}({term.sql})"), term.kind)
        if isinstance(call, exp.Anonymous):
            term = self.read(call.expressions[0])
            order = self._need(Need("newest"))
            return Term(of(f"arg_max({term.sql}, {order})", f"{term.sql} IS NOT NULL"), term.kind)
        term = self.number(call.this)
        exact = term.sql if term.kind == "number" else f"CAST({term.sql} AS DECIMAL(38, 9))"
        if isinstance(call, exp.Sum):
            return Term(of(f"sum({exact})"), "number")
        mean = f"(CAST({of(f'sum({exact})')} AS DOUBLE) / NULLIF({of(f'count({exact})')}, 0))"
        return Term(mean, "real")

    def _counted(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Star) and plain(node):
            return "*"
        if not isinstance(node, exp.Distinct):
            return self.read(node).sql
        if len(node.expressions) != 1:
            self.refuse("count(DISTINCT) takes one column")
        return f"DISTINCT {self.read(node.expressions[0]).sql}"

    def _in_force(self, days: int | None) -> Term:
        if days is None:
            self.refuse(f"in_force takes whole days, from 0 to {CENTURY}")
        start, end = (self._need(Need("since", (name,))) for name in ("start_date", "ended_at"))
        self.back = max(self.back, days)
        return Term(f"({start} > {days} AND ({end} IS NULL OR {end} <= {days}))", "flag")

    def _need(self, need: Need) -> str:
        self.needs.add(need)
        return need.sql

    def _is_date(self, node: exp.Expr) -> bool:
        there = isinstance(node, exp.Column) and plain(node)
        return there and self.columns.get(node.name) in DATES

    def _date(self, node: exp.Expr) -> str:
        if not self._is_date(node):
            self.refuse(f"{said(node)} is not a date column")
        return node.name

    def _since(self, node: exp.Expr) -> str:
        return self._need(Need("since", (self._date(node),)))


def _block(node: exp.Expr, window: Window) -> int | None:
    """The days of a block, if a count is of distinct blocks of days, few enough for one number.

    >>> _block(parse("count(DISTINCT floor((age - 1) / 7))", "").this, Window(0, 91))
    7
    """
    said_so = re.fullmatch(r"DISTINCT FLOOR\(\(age - 1\) / (\d+)\)", node.sql("duckdb"))
    block = int(said_so[1]) if said_so else 0
    return block if block and window.oldest and window.oldest <= MOST_BLOCKS * block else None


_AGGREGATES = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)
