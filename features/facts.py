"""Facts: the rows of the tables with the moments at which they happened, were known, and replaced.

`build_facts` writes a Parquet file a table, with `occurred_at`, `known_at` (the later of
`occurred_at` and `recorded_at`) and `replaced_at` (when a newer version of the row became known,
over all versions), and the daily rollups of usage. Measures are exact decimals, so that no sum
depends on the order of its rows.

A rollup row is a *state*: what was known of a day between two moments. A late or corrected event
ends the state of its day and begins another, so that a morning sees at most one row of a day.
`events` is the sum of `count`, an event without one counting as 1.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import duckdb

from features.parts import names, source
from features.publication import keep, made_by, published, write_parquet
from features.rollups import ROLLUPS, chunks, roll_up, stored
from features.stored import relation
from features.tables import TABLES
from features.usage import Record, Usage, stale
from features.workshop import workshop

MADE_BY = ("facts", "parts", "publication", "rollups", "stored", "tables", "usage", "workshop")
"""The modules that facts come from: made by others, they are made again."""

SPARK = "spark"

EXACT = {"arr": "DECIMAL(18, 2)", "count": "DECIMAL(18, 3)", "minutes": "DECIMAL(18, 3)",
         "discount": "DECIMAL(9, 6)"}  # fmt: skip
NUMBER = "DECIMAL(18, 6)"


class UnknownColumn(ValueError):
    """A column was named that no table has."""


LATE: dict[str, dict[str, tuple[str, ...]]] = {
    "tickets": {
        "first_response_at": ("first_response_at",),
        "resolved_at": ("resolved_at",),
        "reopened_at": ("reopened_at",),
        "csat": ("csat_at", "resolved_at"),
        "csat_at": ("csat_at",),
    },
    "subscriptions": {"notice_at": ("notice_at",), "ended_at": ("notice_at", "ended_at")},
}
"""Columns written later than their row, and the columns that tell when: the first of those filled
in, or for an end the earliest."""

OVERWRITTEN = {"subscriptions": ("auto_renew", "plan"), "touchpoints": ("owner",)}
"""Columns that sources overwrite: features only if the table has versions, or they are static."""

RENEWALS = {
    "due_date": "date", "arr_due": "number", "month_to_month": "flag", "early": "flag",
    "status": "text", "arr_kept": "number", "arr_renewed": "number",
}  # fmt: skip

NEVER = ("account_id", "recorded_at", "risk_call")

READABLE: dict[str, dict[str, str]] = {
    **{name: {**columns, "gap": "number"} for name, columns in ROLLUPS.items()},
    "feature_days": {
        **ROLLUPS["feature_days"],
        "gap": "number",
        "is_key": "flag",
        "key_features": "integer",
    },
    **{
        name: {c.name: c.kind for c in TABLES[name].columns if c.name not in NEVER}
        for name in ("tickets", "nps", "touchpoints", "subscriptions")
    },
    "renewals": RENEWALS,
}
"""The tables that features read, and the kinds of their columns."""

KEYS: dict[str, tuple[str, ...]] = {
    **{name: table.key for name, table in TABLES.items()},
    "user_days": ("account_id", "user_id", "day"),
    "account_days": ("account_id", "day"),
    "feature_days": ("account_id", "feature", "day"),
    "renewals": ("due_date",),
}
"""The columns that name a row of a table; of several versions, one is visible on a morning."""


def moment(table: str, column: str, columns: Collection[str]) -> str | None:
    """SQL of the moment from which a late-written column of the row `f` is known; None: at once.

    >>> moment("tickets", "csat", {"csat", "csat_at", "resolved_at"})
    'coalesce(f.csat_at, f.resolved_at)'
    >>> moment("subscriptions", "ended_at", {"ended_at"})
    'f.ended_at'
    """
    tellers = LATE.get(table, {}).get(column)
    if tellers is None:
        return None
    there = [f"f.{name}" for name in tellers if name in columns]
    if len(there) < 2:
        return there[0] if there else "CAST(NULL AS TIMESTAMP)"
    return f"{'least' if column == 'ended_at' else 'coalesce'}({', '.join(there)})"


class MixedFacts(RuntimeError):
    """A folder of facts holds files of another build, or lacks some of its own."""


def supplied(facts: Path) -> dict[str, list[str]]:
    """The columns of each fact table that features may use, as `build_facts` wrote them down.

    Raises MixedFacts where a rollup does not lie in the parts that were written: days would be
    counted twice, or not at all.
    """
    said = json.loads((facts / "facts.json").read_text("utf-8"))
    tables = said["tables"]
    for name, parts in said["parts"].items():
        if strange := sorted(set(parts) ^ set(_parts(facts / name))):
            raise MixedFacts(
                f"{facts / name} is not as it was built: {', '.join(strange[:5])} "
                f"{'is' if len(strange) == 1 else 'are'} of another build, or missing: delete "
                f"{facts} and build it again (`dvc repro -f observe`)"
            )
    return {
        name: [column for column in table["columns"] if column not in table["overwritten"]]
        for name, table in tables.items()
    }


def versions(name: str, columns: Sequence[str]) -> str:
    """SQL of a table's rows as facts, from a relation of the table's name with `columns`.

    Only rows that have a newer version are looked at twice.
    """
    table = TABLES[name]
    kinds = {column: table[column].kind for column in columns}
    typed = [
        f"CAST({c} AS {EXACT.get(c, NUMBER)}) AS {c}" if kind == "number" else c
        for c, kind in kinds.items()
        if c != "occurred_at"
    ]
    occurred = f"CAST({table.occurred} AS TIMESTAMP)"
    if name == "subscriptions" and "booked_at" in columns:
        occurred = "CAST(coalesce(booked_at, start_date) AS TIMESTAMP)"
    if "recorded_at" not in columns:
        return (
            f"SELECT {', '.join(typed)}, {occurred} AS occurred_at, {occurred} AS known_at, "
            f"CAST(NULL AS TIMESTAMP) AS replaced_at FROM {name}"
        )
    known = f"greatest({occurred}, CAST(recorded_at AS TIMESTAMP))"
    facts = f"SELECT {', '.join(typed)}, {occurred} AS occurred_at, {known} AS known_at FROM {name}"
    if not set(table.key) <= set(columns):
        return f"SELECT *, CAST(NULL AS TIMESTAMP) AS replaced_at FROM ({facts})"
    (key,) = table.key
    again = f"SELECT {key} FROM {name} GROUP BY {key} HAVING count(*) > 1"
    later = (
        f"SELECT {key}, recorded_at, min({known}) OVER (PARTITION BY {key} ORDER BY recorded_at "
        "NULLS FIRST ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS replaced_at "
        f"FROM {name} WHERE {key} IN ({again})"
    )
    return (
        f"SELECT f.*, v.replaced_at FROM ({facts}) f LEFT JOIN ({later}) v ON v.{key} = f.{key} "
        "AND v.recorded_at IS NOT DISTINCT FROM f.recorded_at"
    )


def _sort(columns: Sequence[str]) -> list[str]:
    """Columns that sort a table's facts: by account and time, then whatever tells rows apart."""
    first = ["account_id", "occurred_at", "known_at"]
    return [*first, *(column for column in columns if column not in first)]


