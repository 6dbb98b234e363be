"""The daily rollups of usage: what was known of a day, from one moment to the next.

Most days become known at once: they are one state, found by plain grouping. A day with late or
corrected events has several: each event adds its measures on the day it became known and takes them
back on the day it was replaced, and a state is the running total from one such day to the next.
Totals are exact decimals, so that adding and taking back leaves nothing behind.

The rollups lie in parts by day, and a part is made from the events of its days alone: what a new
day, a late event or a correction touches is made again, everything else stays as it is
(`features.usage` says which parts that are).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb

from features.parts import Part
from features.publication import write_parts

ROLLUPS: dict[str, dict[str, str]] = {
    "user_days": {
        "user_id": "text", "events": "number", "minutes": "number", "department": "text",
    },
    "account_days": {"events": "number", "minutes": "number", "users": "integer"},
    "feature_days": {"feature": "text", "events": "number"},
}  # fmt: skip
"""The columns that are stored of each rollup, and their kinds."""

UNITS = {"user_days": "user_id", "feature_days": "feature"}
"""What tells the rows of an account's day apart, in the rollups that have several."""

EXACT = "DECIMAL(18, 3)"
COMES_FROM = {"minutes": "minutes", "department": "department", "users": "user_id"}
"""The columns of usage without which a column is left out."""

EVENTS = {"events": "sum(events)"}
SUMS = {**EVENTS, "minutes": "sum(minutes)"}


def stored(columns: Sequence[str]) -> dict[str, list[str]]:
    """The rollups that can be made of usage with some columns, and the columns of each.

    Without user_id there are no user_days; events of nobody count for their account.

    >>> stored(["account_id", "feature", "occurred_at"])["account_days"]
    ['account_id', 'day', 'events']
    """
    absent = {name for name, column in COMES_FROM.items() if column not in columns}
    return {
        name: ["account_id", "day", *(column for column in listed if column not in absent)]
        for name, listed in ROLLUPS.items()
        if name != "user_days" or "user_id" in columns
    }


AT_ONCE = 16_000_000


