"""Whether the tables are fresh enough for a morning: a stale feed looks like dying customers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb

from features.parts import named, names
from features.tables import TABLES

KEPT_AS = {"usage": "account_days"}  # events stand only in the day rollups, in parts by their day


class Refused(ValueError):
    """The morning cannot be scored as asked; the sentence says what to change (exit 2)."""


class StaleTable(Refused):
    """A table's last fact lies longer before the morning than is allowed."""


class BeyondData(Refused):
    """The morning lies after the end of the data."""


def check_reached(as_of: date, data_until: date) -> None:
    """Raise BeyondData for a morning after `data_until`, the first day that the data do not hold:
    the days between would count as days on which nobody did anything."""
    if as_of > data_until:
        raise BeyondData(
            f"the data end before {data_until}, and until {as_of} nobody would seem to do "
            f"anything: bring newer exports, or ask as of {data_until}"
        )


def check_freshness(facts: Path, as_of: date, freshness: Mapping[str, int]) -> None:
    """Raise StaleTable, naming each table whose last fact known on `as_of` is too old.

    `freshness`: table -> days allowed; yesterday is 1. A table that the source does not supply is
    not stale, unless it is one that every source must have.
    """
    stale = []
    for table, allowed in sorted(freshness.items()):
        files = _newest_first(facts, KEPT_AS.get(table, table), as_of)
        if files is None and not TABLES[table].required:
            continue
        lasts = (_last(file, as_of) for file in files or ())
        last = next((day for day in lasts if day is not None), None)
        if last is None:
            stale.append(f"{table} holds no fact known before {as_of}")
        elif (as_of - last).days > allowed:
            stale.append(
                f"{table} ends {(as_of - last).days} days before {as_of}: its last fact is of "
                f"{last}, freshness.{table} allows {allowed} days"
            )
    if stale:
        raise StaleTable("; ".join(stale) + ". Bring newer exports, or ask for an earlier morning")


def _newest_first(facts: Path, name: str, as_of: date) -> list[Path] | None:
    """The files in which a table's facts lie: its one file, or its parts that begin in the past.

    None if the table is not there.
    """
    folder, file = facts / name, facts / f"{name}.parquet"
    if folder.is_dir():
        past = [part for part in names(folder) if named(part).first < as_of]
        return [folder / f"{part}.parquet" for part in reversed(past)]
    return [file] if file.exists() else None


def _last(file: Path, as_of: date) -> date | None:
    """The day of the newest fact in a facts file that was known on the morning."""
    with duckdb.connect() as con:
        rows = con.read_parquet(str(file))
        day = "day" if "day" in rows.columns else "CAST(occurred_at AS DATE)"
        ages = f"date_diff('day', {day}, ?), date_diff('day', known_at::DATE, ?)"
        row = con.execute(
            f"SELECT CAST(max(day) AS DATE) FROM (SELECT {day} AS day, least({ages}) AS age "
            "FROM read_parquet(?)) WHERE age >= 1",
            [as_of, as_of, str(file)],
        ).fetchone()
    return row[0] if row else None
