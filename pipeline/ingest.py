"""Stage: what a company exports becomes our tables, unaltered, or every reason why not."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from features.checks import examples, faults
from features.publication import published, sha256, write_parquet
from features.spans import supplied, until
from features.tables import SQL_TYPE, TABLES, BadInput, Finding, Table
from pipeline.readings import MEANT, readable, reading
from pipeline.source import Oddity, read_source, run_source

SOURCE = "source.json"


def ingest(
    source_folder: Path, given: str, data_from: date, data_until: date | None, out: Path
) -> None:
    """Publish a source's tables in `out`, with source.json, or raise BadInput with every fault.

    `given` is a folder of CSV and Parquet files or a database URL. The data hold every customer,
    the lost ones too, of `[data_from, data_until)`; without `data_until` it is the day after the
    earliest of the tables' last days.
    """
    source, found = read_source(source_folder)
    with TemporaryDirectory(prefix="renewcast-") as scratch, duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(f"SET temp_directory = '{scratch}'")
        oddities, failed = run_source(con, source, given, Path(scratch))
        found += failed
        attempted = {finding.table.removesuffix(".sql") for finding in found}
        attempted |= source.tables.keys()
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
            _write(con, new, source.name, data_from, data_until, oddities)


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


def _write(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    source: str,
    data_from: date,
    data_until: date | None,
    oddities: list[Oddity],
) -> None:
    """Write from a second connection: the first one is locked down and cannot."""
    tables = {}
    with duckdb.connect() as writer:
        for name, columns in supplied(con).items():
            path = folder / f"{name}.parquet"
            quoted = [f'"{column}"' for column in columns]
            rows = con.sql(f"SELECT {', '.join(quoted)} FROM {name}").to_arrow_reader()
            writer.register(name, rows)
            write_parquet(writer, f"FROM {name}", path, quoted)
            ((count,),) = con.execute(f"SELECT count(*) FROM {name}").fetchall()
            tables[name] = {"rows": count, "sha256": sha256(path)}
    described = {
        "source": source,
        "data_from": str(data_from),
        "data_until": str(data_until),
        "tables": tables,
        "oddities": [asdict(oddity) for oddity in oddities],
    }
    (folder / SOURCE).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def _fault(table: str, column: str, message: str, action: str) -> Finding:
    return Finding("fault", table, column, None, None, message, action)


def run() -> None:
    """Write data/tables from the source that params.yaml names."""
    from pipeline import files
    from pipeline.settings import load

    source = load().source
    ingest(Path(source.folder), source.input, source.data_from, source.data_until, files.TABLES)


if __name__ == "__main__":
    run()
