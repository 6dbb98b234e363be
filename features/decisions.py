"""Renewals: the due dates of the rows that cover an account, and how they ended.

What a day has behind it is the same as long as nothing new is known, and is worked out once for
each state of knowledge (features.cover); what is ahead of it is looked at day by day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from features.cover import HOLDS, NEVER, calendar, total
from features.numbers import numbers
from features.terms import MONTHLY, due, passed

MOST_DUES = 1000  # due dates of one row: eighty years of months

RENEWALS = """SELECT asked AS "by", account_id, due_date, CAST(arr_due AS DOUBLE) AS arr_due,
            month_to_month, COALESCE(lost_at < due_date, FALSE) AS early, lost_at, status,
            CAST(arr_kept AS DOUBLE) AS arr_kept,
            CASE WHEN arr_kept IS NOT NULL
                THEN CAST(GREATEST(0, LEAST(arr_kept, arr_due)) AS DOUBLE) END AS arr_renewed,
            decided
        FROM named"""


def _limit(day: str, until_days: str) -> str:
    """The day up to which due dates are looked at: whole months, because the month-to-month rows of
    one share a decision."""
    return f"last_day({day} + CAST(GREATEST({until_days}, {MONTHLY}) AS INTEGER))"


def dues(rows: str, until_days: str, *, past: bool) -> str:
    """CTEs up to `dues`: each due date of each row of a state, with the one before it.

    On each day the due dates within the limit are there, and the next one however far. Where the
    account goes with the row, so does the due date after its end. Without the past they begin with
    the month of the state's first day.
    """
    month_before = "(CAST(date_trunc('month', since) AS DATE) - 1)"
    first = "1" if past else f"{passed(month_before)} + 1"
    return f"""reach AS (
            SELECT *, {first} AS first_due,
                GREATEST({passed(_limit("upto", until_days))}, {passed("(upto - 1)")} + 1) AS ahead,
                terms_done + CASE WHEN cover_end = lost_at AND {due("terms_done")} < cover_end
                    THEN 1 ELSE 0 END AS done
            FROM {rows}),
        counts AS (
            SELECT *, CAST(CASE WHEN cover_end IS NULL THEN ahead
                ELSE LEAST(done, ahead) END - first_due + 1 AS BIGINT) AS dues
            FROM reach),
        numbers AS (SELECT n FROM {numbers(0, MOST_DUES - 1)} AS counted),
        spread AS (
            SELECT dues, n FROM (SELECT DISTINCT dues FROM counts) AS occurring
            JOIN numbers ON n < dues),
        dues AS (
            SELECT counts.*, {due("(first_due + n)")} AS own_due,
                CASE WHEN first_due + n > 1 THEN {due("(first_due + n - 1)")} END AS due_before
            FROM counts JOIN spread ON spread.dues = counts.dues)"""


def _together(name: str, rows: str, asked: str, also: str) -> str:
    """CTEs up to `name`: due dates as decisions, as known on `asked`.

    Contracts fall due by their day, month-to-month rows of a calendar month on the first of theirs.
    Of an account that came back to the same due date only the newest spell is due there.
    """
    day = (
        "CASE WHEN month_to_month THEN CAST(date_trunc('month', own_due) AS DATE) ELSE own_due END"
    )
    along = f"MIN({also}) AS {also}, MIN(lost_at) AS lost_at"
    return f"""{name}_rows AS (
            SELECT {asked}, account_id, spell, {along}, MIN(own_due) AS due_date,
                {total("arr", "TRUE")} AS arr_due, month_to_month,
                COUNT(notice_at) AS notices, MAX(start_date) AS started
            FROM {rows} GROUP BY {asked}, account_id, spell, month_to_month, {day}),
        {name}_spells AS (
            SELECT {asked}, account_id, spell, {along}, due_date,
                {total("arr_due", "TRUE")} AS arr_due,
                MIN(CASE WHEN month_to_month THEN 1 ELSE 0 END) = 1 AS month_to_month,
                SUM(notices) > 0 AS noticed, MAX(started) AS started
            FROM {name}_rows GROUP BY {asked}, account_id, spell, due_date),
        {name}_again AS (
            SELECT DISTINCT early.{asked}, early.account_id, early.spell, early.due_date
            FROM {name}_spells AS early JOIN {name}_spells AS newer
                ON newer.{asked} = early.{asked} AND newer.account_id = early.account_id
                AND newer.due_date = early.due_date AND newer.spell > early.spell
            WHERE early.lost_at < early.due_date),
        {name} AS (
            SELECT found.*, COALESCE(lost_at <= found.due_date, FALSE) AS churned
            FROM {name}_spells AS found LEFT JOIN {name}_again AS again
                ON again.{asked} = found.{asked} AND again.account_id = found.account_id
                AND again.spell = found.spell AND again.due_date = found.due_date
            WHERE again.spell IS NULL)"""


def behind(grace: int) -> str:
    """CTEs up to `behind`: what became of each due date of a state that its last day has behind it.

    Whether it is settled, each day says; `arr_kept` is for those that are.
    """
    reading = f"LEAST(due_date + CAST({grace} AS INTEGER), next_due - 1, lost_at - 1)"
    there = "{0} >= cover.start_date AND (cover.cover_end IS NULL OR {0} < cover.cover_end)"
    return f"""{_together("due", "dues", "since", "upto")},
        ordered AS (
            SELECT *, LEAD(due_date) OVER (
                    PARTITION BY account_id, since, spell ORDER BY due_date) AS next_due
            FROM due),
        fallen AS (
            SELECT *, GREATEST(due_date, {reading}) AS reading FROM ordered WHERE due_date < upto),
        curve AS (
            SELECT fallen.account_id, fallen.since, due_date,
                {total("cover.arr", there.format("reading"))} AS arr_then,
                {total("cover.arr", there.format("(due_date - 1)"))} AS arr_before
            FROM fallen JOIN cover
                ON cover.account_id = fallen.account_id AND cover.since = fallen.since
            WHERE NOT churned
            GROUP BY fallen.account_id, fallen.since, due_date),
        behind AS (
            SELECT fallen.*, CASE WHEN churned THEN CAST(0 AS DECIMAL(18, 2))
                ELSE CAST(arr_then - (arr_before - arr_due) AS DECIMAL(18, 2)) END AS arr_kept
            FROM fallen
            LEFT JOIN curve ON curve.account_id = fallen.account_id
                AND curve.since = fallen.since AND curve.due_date = fallen.due_date)"""


def ahead(dues: str, days: Sequence[date], until_days: str, grace: int) -> str:
    """CTEs up to `ahead`: the due dates from each day on, and whether they are decided."""
    return f"""near AS (
            SELECT * FROM {dues} JOIN {calendar(days)} ON {HOLDS}
                AND own_due >= CAST(date_trunc('month', asked) AS DATE)
                AND (own_due <= {_limit("asked", until_days)}
                    OR due_before IS NULL OR due_before < asked)),
        {_together("falling", "near", "asked", "since")},
        booked AS (
            SELECT DISTINCT asked, falling.account_id, due_date
            FROM falling JOIN cover
                ON cover.account_id = falling.account_id AND cover.since = falling.since
            WHERE cover.start_date >= cover.since AND cover.start_date >= asked
                AND cover.start_date > started
                AND cover.start_date <= due_date + CAST({grace} AS INTEGER)
                AND COALESCE(cover.cover_end, cover.term_end, {NEVER}) > due_date),
        ahead AS (
            SELECT falling.*, CASE WHEN noticed THEN 'notice_given'
                WHEN booked.due_date IS NOT NULL THEN 'already_renewed' END AS decided
            FROM falling LEFT JOIN booked ON booked.asked = falling.asked
                AND booked.account_id = falling.account_id AND booked.due_date = falling.due_date
            WHERE falling.due_date >= falling.asked)"""


def judged(days: Sequence[date], grace: int) -> str:
    """CTEs up to `judged`: what is behind and ahead of each day, and whether it is settled then."""
    settled = f"LEAST(due_date, lost_at) + CAST({grace} AS INTEGER) < asked AS settled"
    columns = f"asked, account_id, due_date, arr_due, month_to_month, lost_at, churned, {settled}"
    return f"""judged AS (
            SELECT {columns}, arr_kept, CAST(NULL AS VARCHAR) AS decided
            FROM behind JOIN {calendar(days)} ON {HOLDS} AND due_date < asked
            UNION ALL
            SELECT {columns}, CAST(0 AS DECIMAL(18, 2)) AS arr_kept, decided FROM ahead)"""


def named(rows: str) -> str:
    """The status of each renewal, and the ARR that was kept of the settled ones."""
    return f"""
            SELECT asked, account_id, due_date, arr_due, month_to_month, lost_at, decided,
                CASE WHEN settled THEN arr_kept END AS arr_kept, CASE
                WHEN settled AND churned THEN 'churned'
                WHEN settled AND arr_kept * 100 > arr_due * 101 THEN 'expanded'
                WHEN settled AND arr_kept * 100 < arr_due * 99 THEN 'contracted'
                WHEN settled THEN 'renewed'
                WHEN due_date < asked AND NOT covered THEN 'in_grace'
                ELSE 'open' END AS status
            FROM {rows}"""
