"""How the tables lie in a folder: a file each, and a table of events in a folder of parts.

The parts go by the day on which a row became known (`features.parts`): a later export, with late
rows and corrections of old ones, adds small files and leaves the others as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from features.parts import names, part, source
from features.publication import sha256, write_parquet, write_parts
from features.tables import TABLES

NEVER = date(1970, 1, 1)
"""The day by which the one part of a table of events without any is named: it has columns."""


def relation(tables: Path, name: str) -> str:
    """SQL of the rows of a table in a folder of them.

    >>> relation(Path("data/tables"), "usage")
    "read_parquet('data/tables/usage/*.parquet')"
    >>> relation(Path("data/tables"), "nps")
    "read_parquet(['data/tables/nps.parquet'])"
    """
    return source(tables / name) if TABLES[name].parted else source(tables, [name])


def known_day(name: str, columns: Sequence[str]) -> str:
    """SQL of the day on which a row of a table became known.

    >>> known_day("usage", ["occurred_at", "recorded_at"])
    'CAST(greatest(occurred_at, coalesce(recorded_at, occurred_at)) AS DATE)'
    """
    occurred = TABLES[name].occurred
    if "recorded_at" not in columns:
        return f"CAST({occurred} AS DATE)"
    return f"CAST(greatest({occurred}, coalesce(recorded_at, {occurred})) AS DATE)"


def write_table(
    con: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str], tables: Path
) -> dict[str, Any]:
    """Write the relation of a table's name to a folder of tables, sorted by all its columns.

    It is read once. Returns the number of rows and the SHA-256 of the file, or of each part.
    """
    quoted = [f'"{column}"' for column in columns]
    if TABLES[name].parted:
        _write_events(con, name, columns, quoted, tables / name)
        files = {part: sha256(tables / name / f"{part}.parquet") for part in names(tables / name)}
        hashes: dict[str, Any] = {"parts": files}
    else:
        file = tables / f"{name}.parquet"
        write_parquet(con, f"SELECT {', '.join(quoted)} FROM {name}", file, quoted)
        hashes = {"sha256": sha256(file)}
    ((rows,),) = con.execute(f"SELECT count(*) FROM {relation(tables, name)}").fetchall()
    return {"rows": rows, **hashes}


def _write_events(
    con: duckdb.DuckDBPyConnection,
    name: str,
    columns: Sequence[str],
    quoted: Sequence[str],
    folder: Path,
) -> None:
    """Lay the rows down by known day, so that each part is found without looking at the others."""
    con.execute(
        f"CREATE OR REPLACE TABLE events AS SELECT {', '.join(quoted)}, "
        f"{known_day(name, columns)} AS known FROM {name} ORDER BY known"
    )
    ((last,),) = con.execute("SELECT max(known) FROM events").fetchall()
    if last is None:
        folder.mkdir()
        empty = folder / f"{part(NEVER, NEVER).name}.parquet"
        write_parquet(con, "SELECT * FROM events", empty, quoted, quoted)
    else:
        write_parts(con, "events", folder, "known", last, quoted, quoted)
    con.execute("DROP TABLE events")
