"""What looks odd in the tables a user brings: counted and shown, never refused or repaired."""

from __future__ import annotations

from datetime import date

import duckdb

from features.spans import day, first_records, spans, supplied
from features.support import URGENT
from features.tables import Finding

EARLY_SHARE = 0.05
BULK_SHARE = 0.2
BULK_DAYS = 30
STALE_DAYS = 7
TERM_YEARS = 10

Connection = duckdb.DuckDBPyConnection


def warnings(con: Connection, data_until: date | None) -> list[Finding]:
    """Every warning about the tables in `con`; `data_until` is the first day they do not hold."""
    columns = supplied(con)
    found = _empty(con, columns) + _unlisted_features(con, columns) + _answered_early(con, columns)
    found += _none_urgent(con, columns)
    if {"accounts", "subscriptions"} <= columns.keys():
        found += _contracts(con, columns["subscriptions"])
        found += _before_first_start(con, columns) + _created_late(con)
    for name, there in columns.items():
        found += _bulk_load(con, name, there)
    if data_until is not None:
        found += _ends(con, columns, data_until)
    return found


def _contracts(con: Connection, columns: list[str]) -> list[Finding]:
    """Oddities of the subscriptions, in their newest versions and without free rows."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE newest AS "
        f"SELECT *, {'product' if 'product' in columns else 'NULL'} AS sold FROM subscriptions "
        "QUALIFY row_number() OVER (PARTITION BY subscription_id "
        f"ORDER BY {'recorded_at DESC NULLS LAST, ' if 'recorded_at' in columns else ''}1) = 1"
    )
    rows, overlapping, zero, long, ended, early = _one(
        con,
        f"""
        WITH paid AS (
            SELECT *, coalesce(ended_at, DATE '9999-12-31') AS until FROM newest
            WHERE coalesce(arr, 1) > 0
        ), after AS (
            SELECT *, max(until) OVER (
                PARTITION BY account_id, sold ORDER BY start_date, until, subscription_id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS earlier_until FROM paid WHERE until > start_date
        ), ends AS (
            SELECT a.term_end, a.ended_at, count(b.account_id) > 0 AS replaced
            FROM paid a LEFT JOIN paid b
                ON a.account_id = b.account_id AND a.subscription_id <> b.subscription_id
                AND b.start_date <= a.ended_at AND a.ended_at < b.until
            WHERE a.term_end IS NOT NULL AND a.ended_at IS NOT NULL AND a.ended_at > a.start_date
            GROUP BY a.subscription_id, a.term_end, a.ended_at
        )
        SELECT (SELECT count(*) FROM newest),
            (SELECT count(*) FROM after WHERE start_date < earlier_until),
            (SELECT count(*) FROM newest WHERE ended_at = start_date),
            (SELECT count(*) FROM newest
                WHERE term_end > start_date + INTERVAL {TERM_YEARS} YEAR),
            (SELECT count(*) FROM ends),
            (SELECT count(*) FROM ends WHERE ended_at < term_end AND NOT replaced)
        """,
    )
    accounts, most = _one(
        con,
        "SELECT count(*), max(n) FROM (SELECT count(*) AS n FROM newest GROUP BY account_id)",
    )
    con.execute("DROP TABLE newest")
    found = []
    if overlapping:
        product = "of the same product" if "product" in columns else "of the same account"
        message = f"{_share(overlapping, rows)} rows begin while an earlier row {product} runs"
        action = "Overlapping rows add up: was a replaced row never closed?"
        found.append(_warning("subscriptions", "ended_at", overlapping, message, action))
    if early > EARLY_SHARE * ended:
        message = f"{_share(early, ended)} ended rows with a term end before it, without successor"
        action = "The term does not seem to bind: leave term_end empty if customers may leave"
        found.append(_warning("subscriptions", "term_end", early, message, action))
    if long:
        message = f"{_share(long, rows)} rows have a term longer than {TERM_YEARS} years"
        action = "Nothing falls due until then: leave empty if they may leave at any time"
        found.append(_warning("subscriptions", "term_end", long, message, action))
    if most == 1 and accounts > 1:
        message = f"each of {accounts:,} accounts has one row for ever: no renewal ever made a row"
        action = "Is this today's state? Renewals and changes of price, plan or seats are rows"
        found.append(_warning("subscriptions", "account_id", accounts, message, action))
    if zero:
        message = f"{_share(zero, rows)} rows end on the day they start: they cover nothing"
        action = "Were they booked by mistake, or is ended_at the last day with the row?"
        found.append(_warning("subscriptions", "ended_at", zero, message, action))
    return found


def _before_first_start(con: Connection, columns: dict[str, list[str]]) -> list[Finding]:
    found = []
    for name in ("usage", "tickets"):
        if happened := day(name, columns.get(name, [])):
            sql = f"""
                SELECT count(*), count(*) FILTER (WHERE {happened} < first)
                FROM {name} LEFT JOIN (
                    SELECT account_id, min(start_date) AS first FROM subscriptions GROUP BY 1
                ) USING (account_id)"""
            rows, before = _one(con, sql)
            if before:
                message = f"{_share(before, rows)} rows lie before their account's first start"
                action = "Is account_id the same key in both, or was there a trial without a row?"
                found.append(_warning(name, "account_id", before, message, action))
    return found


def _created_late(con: Connection) -> list[Finding]:
    """Accounts of which nothing is known while their first contracts run already."""
    accounts, late = _one(
        con,
        """
        SELECT count(*), count(*) FILTER (WHERE created > first)
        FROM (
            SELECT account_id, CAST(min(created_at) AS DATE) AS created FROM accounts GROUP BY 1
        ) JOIN (
            SELECT account_id, min(start_date) AS first FROM subscriptions GROUP BY 1
        ) USING (account_id)
        """,
    )
    if not late:
        return []
    message = f"{_share(late, accounts)} accounts came to be after their first contract began"
    action = "Segment and industry are unknown until then: use the earlier of the two"
    return [_warning("accounts", "created_at", late, message, action)]


def _bulk_load(con: Connection, name: str, columns: list[str]) -> list[Finding]:
    """A history loaded late: no morning before that day can have known its rows."""
    if day(name, columns) is None or "recorded_at" not in columns:
        return []
    sql = f"""
        WITH first AS ({first_records(name, columns)})
        SELECT recorded, count(*) AS n, (SELECT count(*) FROM first) AS rows
        FROM first WHERE recorded - happened >= {BULK_DAYS}
        GROUP BY 1 ORDER BY n DESC, recorded LIMIT 1"""
    for recorded, n, rows in con.execute(sql).fetchall():
        if n > BULK_SHARE * rows:
            message = (
                f"{_share(n, rows)} rows were recorded on {recorded}, {BULK_DAYS} days or more "
                "after they happened: a bulk load"
            )
            action = "Until that day no morning sees them; leave recorded_at out if it is no news"
            return [_warning(name, "recorded_at", n, message, action)]
    return []


def _ends(con: Connection, columns: dict[str, list[str]], data_until: date) -> list[Finding]:
    found = []
    for name, (_, last) in spans(con).items():
        beyond_sql = f"SELECT count(*), count(*) FILTER (WHERE {day(name, columns[name])} >= ?)"
        rows, beyond = _one(con, f"{beyond_sql} FROM {name}", data_until)
        if beyond:
            message = f"{_share(beyond, rows)} rows lie on or after data_until ({data_until})"
            action = "They are kept and never looked at; move data_until if all tables reach them"
            found.append(_warning(name, "", beyond, message, action))
        elif (data_until - last).days > STALE_DAYS:
            days = (data_until - last).days
            message = f"its last day, {last}, lies {days} days before data_until ({data_until})"
            action = "Is the export whole? A feed that stopped looks like customers who left"
            found.append(_warning(name, "", days, message, action))
    return found


def _empty(con: Connection, columns: dict[str, list[str]]) -> list[Finding]:
    action = "Leave its SELECT out if there is nothing to bring: then its features are missing"
    return [
        _warning(name, "", 0, "the table has no rows", action)
        for name in columns
        if not _one(con, f"SELECT count(*) FROM {name}")[0]
    ]


def _unlisted_features(con: Connection, columns: dict[str, list[str]]) -> list[Finding]:
    if not {"usage", "product_features"} <= columns.keys() or "feature" not in columns["usage"]:
        return []
    unlisted, examples = _one(
        con,
        "SELECT count(*), string_agg(feature, ', ' ORDER BY feature) FROM (SELECT DISTINCT feature "
        "FROM usage WHERE feature NOT IN (SELECT feature FROM product_features))",
    )
    if not unlisted:
        return []
    message = f"features in usage but not in product_features ({unlisted:,}): {examples[:200]}"
    action = "They count as not key; list them if they are"
    return [_warning("usage", "feature", unlisted, message, action)]


def _answered_early(con: Connection, columns: dict[str, list[str]]) -> list[Finding]:
    there = columns.get("tickets", [])
    found = []
    for column in ("first_response_at", "resolved_at", "reopened_at", "csat_at"):
        if column in there and "opened_at" in there:
            sql = f"SELECT count(*), count(*) FILTER (WHERE {column} < opened_at) FROM tickets"
            rows, early = _one(con, sql)
            if early:
                message = f"{_share(early, rows)} rows have it before the ticket was opened"
                action = "Are both in UTC?"
                found.append(_warning("tickets", column, early, message, action))
    return found


def _none_urgent(con: Connection, columns: dict[str, list[str]]) -> list[Finding]:
    if "priority" not in columns.get("tickets", []):
        return []
    said, urgent, examples = _one(
        con,
        f"""
        SELECT sum(n), sum(n) FILTER (WHERE {URGENT}),
            string_agg(priority, ', ' ORDER BY n DESC, priority)
        FROM (SELECT priority, count(*) AS n FROM tickets WHERE priority IS NOT NULL GROUP BY 1)
        """,
    )
    if not said or urgent:
        return []
    message = f"no priority of the {said:,} tickets with one counts as urgent: {examples[:200]}"
    action = "Write urgent in the SELECT for those that are: until then there are none"
    return [_warning("tickets", "priority", said, message, action)]


def _one(con: Connection, sql: str, *values: object) -> tuple:
    return con.execute(sql, values).fetchall()[0]


def _share(part: int, whole: int) -> str:
    """A share with its counts; never 0 % or 100 % of something that is neither.

    >>> _share(13, 5000), _share(1, 2)
    ('<1 % (13 of 5,000)', '50 % (1 of 2)')
    """
    percent = round(100 * part / whole)
    shown = "<1" if part and not percent else ">99" if part < whole and percent == 100 else percent
    return f"{shown} % ({part:,} of {whole:,})"


def _warning(table: str, column: str, count: int, message: str, action: str) -> Finding:
    return Finding("warning", table, column, None, str(count), message, action)
