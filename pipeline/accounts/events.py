"""What happened to accounts lately, as known on a morning, without a word that anybody wrote.

A category is shown only where it reads like one and several accounts share it: a column of
categories may be a field in which people write.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from features.cover import visible
from features.facts import moment

COLUMNS = ["account_id", "day", "kind", "text", "value"]
SHARED = 3
"""Accounts that must have a category before it is shown: one that is alone could be a sentence."""
LOOKS = r"\p{L}[\p{L}0-9 /&_-]{0,23}"


def events(facts: Path, as_of: date, days: int, accounts: Collection[str]) -> pd.DataFrame:
    """The tickets, NPS answers, touchpoints and contract changes of some accounts in so many days
    before a morning: COLUMNS, in no particular order.

    A table that was not supplied brings no events. serve/dossier.py says what `value` is.
    """
    day = f"DATE '{as_of.isoformat()}'"
    found = [pd.DataFrame(columns=COLUMNS)]
    with duckdb.connect() as con:
        con.register("asked", pd.DataFrame({"account_id": pd.Series(list(accounts), dtype=str)}))
        for name, told in (
            ("tickets", _tickets),
            ("nps", _answers),
            ("touchpoints", _touchpoints),
            ("subscriptions", _contracts),
        ):
            path = facts / f"{name}.parquet"
            if not path.exists():
                continue
            con.read_parquet(str(path)).create_view(name)
            there = set(con.table(name).columns)
            rows = (
                f"SELECT * FROM {name} f WHERE {visible('f', day)} AND account_id IN (FROM asked)"
            )
            lately = f"day >= {day} - INTERVAL {days} DAY AND day < {day}"
            sql = told(rows, day, there)
            found.append(con.sql(f"SELECT {', '.join(COLUMNS)} FROM ({sql}) WHERE {lately}").df())
    return pd.concat([of for of in found if len(of)] or found, ignore_index=True)


def _tickets(rows: str, day: str, there: set[str]) -> str:
    said = [_category("tickets", name) for name in ("priority", "category") if name in there]
    opened, ended, days = "CAST(occurred_at AS DATE)", "''", "CAST(NULL AS DOUBLE)"
    if "resolved_at" in there:
        solved = f"CASE WHEN {moment('tickets', 'resolved_at', there)} < {day} THEN resolved_at END"
        days = f"date_diff('day', {opened}, coalesce(CAST({solved} AS DATE), {day}))"
        ended = f"CASE WHEN {solved} IS NULL THEN ', still open' ELSE ', resolved' END"
    about = f"nullif(concat_ws(', ', {', '.join(said)}), '')" if said else "NULL"
    return (
        f"SELECT account_id, {opened} AS day, 'ticket' AS kind, "
        f"'Ticket' || coalesce(' (' || {about} || ')', '') || {ended} AS text, {days} AS value "
        f"FROM ({rows}) f"
    )


def _answers(rows: str, day: str, there: set[str]) -> str:
    return (
        "SELECT account_id, CAST(occurred_at AS DATE) AS day, 'nps' AS kind, "
        f"'NPS answer' AS text, score AS value FROM ({rows}) f"
    )


def _touchpoints(rows: str, day: str, there: set[str]) -> str:
    held, late = "CAST(occurred_at AS DATE)", "CAST(NULL AS DOUBLE)"
    if "planned_for" in there:
        late = f"date_diff('day', planned_for, {held})"
    what = f"coalesce({_category('touchpoints', 'kind')}, 'of another kind')"
    return (
        f"SELECT account_id, {held} AS day, 'touchpoint' AS kind, 'Touchpoint: ' || {what} "
        f"AS text, {late} AS value FROM ({rows}) f"
    )


def _contracts(rows: str, day: str, there: set[str]) -> str:
    """Rows that begin and end, put together by day: a renewal ends one and begins another."""
    ended = f"CASE WHEN {moment('subscriptions', 'ended_at', there)} < {day} THEN ended_at END"
    paid = "coalesce(arr, 1) > 0"  # free and trial rows are no contract
    steps = (
        f"SELECT account_id, start_date AS day, 1 AS way, arr FROM ({rows}) f WHERE {paid} "
        f"UNION ALL SELECT account_id, {ended}, -1, arr FROM ({rows}) f WHERE {paid}"
    )
    told = (
        "CASE WHEN min(way) > 0 THEN 'Contract rows began' WHEN max(way) < 0 "
        "THEN 'Contract rows ended' ELSE 'Contract rows replaced' END"
    )
    change = "CASE WHEN count(*) = count(arr) THEN CAST(sum(way * arr) AS DOUBLE) END"
    sql = (
        f"SELECT account_id, day, 'contract' AS kind, {told} AS text, {change} AS value "
        f"FROM ({steps}) WHERE day IS NOT NULL GROUP BY account_id, day"
    )
    if "notice_at" in there:
        sql += (
            " UNION ALL SELECT DISTINCT account_id, notice_at, 'contract', 'Notice given', "
            f"CAST(NULL AS DOUBLE) FROM ({rows}) f"
        )
    return sql


def _category(table: str, column: str) -> str:
    """SQL of a category in plain small letters; NULL for what is none."""
    shared = (
        f"SELECT {column} FROM {table} GROUP BY {column} "
        f"HAVING count(DISTINCT account_id) >= {SHARED}"
    )
    return (
        f"CASE WHEN regexp_full_match({column}, '{LOOKS}') AND {column} IN ({shared}) "
        f"THEN lower(replace({column}, '_', ' ')) END"
    )
