"""Whether the tables are fresh enough for a morning: a stale feed looks like dying customers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb

from features.tables import TABLES

KEPT_AS = {"usage": "account_days"}  # events stand only in the day rollups


class Refused(ValueError):
    """The morning cannot be scored as asked; the sentence says what to change (exit 2)."""


class StaleTable(Refused):
    """A table's last fact lies longer before the morning than is allowed."""


def check_freshness(facts: Path, as_of: date, freshness: Mapping[str, int]) -> None:
    """Raise StaleTable, naming each table whose last fact known on `as_of` is too old.

    `freshness`: table -> days allowed; yesterday is 1. A table that the source does not supply is
    not stale, unless it is one that every source must have.
    """
    stale = []
    for table, allowed in sorted(freshness.items()):
        file = facts / f"{KEPT_AS.get(table, table)}.parquet"
        if not file.exists() and not TABLES[table].required:
            continue
        last = _last(file, as_of) if file.exists() else None
        if last is None:
            stale.append(f"{table} holds no fact known before {as_of}")
        elif (as_of - last).days > allowed:
            stale.append(
                f"{table} ends {(as_of - last).days} days before {as_of}: its last fact is of "
                f"{last}, freshness.{table} allows {allowed} days"
            )
    if stale:
        raise StaleTable("; ".join(stale) + ". Bring newer exports, or ask for an earlier morning")


def _last(file: Path, as_of: date) -> date | None:
    """The day of the newest fact in a facts file that was known on the morning."""
    ages = "date_diff('day', CAST(occurred_at AS DATE), ?), date_diff('day', known_at::DATE, ?)"
    with duckdb.connect() as con:
        row = con.execute(
            f"SELECT max(occurred_at)::DATE FROM (SELECT occurred_at, least({ages}) AS age "
            "FROM read_parquet(?)) WHERE age >= 1",
            [as_of, as_of, str(file)],
        ).fetchone()
    return row[0] if row else None
