"""Run a source: a folder of SELECTs over what one company exports, locked down.

`accounts.sql` holds the one SELECT that makes the table `accounts`, and so on; files in `oddities`
each measure one thing that is odd in the export itself. While they run the engine can neither
read nor write anything but the input already loaded (`pipeline/reading/inputs.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from features.tables import TABLES, Finding
from pipeline.reading.inputs import load
from pipeline.reading.selects import Refused, Select, parse, sentence

ODDITIES = "oddities"

LOCKDOWN = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


@dataclass(frozen=True)
class Source:
    """The SELECTs of a source folder, by the table they make, and those of its oddities."""

    name: str
    tables: dict[str, Select] = field(default_factory=dict)
    oddities: dict[str, Select] = field(default_factory=dict)

    @property
    def reads(self) -> list[str]:
        """Every raw table that any SELECT reads."""
        every = [*self.tables.values(), *self.oddities.values()]
        return sorted(set().union(*(select.reads for select in every)))


@dataclass(frozen=True)
class Oddity:
    """Something odd in the export itself, measured by the source: `figure` rows out of `of`."""

    name: str
    finding: str
    figure: int
    of: int


def read_source(folder: Path) -> tuple[Source, list[Finding]]:
    """The source in `folder`, and a fault for every file in it that is not one harmless SELECT."""
    found: list[Finding] = []
    if not folder.is_dir():
        action = "Name a folder with one .sql file a table"
        return Source(folder.name), [_fault(str(folder), "there is no such source", action)]
    source = Source(folder.resolve().name)
    for path in sorted(folder.glob("*.sql")):
        if path.stem in TABLES:
            _add(path, path.name, source.tables, found)
        else:
            message = f"unknown table; known: {list(TABLES)}"
            found.append(_fault(path.name, message, "Name the file after the table it makes"))
    for path in sorted((folder / ODDITIES).glob("*.sql")):
        _add(path, f"{ODDITIES}/{path.name}", source.oddities, found)
    return source, found


def _add(path: Path, place: str, selects: dict[str, Select], found: list[Finding]) -> None:
    try:
        selects[path.stem] = parse(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        found.append(_fault(place, "the file is not UTF-8", "Save it as UTF-8"))
    except Refused as refused:
        reason, _, action = str(refused).partition("; ")
        found.append(_fault(place, reason, action[:1].upper() + action[1:]))


def run_source(
    con: duckdb.DuckDBPyConnection, source: Source, given: str, scratch: Path
) -> tuple[list[Oddity], list[Finding]]:
    """Leave what each SELECT says in `con`, as table `said_<table>`, and `con` locked down.

    `given` is a folder or a database URL; `scratch` a folder for working copies. Returns the
    source's oddities and every fault met.
    """
    unread, found = load(con, source.reads, given, scratch)
    for setting in LOCKDOWN:
        con.execute(setting)
    for table, select in source.tables.items():
        if not select.reads & unread:
            found += _run_one(con, f"{table}.sql", f"CREATE TABLE said_{table} AS ", select)
    oddities = []
    for name, select in source.oddities.items():
        if not select.reads & unread:
            oddity, faults = _measure(con, name, select)
            oddities += oddity
            found += faults
    for name in set(source.reads) - unread:
        con.unregister(name)
        con.execute(f'DROP TABLE IF EXISTS "{name}"')
    return oddities, found


def _run_one(
    con: duckdb.DuckDBPyConnection, place: str, prefix: str, select: Select
) -> list[Finding]:
    try:
        con.execute(f"{prefix}{select.sql}")
    except duckdb.Error as error:
        return [_fault(place, f"the SELECT fails: {sentence(error)}", "Correct the SELECT")]
    return []


def _measure(
    con: duckdb.DuckDBPyConnection, name: str, select: Select
) -> tuple[list[Oddity], list[Finding]]:
    place = f"{ODDITIES}/{name}.sql"
    if failed := _run_one(con, place, "CREATE OR REPLACE TEMP TABLE measured AS ", select):
        return [], failed
    rows = con.execute("FROM measured").df().to_dict("records")
    if len(rows) != 1 or set(rows[0]) != {"finding", "figure", "of"}:
        message = f"{len(rows)} rows of {list(rows[0]) if rows else 'nothing'}"
        return [], [_fault(place, message, "Return one row: finding, figure, of")]
    row = rows[0]
    return [Oddity(name, str(row["finding"]), int(row["figure"]), int(row["of"]))], []


def _fault(place: str, message: str, action: str) -> Finding:
    return Finding("fault", place, "", None, None, message, action)
