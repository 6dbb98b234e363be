"""The day rollups as the passes read them: near days only, accounts and units as numbers.

Whole numbers join, group and sort several times faster than text. The numbers are made anew for
each batch of mornings and are never stored, so that a file means the same whatever lies beside it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path

import duckdb

from features.parts import names, quoted, reaching, source
from features.rollups import UNITS
from features.sets import BITS

OF_ACCOUNTS = "user_id"  # people belong to one account, features and departments to all

KEY = ("is_key", "key_features")
MOMENTS = ("known_at", "replaced_at")


def days_of(table: str) -> str:
    """The SQL name of the table of a rollup's rows that was loaded."""
    return f'"days of {table}"'


def load(
    facts: Path,
    table: str,
    columns: Collection[str],
    units: Collection[str],
    days: tuple[date | None, date],
    work: duckdb.DuckDBPyConnection,
) -> None:
    """Create the table of a rollup's rows of `days` (from, until).

    A row has `account`, occurred_at, known_at, replaced_at, the `columns`, and for each of the
    `units` its "code x", and its "word x" and "bit x" of a set (see features.sets).
    """
    first, until = days
    parts = names(facts / table)
    rows = source(facts / table, parts if first is None else reaching(parts, first) or parts[-1:])
    near = f"f.day < DATE '{until}'" + ("" if first is None else f" AND f.day >= DATE '{first}'")
    listed = ["a.account", "f.day AS occurred_at", *(f"f.{moment}" for moment in MOMENTS)]
    listed += [f"f.{column}" for column in sorted(set(columns) - {*KEY, "day"})]
    joins = ["JOIN account_codes a ON a.account_id = f.account_id"]
    for unit in sorted(units):
        joins.append(_coded(work, rows, table, unit, near))
        listed += [f'"{unit}".{part} AS "{part} {unit}"' for part in ("code", "word", "bit")]
    if not set(columns).isdisjoint(KEY):
        joins += _keyed(work, facts, rows)
        listed += ["coalesce(k.is_key, FALSE) AS is_key", "t.key_features"]
    work.execute(
        f"CREATE OR REPLACE TABLE {days_of(table)} AS SELECT {', '.join(listed)} "
        f"FROM {rows} f {' '.join(joins)} WHERE {near}"
    )


def _coded(work: duckdb.DuckDBPyConnection, rows: str, table: str, unit: str, near: str) -> str:
    """Number the units of a rollup, in the order of their names; the join that finds the number."""
    account, within, on = "", "", ""
    if unit == OF_ACCOUNTS:
        account, within = "a.account, ", "PARTITION BY account "
        on = f' AND "{unit}".account = a.account'
    name = f'"{table} {unit}"'
    work.execute(
        f"CREATE OR REPLACE TABLE {name} AS SELECT *, CAST(code // {BITS} AS INTEGER) AS "
        f"word, CAST(1 AS BIGINT) << CAST(code % {BITS} AS INTEGER) AS bit FROM (SELECT *, "
        f"CAST(row_number() OVER ({within}ORDER BY unit) - 1 AS INTEGER) AS code FROM ("
        f"SELECT DISTINCT {account}f.{unit} AS unit FROM {rows} f JOIN account_codes a "
        f"ON a.account_id = f.account_id WHERE {near} AND f.{unit} IS NOT NULL))"
    )
    join = "JOIN" if UNITS.get(table) == unit else "LEFT JOIN"
    return f'{join} {name} "{unit}" ON "{unit}".unit = f.{unit}{on}'


def _keyed(work: duckdb.DuckDBPyConnection, facts: Path, rows: str) -> list[str]:
    """How the catalogue stood on the day on which a row became known: the joins that tell."""
    file = quoted(facts / "product_features.parquet")
    work.execute(
        "CREATE OR REPLACE TABLE key_periods AS SELECT feature, is_key, "
        "CAST(known_at AS DATE) AS since, CAST(lead(known_at) OVER "
        f"(PARTITION BY feature ORDER BY known_at) AS DATE) AS until FROM read_parquet({file})"
    )
    during = "k.since <= f.known_at AND (k.until IS NULL OR k.until > f.known_at)"
    work.execute(
        "CREATE OR REPLACE TABLE key_totals AS SELECT f.known_at, "
        "CAST(count(*) FILTER (WHERE k.is_key) AS INTEGER) AS key_features "
        f"FROM (SELECT DISTINCT known_at FROM {rows}) f JOIN key_periods k ON {during} "
        "GROUP BY f.known_at"
    )
    return [
        f"LEFT JOIN key_periods k ON k.feature = f.feature AND {during}",
        "LEFT JOIN key_totals t ON t.known_at = f.known_at",
    ]


def nearest(mornings: Collection[date], days: int | None) -> tuple[date | None, date]:
    """The days that lie up to `days` before any of some mornings; None: all that went before."""
    first = None if days is None else min(mornings) - timedelta(days)
    return first, max(mornings)
