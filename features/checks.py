"""Every fault of the tables a user brings, all at once; nothing is repaired.

The tables lie in a DuckDB connection under their names in `TABLES`, typed and in the order in which
they were brought: a row's number is its place in that order. Optional tables and columns may be
missing, and every rule asks first whether what it needs is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from features.oddities import warnings
from features.spans import reach, supplied, until
from features.tables import TABLES, Finding

EXAMPLES = 5


@dataclass(frozen=True)
class Rule:
    """One rule of one table: `sql` yields (row, value) for each row that breaks it."""

    table: str
    column: str
    needs: tuple[str, ...]
    sql: str
    message: str
    action: str


def check(con: duckdb.DuckDBPyConnection, data_until: date | None = None) -> list[Finding]:
    """Every fault of the tables in `con`, and every warning.

    `data_until` is the first day that the data do not hold; by default the tables say it.
    """
    return faults(con, data_until) + warnings(con, data_until or until(con))


def faults(con: duckdb.DuckDBPyConnection, data_until: date | None = None) -> list[Finding]:
    """Every fault of the tables in `con`; at most five examples of each are spelt out."""
    columns = supplied(con)
    found = _missing(columns) + _empty(con, columns)
    ends = max((day for day in (reach(con), data_until) if day is not None), default=None)
    for rule in _rules(columns, ends):
        if rule.table in columns and set(rule.needs) <= set(columns[rule.table]):
            found += _broken(con, rule)
    return found


def examples(
    con: duckdb.DuckDBPyConnection, sql: str, table: str, column: str, message: str, action: str
) -> list[Finding]:
    """Faults for the first rows (row, value) of `sql`, and one more that counts the rest."""
    rows = con.execute(
        f"SELECT row, CAST(value AS VARCHAR), count(*) OVER () FROM ({sql}) ORDER BY row "
        f"LIMIT {EXAMPLES}"
    ).fetchall()
    found = [Finding("fault", table, column, row, value, message, action) for row, value, _ in rows]
    more = rows[0][2] - len(rows) if rows else 0
    if more:
        text = f"{more:,} more rows: {message}"
        found.append(Finding("fault", table, column, None, None, text, action))
    return found


def _broken(con: duckdb.DuckDBPyConnection, rule: Rule) -> list[Finding]:
    return examples(con, rule.sql, rule.table, rule.column, rule.message, rule.action)


def _missing(columns: dict[str, list[str]]) -> list[Finding]:
    found = []
    for name, table in TABLES.items():
        if name not in columns:
            if table.required:
                action = f"Bring it: {table.meaning}"
                found.append(_fault(name, "", "the table is missing and required", action))
            continue
        for column in table.columns:
            if column.required and column.name not in columns[name]:
                there = f"there are {columns[name]}" if columns[name] else "none is there"
                message = f"the column is missing and required; {there}"
                found.append(_fault(name, column.name, message, f"Bring it: {column.meaning}"))
    return found


def _empty(con: duckdb.DuckDBPyConnection, columns: dict[str, list[str]]) -> list[Finding]:
    action = "Bring at least one row, or look why the export is empty"
    return [
        _fault(name, "", "the table is required and has no rows", action)
        for name in columns
        if TABLES[name].required and not con.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchall()
    ]


def _fault(table: str, column: str, message: str, action: str) -> Finding:
    return Finding("fault", table, column, None, None, message, action)


def _rules(columns: dict[str, list[str]], data_end: date | None) -> list[Rule]:
    rules = [_unique(name, columns[name]) for name in columns]
    if "account_id" in columns.get("accounts", ()):
        rules += [_orphan(name) for name in columns if name != "accounts"]
    rules += [
        Rule(
            "subscriptions",
            "ended_at",
            ("start_date", "ended_at"),
            _where("subscriptions", "ended_at", "ended_at < start_date"),
            "ends before its start_date",
            "Correct one of the two; an end is the first day without",
        ),
        Rule(
            "subscriptions",
            "term_end",
            ("start_date", "term_end"),
            _where("subscriptions", "term_end", "term_end <= start_date"),
            "a term that ends on or before its start_date",
            "Give the first day the customer is free to leave; "
            "leave it empty if they may leave at any time",
        ),
        Rule(
            "subscriptions",
            "arr",
            ("arr",),
            _where("subscriptions", "arr", "arr < 0"),
            "negative ARR",
            "Give the yearly amount; 0 for free or trial, empty if paying an unknown amount",
        ),
        Rule(
            "subscriptions",
            "currency",
            ("currency",),
            "SELECT NULL AS row, string_agg(currency, ', ' ORDER BY currency) AS value "
            "FROM (SELECT DISTINCT currency FROM subscriptions WHERE currency IS NOT NULL) "
            "HAVING count(*) > 1",
            "more than one currency",
            "Convert arr to one currency at one fixed rate in the SELECT",
        ),
        Rule(
            "subscriptions",
            "discount",
            ("discount",),
            _where("subscriptions", "discount", "discount < 0 OR discount > 1"),
            "a discount outside 0-1",
            "Give the share of the list price given away: 0.1 is a tenth",
        ),
        Rule(
            "subscriptions",
            "seats",
            ("seats",),
            _where("subscriptions", "seats", "seats < 0"),
            "negative seats",
            "Give the number of people who may use it, or leave it empty",
        ),
        Rule(
            "nps",
            "score",
            ("score",),
            _where("nps", "score", "score < 0 OR score > 10"),
            "an NPS score outside 0-10",
            "Give the answer on the scale 0-10",
        ),
    ]
    if data_end is not None:
        notice = "notice_at IS NULL" if "notice_at" in columns.get("subscriptions", ()) else "true"
        beyond = f"ended_at > DATE '{data_end}' AND {notice}"
        rules.append(
            Rule(
                "subscriptions",
                "ended_at",
                ("ended_at",),
                _where("subscriptions", "ended_at", beyond),
                f"an end after the data's end ({data_end}) without notice_at",
                "Leave it empty while the row runs, or give the day notice was given, or give "
                "data_until if the data reach further than that",
            )
        )
    return rules


def _where(table: str, column: str, condition: str) -> str:
    return f"SELECT rowid + 1 AS row, {column} AS value FROM {table} WHERE {condition}"


def _unique(name: str, columns: list[str]) -> Rule:
    table = TABLES[name]
    version = ("recorded_at",) if "recorded_at" in columns else ()
    key = ", ".join((*table.key, *version))
    filled = " AND ".join(f"{column} IS NOT NULL" for column in table.key)
    shown = " || ' recorded ' || ".join(
        f"coalesce(CAST({part} AS VARCHAR), 'without recorded_at')" for part in key.split(", ")
    )
    sql = (
        f"SELECT max(rowid) + 1 AS row, {shown} AS value FROM {name} "
        f"WHERE {filled} GROUP BY {key} HAVING count(*) > 1"
    )
    what = "id and recorded_at" if version else "id"
    action = "Keep one row, or give versions of it different recorded_at"
    return Rule(name, table.key[0], table.key, sql, f"duplicate {what}", action)


def _orphan(name: str) -> Rule:
    unknown = "account_id NOT IN (SELECT account_id FROM accounts WHERE account_id IS NOT NULL)"
    action = "Add the account to accounts, or leave the row out in the SELECT and say so"
    sql = _where(name, "account_id", unknown)
    return Rule(name, "account_id", ("account_id",), sql, "not among accounts", action)