def chunks(parts: Sequence[Part], events: int) -> list[Sequence[Part]]:
    """Runs of parts that are rolled up together, so that memory does not grow with the events.

    >>> january, february = Part("2025-01", *[None] * 2), Part("2025-02", *[None] * 2)
    >>> [len(run) for run in chunks([january, february], 20_000_000)]
    [1, 1]
    """
    size = max(1, len(parts) // max(1, -(-events // AT_ONCE)))
    return [parts[start : start + size] for start in range(0, len(parts), size)]


def roll_up(
    con: duckdb.DuckDBPyConnection,
    events: str,
    columns: Sequence[str],
    parts: Sequence[Part],
    last: date,
    folder: Path,
    late: bool,
) -> None:
    """Write the parts of the rollups of the events of their days, which end on `last`.

    `events` is SQL of rows with account_id, user_id, feature, department, day, known, replaced
    (days), events and minutes, of which the table has `columns`. `late`: whether a day may become
    known later than on itself, or be corrected.
    """
    con.execute(f"CREATE OR REPLACE TEMP VIEW events AS {events}")
    people = ("account_id", "user_id")
    each = EVENTS if "count" in columns else {"events": "count(*)"}
    _states(con, "person_states", "events", people, {**SUMS, **each}, late, label="department")
    con.execute(
        "CREATE OR REPLACE TEMP VIEW presence AS SELECT account_id, day, known, replaced, events, "
        "minutes, CAST(user_id IS NOT NULL AS INTEGER) AS users FROM person_states"
    )
    _states(
        con, "account_states", "presence", ("account_id",), {**SUMS, "users": "sum(users)"}, late
    )
    _code(con)
    _states(con, "subject_states", "used", ("account", "subject"), each, late)
    relations = {
        "user_days": ("person_states WHERE user_id IS NOT NULL", people),
        "account_days": ("account_states", ("account_id",)),
        "feature_days": (
            "subject_states JOIN account_codes USING (account) JOIN subject_codes USING (subject)",
            ("account", "subject"),
        ),
    }
    for name, listed in stored(columns).items():
        relation, keys = relations[name]
        _write(con, relation, listed, keys, parts, last, folder / name)


def _code(con: duckdb.DuckDBPyConnection) -> None:
    """Number accounts and features by name: whole numbers group and sort several times faster."""
    for code, column, place in (
        ("account", "account_id", "person_states"),
        ("subject", "feature", "events"),
    ):
        con.execute(
            f"CREATE OR REPLACE TABLE {code}_codes AS SELECT {column}, "
            f"CAST(row_number() OVER (ORDER BY {column}) AS INTEGER) AS {code} "
            f"FROM (SELECT DISTINCT {column} FROM {place})"
        )
    con.execute(
        "CREATE OR REPLACE TEMP VIEW used AS SELECT account, subject, day, known, replaced, events "
        "FROM events JOIN account_codes USING (account_id) "
        "JOIN subject_codes USING (feature)"
    )


def _write(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    listed: Sequence[str],
    keys: Sequence[str],
    parts: Sequence[Part],
    last: date,
    folder: Path,
) -> None:
    """Write the parts that have rows, sorted by account, unit, day and when it became known."""
    cast = {"events": EXACT, "minutes": EXACT, "users": "INTEGER"}
    columns = [f"CAST({c} AS {cast[c]}) AS {c}" if c in cast else c for c in listed]
    columns += ["known AS known_at", "replaced AS replaced_at"]
    con.execute(f"CREATE OR REPLACE VIEW rolled AS SELECT * FROM {relation}")
    names = [part.name for part in parts]
    write_parts(con, "rolled", folder, "day", last, [*keys, "day", "known"], columns, names)


def _states(
    con: duckdb.DuckDBPyConnection,
    name: str,
    source: str,
    keys: Sequence[str],
    measures: Mapping[str, str],
    late: bool,
    label: str = "",
) -> None:
    """Create the table of the states of each (*keys, day): measures, known, replaced, max(label).

    A row of `source` counts from its known day until its replaced day; one that was replaced before
    it was known (its date moved back) adds to nothing.
    """
    key = ", ".join((*keys, "day"))
    sums = ", ".join(f"{sql} AS {measure}" for measure, sql in measures.items())
    most = f", max({label}) AS {label}" if label else ""
    if not late:
        con.execute(
            f"CREATE OR REPLACE TABLE {name} AS SELECT {key}, {sums}{most}, day AS known, "
            f"CAST(NULL AS DATE) AS replaced FROM {source} GROUP BY {key}"
        )
        return
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE grouped AS SELECT {key}, {sums}{most}, min(known) AS known, "
        f"min(known) = max(known) AND count(replaced) = 0 AS once FROM {source} GROUP BY {key}"
    )
    same = " AND ".join(f"a.{column} IS NOT DISTINCT FROM b.{column}" for column in (*keys, "day"))
    timed = "CASE WHEN a.minutes IS NULL THEN 0 ELSE 1 END" if "minutes" in measures else "1"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE changed AS SELECT a.*, 1 AS rows, {timed} AS timed "
        f"FROM {source} a "
        f"JOIN (SELECT {key} FROM grouped WHERE NOT once) b ON {same} "
        "WHERE a.replaced IS NULL OR a.replaced > a.known"
    )
    counted = (*measures, "rows", "timed")
    added = ", ".join(counted)
    taken = ", ".join(f"- {measure}" for measure in counted)
    running = ", ".join(f"sum(sum({m})) OVER past AS {m}" for m in counted)
    plain = ", ".join(
        "CASE WHEN timed > 0 THEN minutes END AS minutes" if measure == "minutes" else measure
        for measure in measures
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE running AS SELECT {key}, known, replaced, {plain} FROM ("
        f"SELECT {key}, known, lead(known) OVER past AS replaced, {running} FROM ("
        f"SELECT {key}, known, {added} FROM changed UNION ALL "
        f"SELECT {key}, replaced, {taken} FROM changed WHERE replaced IS NOT NULL) "
        f"GROUP BY {key}, known WINDOW past AS (PARTITION BY {key} ORDER BY known)) WHERE rows > 0"
    )
    states, most = "running", f", {label}" if label else ""
    if label:
        listed = ", ".join(f"a.{column}" for column in (*keys, "day", "known"))
        states = (
            f"(SELECT a.*, b.{label} FROM running a JOIN (SELECT {listed}, max(b.{label}) "
            f"AS {label} FROM running a JOIN changed b ON {same} AND b.known <= a.known "
            f"AND (b.replaced IS NULL OR b.replaced > a.known) GROUP BY {listed}) b "
            f"ON {same} AND a.known = b.known)"
        )
    listed = f"{key}, known, replaced, {', '.join(measures)}{most}"
    con.execute(
        f"CREATE OR REPLACE TABLE {name} AS SELECT {listed} FROM {states} UNION ALL "
        f"SELECT {listed} FROM (SELECT *, CAST(NULL AS DATE) AS replaced FROM grouped WHERE once)"
    )
