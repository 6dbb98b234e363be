"""What the published tables hold: how much, from when to when, how whole, and what is odd."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from features.oddities import warnings
from features.spans import day, first_records, supplied
from features.stored import relation
from features.tables import TABLES
from pipeline.ingest import SOURCE

LATE_DAYS = 7


def data_report(tables: Path) -> dict[str, Any]:
    """The data report on a folder of published tables, as plain values for JSON.

    `tables`: one entry for each table supplied; `missing`: what each optional table or column that
    is not there costs; `oddities`: what the source itself measured; `forgotten`: how many accounts
    were left out for having been forgotten; `warnings`: what looks odd.
    """
    source = json.loads((tables / SOURCE).read_text(encoding="utf-8"))
    data_from = date.fromisoformat(source["data_from"])
    data_until = date.fromisoformat(source["data_until"])
    with duckdb.connect() as con:
        for name in source["tables"]:
            con.execute(f"CREATE VIEW {name} AS FROM {relation(tables, name)}")
        there = supplied(con)
        return {
            "source": source["source"],
            "data_from": str(data_from),
            "data_until": str(data_until),
            "tables": [
                _table(con, name, columns, data_from, data_until) for name, columns in there.items()
            ],
            "missing": _missing(there),
            "oddities": source["oddities"],
            "forgotten": source["forgotten"],
            "warnings": [
                {
                    "table": warning.table,
                    "column": warning.column,
                    "count": int(warning.value or 0),
                    "message": warning.message,
                    "action": warning.action,
                }
                for warning in warnings(con, data_until)
            ],
        }


def _table(
    con: duckdb.DuckDBPyConnection,
    name: str,
    columns: list[str],
    data_from: date,
    data_until: date,
) -> dict[str, Any]:
    table = TABLES[name]
    shares = ", ".join(f'count(*) - count("{column}")' for column in columns)
    rows, *empty = _row(con, f"SELECT count(*), {shares} FROM {name}")
    return {
        "table": name,
        "meaning": table.meaning,
        "required": table.required,
        "rows": rows,
        **_days(con, name, columns, data_from, data_until),
        **_lateness(con, name, columns),
        "columns": [
            {
                "column": column,
                "kind": table[column].kind,
                "meaning": table[column].meaning,
                "missing_share": round(missing / rows, 4) if rows else None,
            }
            for column, missing in zip(columns, empty, strict=True)
        ],
    }


def _days(
    con: duckdb.DuckDBPyConnection,
    name: str,
    columns: list[str],
    data_from: date,
    data_until: date,
) -> dict[str, Any]:
    """First and last day, rows outside the period, whole days missing at its end, rows a month."""
    happened = day(name, columns)
    if happened is None:
        return {}
    first, last, before, beyond = _row(
        con,
        f"SELECT min({happened}), max({happened}) FILTER (WHERE {happened} < ?), "
        f"count(*) FILTER (WHERE {happened} < ?), count(*) FILTER (WHERE {happened} >= ?) "
        f"FROM {name}",
        data_until,
        data_from,
        data_until,
    )
    counted = dict(
        con.execute(
            f"SELECT strftime({happened}, '%Y-%m') AS month, count(*) FROM {name} "
            f"WHERE {happened} >= ? AND {happened} < ? GROUP BY 1",
            [data_from, data_until],
        ).fetchall()
    )
    months = _months(data_from, data_until)
    return {
        "first": str(first) if first else None,
        "last": str(last) if last else None,
        "days_missing_at_end": (data_until - last).days - 1 if last else None,
        "before_data_from": before,
        "beyond_data_until": beyond,
        "rows_by_month": {month: counted.get(month, 0) for month in months},
    }


def _lateness(con: duckdb.DuckDBPyConnection, name: str, columns: list[str]) -> dict[str, Any]:
    """Rows first recorded late, the 95th percentile of that in days, and further versions."""
    if "recorded_at" not in columns or day(name, columns) is None:
        return {}
    rows, first, late, p95 = _row(
        con,
        f"SELECT (SELECT count(*) FROM {name}), count(*), "
        f"count(*) FILTER (WHERE recorded - happened > {LATE_DAYS}), "
        "quantile_disc(greatest(recorded - happened, 0), 0.95) "
        f"FROM ({first_records(name, columns)})",
    )
    further = rows - first
    return {"late_rows": late, "late_days": LATE_DAYS, "lag_p95_days": p95, "versions": further}


def _missing(there: dict[str, list[str]]) -> list[dict[str, str]]:
    found = []
    for name, table in TABLES.items():
        if name not in there:
            found.append({"table": name, "column": "", "costs": table.costs})
            continue
        found += [
            {"table": name, "column": column.name, "costs": column.costs}
            for column in table.columns
            if column.name not in there[name] and column.costs
        ]
    return found


def _months(data_from: date, data_until: date) -> list[str]:
    days = (data_until - data_from).days
    return sorted({(data_from + timedelta(days=i)).strftime("%Y-%m") for i in range(days)})


def _row(con: duckdb.DuckDBPyConnection, sql: str, *values: object) -> tuple:
    return con.execute(sql, values).fetchall()[0]
