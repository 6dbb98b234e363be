"""Exports of products that we know: their SELECTs are taken as they are, not guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path

import duckdb

from features.tables import TABLES
from pipeline.beginning.headers import Export
from pipeline.beginning.spellings import quoted
from pipeline.reading.selects import parse
from pipeline.reading.source import ODDITIES

SOURCES = Path(__file__).parents[2] / "sources"
PRODUCTS = ("stripe", "salesforce", "zendesk")


@dataclass(frozen=True)
class Known:
    """A SELECT of a product's source that a user's files fit: `text` reads them by their names.

    `place` is the file it makes below the source's folder, `reads` the raw names it reads, and
    `main` the one of them that is the table, the others being joined.
    """

    product: str
    place: str
    text: str
    reads: frozenset[str]
    main: str

    @property
    def table(self) -> str:
        """The table it makes; empty for an oddity."""
        return self.place.removesuffix(".sql") if self.place.removesuffix(".sql") in TABLES else ""


def known(exports: list[Export], sources: Path = SOURCES) -> list[Known]:
    """The SELECTs of known products that the exports fit; a table has one, of the first product."""
    found: list[Known] = []
    with duckdb.connect() as con:
        for export in exports:
            columns = ", ".join(f"{quoted(field.name)} {field.sql_type}" for field in export.fields)
            con.execute(f"CREATE TABLE {export.raw} ({columns})")
        for name in PRODUCTS:
            for path in sorted((sources / name).rglob("*.sql")):
                place = path.relative_to(sources / name).as_posix()
                if place not in {other.place for other in found}:
                    text = path.read_text(encoding="utf-8")
                    found += _fitting(
                        con, Known(name, place, text, frozenset(), ""), exports, found
                    )
    tables = {other.main for other in found if other.table}
    return [one for one in found if one.table or (ODDITIES in one.place and one.main in tables)]


def _fitting(
    con: duckdb.DuckDBPyConnection, select: Known, exports: list[Export], found: list[Known]
) -> list[Known]:
    """The SELECT over the files whose columns it finds, the first that do.

    `con` holds an empty table for every file. What is joined as the accounts is what made them.
    """
    reads = sorted(parse(select.text).reads, key=select.text.index)
    accounts = next((other.main for other in found if other.table == "accounts"), "")
    raws = [export.raw for export in exports]
    for files in permutations(raws, len(reads)):
        names = dict(zip(reads, files, strict=True))
        if names.get("raw_account", accounts) != accounts and select.table != "accounts":
            continue
        written = _renamed(select.text, names)
        if _binds(con, written):
            head = f"-- Taken from sources/{select.product}: its README says what was decided.\n"
            main = names[re.findall(r"FROM (raw_\w+)", select.text)[0]]
            return [replace(select, text=head + written, reads=frozenset(files), main=main)]
    return []


def _renamed(sql: str, names: dict[str, str]) -> str:
    return re.sub(r"\braw_\w+", lambda match: names.get(match[0], match[0]), sql)


def _binds(con: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Whether every column that a SELECT names is there."""
    try:
        con.sql(sql)
    except duckdb.Error:
        return False
    return True