def _overwritten(name: str, columns: Sequence[str], static: Sequence[str]) -> list[str]:
    if "recorded_at" in columns:
        return []
    return [c for c in OVERWRITTEN.get(name, ()) if c in columns and c not in static]


def _delay(con: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> int:
    """The 95th percentile of the days from a subscription's start, or end, to knowing of it."""
    ending = moment("subscriptions", "ended_at", columns)
    (days,) = con.execute(
        f"""
        WITH f AS ({versions("subscriptions", columns)}),
        told AS (
            SELECT subscription_id, 'start' AS what, CAST(start_date AS DATE) AS day, known_at
            FROM f
            UNION ALL
            SELECT subscription_id, 'end', CAST(ended_at AS DATE),
                   greatest(known_at, CAST({ending} AS TIMESTAMP))
            FROM f WHERE ended_at IS NOT NULL
        ),
        first AS (
            SELECT arg_min(day, known_at) AS day, CAST(min(known_at) AS DATE) AS known
            FROM told GROUP BY subscription_id, what
        )
        SELECT quantile_disc(greatest(date_diff('day', day, known), 0), 0.95) FROM first
        """
    ).fetchone() or (None,)
    return int(days or 0)


def build_facts(
    con: duckdb.DuckDBPyConnection, tables: Path, out: Path, static: Sequence[str]
) -> None:
    """Write the facts of the tables in `tables`, and `facts.json`, to the folder `out`.

    `static` names the overwritten columns that never change in this source. The folder appears
    whole or not at all. `facts.json` holds, per table, the columns supplied and those features may
    not use; `data_from` and `data_until`; and `delay_days`, the 95th percentile of the days by
    which subscription facts are known later than they take effect. What `out` holds already, made
    by the same code from the same rows, is kept; the bytes are those of a build from nothing.
    Raises UnknownColumn.
    """
    named = {column for table in TABLES.values() for column in table.names}
    for column in static:
        if column not in named:
            near = ", ".join(get_close_matches(column, named)) or ", ".join(sorted(named))
            raise UnknownColumn(f"no table has the static column {column!r}: near are {near}")
    stated = json.loads((tables / "source.json").read_text("utf-8"))
    before = _before(con, out)
    with published(out) as folder, workshop(con) as work:
        columns = _columns(work, tables)
        written = {}
        for name in columns:
            if TABLES[name].occurred and name != "usage":
                seal = stated["tables"][name].get("sha256", "")
                written[name] = seal
                if not seal or before["seals"].get(name) != seal:
                    sql = versions(name, columns[name])
                    write_parquet(work, sql, folder / f"{name}.parquet", _sort(columns[name]))
                else:
                    keep(out / f"{name}.parquet", folder / f"{name}.parquet")
        if "usage" in columns and stated["tables"]["usage"]["rows"]:
            counted = stated["tables"]["usage"]
            usage = Usage(tables / "usage", columns["usage"], counted["rows"], counted["parts"])
            _roll_up(work, usage, out if before["seals"] else None, folder)
            columns |= stored(columns["usage"])
            catalogue = columns.setdefault("product_features", ["feature", "is_key"])
            _catalogue(work, tables, catalogue, folder)
        kept = {name: _overwritten(name, columns[name], static) for name in columns}
        facts = {
            "data_from": stated["data_from"],
            "data_until": stated["data_until"],
            "delay_days": _delay(work, columns["subscriptions"]),
            "made_by": _made_by(con),
            "seals": written,
            "parts": {name: _parts(folder / name) for name in ROLLUPS if (folder / name).exists()},
            "tables": {
                name: {"columns": columns[name], "overwritten": kept[name]} for name in columns
            },
        }
        (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n", "utf-8")


def _before(con: duckdb.DuckDBPyConnection, out: Path) -> dict[str, Any]:
    """What facts.json says of facts that this code has made on DuckDB; nothing of others."""
    file = out / "facts.json"
    said = json.loads(file.read_text("utf-8")) if file.exists() else {}
    same = said.get("made_by") == _made_by(con) != SPARK
    return said if same else {"seals": {}}


def _parts(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.parquet"))


def _made_by(con: duckdb.DuckDBPyConnection) -> str:
    """What made facts: a hash of the code, or that it was Spark, whose files have other bytes."""
    return made_by(*MADE_BY) if isinstance(con, duckdb.DuckDBPyConnection) else SPARK


def _columns(con: duckdb.DuckDBPyConnection, tables: Path) -> dict[str, list[str]]:
    """The columns of each table that was supplied; makes the tables views of the connection."""
    columns = {}
    for name, table in TABLES.items():
        file, folder = tables / f"{name}.parquet", tables / name
        if file.exists() or folder.exists():
            place = relation(tables, name)
            con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {place}")
            there = {row[0] for row in con.execute(f"DESCRIBE {name}").fetchall()}
            columns[name] = [column for column in table.names if column in there]
    return columns


def _roll_up(
    con: duckdb.DuckDBPyConnection, usage: Usage, before: Path | None, folder: Path
) -> None:
    """Write the rollups of usage: the parts that news touches, and the others as they were."""
    was = Record.read(before) if before else Record()
    if usage.versioned and not was.grows_to(usage.hashes):
        before, was = None, Record()  # a version that is gone may be missed by rows of other parts
    there = names(before / "account_days") if before else []
    now = Record.of(con, usage, was)
    again = stale(was, now, usage.last, there)
    every = now.names(usage.last)
    if again:
        usage.replacements(con, again, len(again) == len(every))
    for chunk in chunks(again, usage.rows * len(again) // len(every)):
        days = {day for one in chunk for day in one.days}
        events = usage.events(chunk, now.holding(days))
        roll_up(con, events, usage.columns, chunk, usage.last, folder, usage.late)
    made = {one.name for one in again}
    for name in stored(usage.columns):
        (folder / name).mkdir(exist_ok=True)
        for part in every - made:
            if before and (before / name / f"{part}.parquet").exists():
                keep(before / name / f"{part}.parquet", folder / name / f"{part}.parquet")
    now.write(folder)


def _catalogue(
    con: duckdb.DuckDBPyConnection, tables: Path, columns: Sequence[str], folder: Path
) -> None:
    """Write which features of the product were key, and from when that was known.

    Of a catalogue without versions every row was always so. Without a catalogue every feature is
    key, from the day on which anyone's use of it became known.
    """
    always = "TIMESTAMP '0001-01-01 00:00:00'"
    if (tables / "product_features.parquet").exists():
        recorded = "recorded_at" if "recorded_at" in columns else "CAST(NULL AS TIMESTAMP)"
        key = "coalesce(is_key, FALSE)" if "is_key" in columns else "TRUE"
        sql = (
            f"SELECT feature, {key} AS is_key, coalesce({recorded}, {always}) AS known_at "
            "FROM product_features"
        )
    else:
        sql = (
            "SELECT feature, TRUE AS is_key, min(known_at) AS known_at "
            f"FROM {source(folder / 'feature_days')} GROUP BY feature"
        )
    write_parquet(con, sql, folder / "product_features.parquet", ["feature", "known_at", "is_key"])
