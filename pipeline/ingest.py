"""Stage: what a company exports becomes our tables, unaltered, or every reason why not."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from features.checks import examples, faults
from features.publication import published
from features.spans import supplied, until
from features.stored import write_table
from features.tables import SQL_TYPE, TABLES, BadInput, Finding, Table
from pipeline.forgetting import Register, leave_out
from pipeline.reading.readings import MEANT, readable, reading
from pipeline.reading.source import read_source, run_source

SOURCE = "source.json"
SHARE = "40%"  # of the memory, for each of the two connections; the rest goes to disk


def ingest(
    source_folder: Path,
    given: str,
    data_from: date,
    data_until: date | None,
    out: Path,
    forgotten: Register | None = None,
) -> None:
    """Publish a source's tables in `out`, with source.json, or raise BadInput with every fault.

    `given` is a folder of CSV and Parquet files or a database URL. The data hold every customer,
    the lost ones too, of `[data_from, data_until)`; without `data_until` it is the day after the
    earliest of the tables' last days. Accounts that were forgotten (by default: here) are left out,
    and counted in source.json.
    """
    source, found = read_source(source_folder)
    with TemporaryDirectory(prefix="renewcast-") as scratch, duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        _spill(con, Path(scratch, "typed"))
        oddities, failed = run_source(con, source, given, Path(scratch))
        found += failed
        attempted = {finding.table.removesuffix(".sql") for finding in found}
        attempted |= source.tables.keys()
        left_out = leave_out(con, Register.read() if forgotten is None else forgotten)
        found += type_tables(con)
        found += [
            fault
            for fault in faults(con, data_until)
            if fault.table in supplied(con) or fault.table not in attempted
        ]
        data_until = data_until or until(con)
        found += _period(data_from, data_until)
        if found:
            raise BadInput(found)
        with published(out) as new:
            described = {
                "source": source.name,
                "data_from": str(data_from),
                "data_until": str(data_until),
                "tables": _write(con, new, Path(scratch, "written")),
                "oddities": [asdict(oddity) for oddity in oddities],
                "forgotten": left_out,
            }
            text = json.dumps(described, indent=2) + "\n"
            (new / SOURCE).write_text(text, encoding="utf-8")


def type_tables(con: duckdb.DuckDBPyConnection) -> list[Finding]:
    """Make each table of the contract a view of its `said_` table; returns what cannot be read.

    A column that the contract does not know is a fault: it may be one that it knows, misspelt.
    """
    found = []
    for name, table in TABLES.items():
        said = con.execute(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_name = ? ORDER BY ordinal_position",
            [f"said_{name}"],
        ).fetchall()
        if said:
            found += _type_table(con, table, dict(said))
    return found


def _type_table(
    con: duckdb.DuckDBPyConnection, table: Table, said: dict[str, str]
) -> list[Finding]:
    name, found, typed = table.name, [], []
    for unknown in sorted(said.keys() - set(table.names)):
        message = f"unknown column; known: {table.names}"
        found.append(_fault(name, unknown, message, "Rename it, or leave it out of the SELECT"))
    for column in (column for column in table.columns if column.name in said):
        sql_type, meant = said[column.name], MEANT[column.kind]
        if not readable(column.kind, sql_type):
            message = f"wrong type {sql_type}: {meant} is meant"
            found.append(_fault(name, column.name, message, "CAST it in the SELECT"))
            typed.append(f'CAST(NULL AS {SQL_TYPE[column.kind]}) AS "{column.name}"')
            continue
        read = reading(column, sql_type)
        typed.append(f'CAST({read.value} AS {SQL_TYPE[column.kind]}) AS "{column.name}"')
        rows = f'SELECT rowid + 1 AS row, "{column.name}" AS value FROM said_{name} WHERE'
        if column.kind != "text":
            sql = f"{rows} NOT ({read.is_empty}) AND ({read.value}) IS NULL"
            action = f"Write {meant}" + ("" if column.filled else ", or leave it empty")
            message = f"cannot be read as {column.kind}"
            found += examples(con, sql, name, column.name, message, action)
        if column.filled:
            action = f"Give it a value in every row: {column.meaning}"
            sql = f"{rows} {read.is_empty}"
            found += examples(con, sql, name, column.name, "has no value", action)
    columns = ", ".join(["rowid", *typed])
    con.execute(f"CREATE VIEW {name} AS SELECT {columns} FROM said_{name}")
    return found


def _period(data_from: date, data_until: date | None) -> list[Finding]:
    if data_until is None or data_from < data_until:
        return []
    message = f"data_from {data_from} is not before data_until {data_until}"
    return [_fault("source", "data_from", message, "The data hold [data_from, data_until)")]


def _spill(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Have a connection lay down, in a folder of its own, what its share of memory cannot hold."""
    con.execute(f"SET memory_limit = '{SHARE}'")
    con.execute(f"SET temp_directory = '{folder}'")


def _write(con: duckdb.DuckDBPyConnection, tables: Path, scratch: Path) -> dict[str, Any]:
    """Write every table from a second connection: the first one is locked down and cannot.

    Returns what source.json says of each.
    """
    written = {}
    with duckdb.connect() as writer:
        _spill(writer, scratch)
        for name, columns in supplied(con).items():
            quoted = ", ".join(f'"{column}"' for column in columns)
            writer.register(name, con.sql(f"SELECT {quoted} FROM {name}").to_arrow_reader())
            written[name] = write_table(writer, name, columns, tables)
    return written


def _fault(table: str, column: str, message: str, action: str) -> Finding:
    return Finding("fault", table, column, None, None, message, action)


def run() -> None:
    """Write data/tables from the source that params.yaml names."""
    from pipeline import files
    from pipeline.settings import load

    source = load().source
    ingest(Path(source.folder), source.input, source.data_from, source.data_until, files.TABLES)


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run()
