"""Where facts meet the day that is asked about: the only place that decides what is past.

Every relation here hands out rows with `account` (a number), `morning` (the day of the observation)
and `age`, whole days before the day that is asked about: the morning, or `ago` days earlier. A
feature is an aggregate over such rows and sees nothing else.

Rows of a day rollup are found by the calendar where mornings are shared, and by the account where
accounts have dates of their own: either way each row is joined to the few mornings that it is near.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from features.expression import Need
from features.facts import KEYS, READABLE, moment
from features.numbers import numbers

PAST = (
    "f.occurred_at < s.asked AND f.known_at < s.asked "
    "AND (f.replaced_at IS NULL OR f.replaced_at >= s.asked)"
)
"""When a fact `f` is past on the day `s.asked`."""


class Table(NamedTuple):
    """Where a table's facts are read, and which of its columns features may use.

    `daily`: a day rollup, loaded with the account's number; else accounts are named.
    """

    name: str
    sql: str
    columns: frozenset[str]
    daily: bool = False


def calendar(days: int) -> str:
    """SQL of the `days` days before each morning of `observed`: morning, occurred_at, age."""
    return (
        "SELECT morning, morning - n AS occurred_at, n AS age "
        f"FROM (SELECT DISTINCT morning FROM observed) CROSS JOIN {numbers(1, days)}"
    )


def past(
    table: Table,
    needs: Collection[Need],
    ago: int,
    bound: int | None,
    shared: bool,
    columns: Iterable[str] = (),
    observed: str = "observed",
) -> str:
    """SQL of the past of each observation in a table, `ago` days before its morning.

    A row carries `account`, `morning`, `age` and what is needed of it; a column written later than
    its row is empty until it is known. `bound` is the greatest age that anyone needs. Past renewals
    are known per morning, and come cut. `shared`: whether days are found by the calendar;
    `columns`: what else a row carries.
    """
    handed = "".join(f", {_handed(table, need)} AS {need.sql}" for need in sorted(needs))
    handed += "".join(f", f.{column}" for column in columns)
    asked = f"SELECT account, account_id, morning, morning - {ago} AS asked FROM {observed}"
    if table.name == "renewals":
        return (
            "SELECT s.account, s.morning, date_diff('day', CAST(f.due_date AS DATE), s.asked) AS "
            f"age{handed} FROM ({asked}) s JOIN {table.sql} f ON f.account_id = s.account_id "
            "AND CAST(f.as_of AS DATE) = s.asked"
        )
    if table.daily and shared and bound is not None:
        days = (
            f"SELECT morning, morning - {ago} AS asked, occurred_at, age - {ago} AS age "
            f"FROM calendar WHERE age > {ago} AND age <= {ago + bound}"
        )
        return (
            f"SELECT f.account AS account, s.morning AS morning, s.age AS age{handed} "
            f"FROM {table.sql} f JOIN ({days}) s ON s.occurred_at = f.occurred_at AND ({PAST})"
        )
    near = PAST
    if bound is not None:
        near += f" AND f.occurred_at >= s.asked - {bound}"
    by = "account" if table.daily else "account_id"
    return (
        "SELECT s.account, s.morning, date_diff('day', CAST(f.occurred_at AS DATE), s.asked) AS age"
        f"{handed} FROM ({asked}) s JOIN {table.sql} f ON f.{by} = s.{by} AND {near}"
    )


def _handed(table: Table, need: Need) -> str:
    """What an expression needs of a fact `f`, on the day `s.asked`."""
    keys = KEYS[table.name]
    if need.kind == "newest":
        order = ["due_date"] if table.name == "renewals" else ["occurred_at", *keys]
        if table.daily:
            order = ["occurred_at", *(name for name in keys if name not in ("account_id", "day"))]
        return f"struct_pack({', '.join(f'{name} := f.{name}' for name in order)})"
    if need.kind == "gap":
        units = "".join(f", f.{name}" for name in keys if name not in ("account_id", "day"))
        newer = (
            f"lead(f.occurred_at) OVER (PARTITION BY f.account, s.morning{units} "
            "ORDER BY f.occurred_at)"
        )
        return f"date_diff('day', f.occurred_at, coalesce({newer}, s.asked))"
    known = [_known(table, column) for column in need.columns]
    if need.kind == "since":
        return f"date_diff('day', CAST({known[0]} AS DATE), s.asked)"
    if need.kind == "hours":
        start, end = (f"CAST({column} AS TIMESTAMP)" for column in known)
        return f"(date_diff('second', {start}, {end}) / CAST(3600 AS DOUBLE))"
    number = READABLE[table.name][need.columns[0]] == "number"
    exact = number and table.name == "renewals"
    return f"CAST({known[0]} AS DECIMAL(18, 6))" if exact else known[0]


def _known(table: Table, column: str) -> str:
    """A column of a fact `f`, empty until it is known."""
    late = moment(table.name, column, table.columns)
    return f"CASE WHEN {late} < s.asked THEN f.{column} END" if late else f"f.{column}"
