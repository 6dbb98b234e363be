"""What lies in a connection of the tables a user brings, and how far it reaches in time."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb

from features.tables import TABLES


def supplied(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The contract's tables in `con` and, of each, the contract's columns that it has."""
    rows = con.execute("SELECT table_name, column_name FROM information_schema.columns").fetchall()
    there: dict[str, set[str]] = {}
    for table, column in rows:
        there.setdefault(table, set()).add(column)
    return {
        name: [column for column in table.names if column in there[name]]
        for name, table in TABLES.items()
        if name in there
    }


def day(table: str, columns: list[str]) -> str | None:
    """SQL for the day on which a row happened, or None if the table cannot say.

    A subscription happens when it is signed.

    >>> day("subscriptions", ["start_date", "booked_at"])
    'CAST(coalesce(booked_at, start_date) AS DATE)'
    """
    occurred = TABLES[table].occurred
    if occurred not in columns:
        return None
    signed = table == "subscriptions" and "booked_at" in columns
    return f"CAST({'coalesce(booked_at, start_date)' if signed else occurred} AS DATE)"


def first_records(table: str, columns: list[str]) -> str:
    """SQL for (happened, recorded) of each row's first version: later ones are news, not late."""
    happened, key = day(table, columns), TABLES[table].key[0]
    said = f"SELECT *, {happened} AS happened, CAST(recorded_at AS DATE) AS recorded FROM {table}"
    if key not in columns:
        return f"SELECT happened, recorded FROM ({said})"
    return (
        f"SELECT min(happened) AS happened, min(recorded) AS recorded FROM ({said}) GROUP BY {key}"
    )


def spans(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[date, date]]:
    """The first and last day of every table that has rows and days."""
    found = {}
    for name, columns in supplied(con).items():
        if happened := day(name, columns):
            sql = f"SELECT min({happened}), max({happened}) FROM {name}"
            ((first, last),) = con.execute(sql).fetchall()
            if first is not None:
                found[name] = (first, last)
    return found


def until(con: duckdb.DuckDBPyConnection) -> date | None:
    """The first day on which some table has ended: the day after the earliest last day."""
    lasts = [last for _, last in spans(con).values()]
    return min(lasts) + timedelta(days=1) if lasts else None


def reach(con: duckdb.DuckDBPyConnection) -> date | None:
    """The first day that no table reaches any more.

    Starts and ends of subscriptions do not count, since they may lie ahead; the days on which a
    row was booked, recorded or given notice do.
    """
    happened = [
        f"SELECT CAST({column} AS DATE) AS happened FROM {name}"
        for name, there in supplied(con).items()
        for column in (TABLES[name].occurred, "recorded_at", "booked_at", "notice_at")
        if column in there and column != "start_date"
    ]
    if not happened:
        return None
    ((last,),) = con.execute(
        f"SELECT max(happened) FROM ({' UNION ALL '.join(happened)})"
    ).fetchall()
    return None if last is None else last + timedelta(days=1)
