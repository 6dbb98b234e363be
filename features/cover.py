"""What is known of the rows of a contract, and the days that they cover.

Most days teach nothing new about an account. So its rows, their ends and its spells are worked out
once for each *state* of knowledge, which holds on the days asked from `since` to `upto`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from duckdb import DuckDBPyConnection

from features.terms import due, passed, terms

NEVER = "DATE '9999-12-31'"

SUBSCRIPTION = {
    "account_id": "VARCHAR", "subscription_id": "VARCHAR", "start_date": "DATE",
    "term_end": "DATE", "ended_at": "DATE", "notice_at": "DATE", "arr": "DECIMAL(18, 2)",
    "product": "VARCHAR", "plan": "VARCHAR", "seats": "BIGINT",
    "occurred_at": "TIMESTAMP", "known_at": "TIMESTAMP", "replaced_at": "TIMESTAMP",
}  # fmt: skip

HOLDS = "asked >= since AND asked <= upto"  # whether a state of knowledge is that of a day


def visible(fact: str, day: str) -> str:
    """The condition under which a fact is in the past of a day: known before, not yet replaced."""
    return (
        f"{fact}.occurred_at < {day} AND {fact}.known_at < {day} "
        f"AND ({fact}.replaced_at IS NULL OR {fact}.replaced_at >= {day})"
    )


def known(con: DuckDBPyConnection, file: Path, columns: dict[str, str]) -> str:
    """A SELECT of typed columns from a file of facts; a column that was not supplied is NULL."""
    place = str(file).replace("'", "''")
    supplied = con.read_parquet(str(file)).columns
    cast = (f"CAST({c if c in supplied else 'NULL'} AS {t}) AS {c}" for c, t in columns.items())
    return f"SELECT {', '.join(cast)} FROM read_parquet('{place}')"


def calendar(days: Sequence[date]) -> str:
    """The days of knowledge as a table `days(asked, before)`; `before` is the one before it."""
    if not days:
        none = "DATE '1970-01-01'"
        return f"(SELECT {none} AS asked, {none} AS before WHERE 1 = 0) AS days"
    asked = sorted(set(days))
    pairs = zip(asked, [date.min, *asked], strict=False)
    listed = ", ".join(
        f"(DATE '{day.isoformat()}', DATE '{one.isoformat()}')" for day, one in pairs
    )
    return f"(VALUES {listed}) AS days(asked, before)"


def total(amount: str, when: str) -> str:
    """The sum of an amount over the rows that count: NULL if one of them is, 0 if none counts."""
    unknown = f"COUNT(CASE WHEN ({when}) AND {amount} IS NULL THEN 1 END)"
    total = f"COALESCE(SUM(CASE WHEN {when} THEN {amount} END), 0)"
    return f"CASE WHEN {unknown} = 0 THEN CAST({total} AS DECIMAL(18, 2)) END"


def known_cover(con: DuckDBPyConnection, facts: Path, days: Sequence[date], grace: int) -> str:
    """CTEs up to `cover`: states of knowledge, rows as known, terms, ends dated back, spells."""
    moments = (
        "GREATEST(occurred_at, known_at)", "replaced_at", "CAST(notice_at AS TIMESTAMP)",
        "CAST(LEAST(notice_at, ended_at) AS TIMESTAMP)",
    )  # fmt: skip
    each = " UNION ALL ".join(f"SELECT account_id, {m} AS moment FROM facts" for m in moments)
    last = f"DATE '{max(days, default=date.min).isoformat()}'"
    of_state = "PARTITION BY account_id, since"
    before = "ORDER BY start_date ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    return f"""facts AS (
            SELECT * FROM ({known(con, facts / "subscriptions.parquet", SUBSCRIPTION)}) AS paid
            WHERE arr IS NULL OR arr > 0),
        news AS (
            SELECT DISTINCT account_id, asked AS since, before
            FROM ({each}) AS moments JOIN {calendar(days)} ON moment < asked AND moment >= before),
        states AS (
            SELECT account_id, since, COALESCE(LEAD(before) OVER (
                PARTITION BY account_id ORDER BY since), {last}) AS upto
            FROM news),
        seen AS (
            SELECT states.account_id, since, upto, subscription_id, start_date, term_end, arr,
                product, plan, seats, occurred_at,
                CASE WHEN notice_at < since THEN notice_at END AS notice_at,
                CASE WHEN LEAST(notice_at, ended_at) < since THEN ended_at END AS ended_at
            FROM facts JOIN states
                ON states.account_id = facts.account_id AND {visible("facts", "since")}),
        terms AS (SELECT *, {terms()} FROM seen),
        counted AS (SELECT *, {passed("ended_at")} AS terms_done FROM terms),
        ended AS (
            SELECT *, CASE WHEN NOT month_to_month AND terms_done > 0
                    AND date_diff('day', {due("terms_done")}, ended_at) <= {grace}
                THEN {due("terms_done")} ELSE ended_at END AS cover_end
            FROM counted WHERE ended_at IS NULL OR ended_at > start_date),
        follows AS (
            SELECT *, MAX(COALESCE(cover_end, {NEVER})) OVER ({of_state} {before}) AS covered_to
            FROM ended),
        opens AS (
            SELECT *, CASE WHEN covered_to IS NULL
                    OR date_diff('day', covered_to, start_date) > {grace}
                THEN 1 ELSE 0 END AS opens
            FROM follows),
        spells AS (
            SELECT *, SUM(opens) OVER ({of_state} ORDER BY start_date) AS spell FROM opens),
        cover AS (
            SELECT *, MIN(start_date) OVER ({of_state}, spell) AS spell_start,
                NULLIF(MAX(COALESCE(cover_end, {NEVER})) OVER ({of_state}, spell), {NEVER})
                    AS lost_at
            FROM spells)"""
