"""The daily rollups of usage: what was known of a day, from one moment to the next.

Most days become known at once: they are one state, found by plain grouping. A day with late or
corrected events has several: each event adds its measures on the day it became known and takes them
back on the day it was replaced, and a state is the running total from one such day to the next.
Totals are exact decimals, so that adding and taking back leaves nothing behind.

People and features are numbered, in the order of their names, while the work is done: whole numbers
group and sort several times faster than text, and sorting by name what is sorted already is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from features.publication import write_parquet

ROLLUPS: dict[str, dict[str, str]] = {
    "user_days": {
        "user_id": "text", "events": "number", "minutes": "number", "department": "text",
    },
    "account_days": {"events": "number", "minutes": "number", "users": "integer"},
    "feature_days": {
        "feature": "text", "is_key": "flag", "key_features": "integer", "events": "number",
        "minutes": "number",
    },
}  # fmt: skip
"""The columns that features read of each rollup, and their kinds."""

EXACT = "DECIMAL(18, 3)"


def roll_up(
    con: duckdb.DuckDBPyConnection,
    usage: str,
    folder: Path,
    columns: Sequence[str],
    catalogue: Sequence[str],
) -> dict[str, list[str]]:
    """Write the rollups of the facts selected by `usage`, and say which columns each has.

    `columns` are the columns supplied of usage, `catalogue` those of product_features (a view of
    the connection), empty without one. Without user_id there are no user_days; events of nobody
    count for their account.
    """
    _events(con, usage, columns)
    _states(con, "people", "events", "who", ("events", "minutes"), label="department")
    con.execute(
        "CREATE TEMP VIEW presence AS SELECT account, day, known, replaced, events, minutes, "
        "CAST(user_id IS NOT NULL AS INTEGER) AS users FROM people JOIN person USING (who)"
    )
    _states(con, "accounts_states", "presence", "account", ("events", "minutes", "users"))
    _states(con, "features_states", "events", "what", ("events", "minutes"))
    _catalogue(con, catalogue)
    comes_from = {"minutes": "minutes", "department": "department", "users": "user_id"}
    absent = {name for name, column in comes_from.items() if column not in columns}
    written = {}
    for name, (relation, unit) in _RELATIONS.items():
        if name == "user_days" and "user_id" not in columns:
            continue
        listed = [column for column in ROLLUPS[name] if column not in absent]
        stored = ", ".join(
            f"CAST({column} AS {EXACT}) AS {column}" if column in ("events", "minutes") else column
            for column in listed
        )
        write_parquet(
            con,
            f"SELECT account_id, day, {stored}, CAST(day AS TIMESTAMP) AS occurred_at, "
            "CAST(known AS TIMESTAMP) AS known_at, CAST(replaced AS TIMESTAMP) AS replaced_at "
            f"FROM {relation}",
            folder / f"{name}.parquet",
            ["account_id", *unit, "day", "known_at"],
        )
        written[name] = ["account_id", "day", *listed]
    return written


_RELATIONS = {
    "user_days": ("people JOIN person USING (who) WHERE user_id IS NOT NULL", ["user_id"]),
    "account_days": (
        "accounts_states JOIN (SELECT DISTINCT account, account_id FROM person) USING (account)",
        [],
    ),
    "feature_days": (
        "features_states JOIN subject USING (what) JOIN catalogue USING (feature, known)",
        ["feature"],
    ),
}


def _events(con: duckdb.DuckDBPyConnection, usage: str, columns: Sequence[str]) -> None:
    """A row an event: whose, of which feature and day, and on which days known and replaced."""
    user, minutes, count, department = (
        f"u.{name}" if name in columns else f"CAST(NULL AS {sort})"
        for name, sort in (
            ("user_id", "VARCHAR"), ("minutes", EXACT), ("count", EXACT), ("department", "VARCHAR"),
        )
    )  # fmt: skip
    con.execute(
        f"CREATE TEMP TABLE person AS SELECT account_id, user_id, "
        "CAST(row_number() OVER (ORDER BY account_id, user_id) AS INTEGER) AS who, "
        "CAST(dense_rank() OVER (ORDER BY account_id) AS INTEGER) AS account "
        f"FROM (SELECT DISTINCT account_id, {user} AS user_id FROM usage u)"
    )
    con.execute(
        "CREATE TEMP TABLE subject AS SELECT account_id, feature, "
        "CAST(row_number() OVER (ORDER BY account_id, feature) AS INTEGER) AS what "
        "FROM (SELECT DISTINCT account_id, feature FROM usage)"
    )
    con.execute(
        f"CREATE TEMP TABLE events AS SELECT p.who, s.what, {department} AS department, "
        "CAST(u.occurred_at AS DATE) AS day, CAST(u.known_at AS DATE) AS known, "
        "CAST(u.replaced_at AS DATE) AS replaced, "
        f"CAST(coalesce({count}, 1) AS {EXACT}) AS events, {minutes} AS minutes FROM ({usage}) u "
        f"JOIN person p ON p.account_id = u.account_id AND p.user_id IS NOT DISTINCT FROM {user} "
        "JOIN subject s ON s.account_id = u.account_id AND s.feature = u.feature"
    )


def _states(
    con: duckdb.DuckDBPyConnection,
    name: str,
    source: str,
    code: str,
    measures: Sequence[str],
    label: str = "",
) -> None:
    """Create the table of the states of each (`code`, day): measures, known, replaced, max(label).

    A row of `source` counts from its known day until its replaced day; one that was replaced before
    it was known (its date moved back) adds to nothing.
    """
    key = f"{code}, day"
    most = f", {label}" if label else ""
    sums = ", ".join(f"sum({measure}) AS {measure}" for measure in measures)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE grouped AS SELECT {key}, {sums}"
        f"{f', max({label}) AS {label}' if label else ''}, min(known) AS known, "
        f"min(known) = max(known) AND count(replaced) = 0 AS once FROM {source} GROUP BY {key}"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE changed AS SELECT *, 1 AS rows, "
        "CASE WHEN minutes IS NULL THEN 0 ELSE 1 END AS timed "
        f"FROM {source} SEMI JOIN (FROM grouped WHERE NOT once) USING ({key})"
    )
    added = ", ".join((*measures, "rows", "timed"))
    taken = ", ".join(f"- {measure}" for measure in (*measures, "rows", "timed"))
    running = ", ".join(
        f"sum(sum({measure})) OVER past AS {measure}" for measure in (*measures, "rows", "timed")
    )
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
    states = "running"
    if label:
        states = (
            f"(SELECT r.*, l.{label} FROM running r JOIN (SELECT {code}, day, s.known, "
            f"max(c.{label}) AS {label} FROM running s JOIN changed c USING ({key}) "
            "WHERE c.known <= s.known AND (c.replaced IS NULL OR c.replaced > s.known) "
            f"GROUP BY {code}, day, s.known) l USING ({key}, known))"
        )
    listed = f"{key}, known, replaced, {', '.join(measures)}{most}"
    con.execute(
        f"CREATE TEMP TABLE {name} AS SELECT {listed} FROM {states} UNION ALL SELECT {listed} "
        "FROM (SELECT *, CAST(NULL AS DATE) AS replaced FROM grouped WHERE once) "
        f"ORDER BY {key}, known"
    )


def _catalogue(con: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> None:
    """Create the table of which features were key, and how many were, as of each known day.

    Of a catalogue with versions a day knows the newest recorded by then; one without is taken as it
    stands. Without a catalogue every feature is key, and there are as many as had been used by
    anyone until then.
    """
    days = "SELECT DISTINCT feature, known FROM features_states JOIN subject USING (what)"
    if columns:
        flag = "coalesce(is_key, FALSE)" if "is_key" in columns else "TRUE"
        recorded = "recorded_at" if "recorded_at" in columns else "CAST(NULL AS TIMESTAMP)"
        con.execute(
            "CREATE TEMP TABLE entries AS SELECT known, feature, arg_max(is_key, noted) AS is_key "
            f"FROM (SELECT DISTINCT known FROM ({days})) JOIN (SELECT feature, {flag} AS is_key, "
            f"coalesce({recorded}, TIMESTAMP '0001-01-01') AS noted FROM product_features) "
            "ON CAST(noted AS DATE) <= known GROUP BY known, feature"
        )
        key = "coalesce(e.is_key, FALSE)" if "is_key" in columns else "TRUE"
        total = "coalesce(t.features, 0)"
        known = (
            "LEFT JOIN entries e ON e.feature = d.feature AND e.known = d.known "
            "LEFT JOIN (SELECT known, count(*) FILTER (WHERE is_key) AS features FROM entries "
            "GROUP BY known) t ON t.known = d.known"
        )
    else:
        key, known = "TRUE", "JOIN totals USING (known)"
        total = "totals.features"
        con.execute(
            f"CREATE TEMP TABLE totals AS WITH days AS ({days}), firsts AS "
            "(SELECT feature, min(known) AS first FROM days GROUP BY feature) "
            "SELECT known, count(*) AS features FROM (SELECT DISTINCT known FROM days) "
            "JOIN firsts ON first <= known GROUP BY known"
        )
    con.execute(
        f"CREATE TEMP TABLE catalogue AS SELECT d.feature, d.known, {key} AS is_key, "
        f"{total} AS key_features FROM ({days}) d {known}"
    )
