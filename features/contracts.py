"""Cover, spells, renewals and how they ended, as known on a day.

Every answer is keyed by `by`, the day of knowledge: it uses the facts known before that day and
nothing else. No row is ever linked to "its" renewal, exports do not say; everything comes from the
due dates of the rows and from the days on which the account is covered.

The functions return relations of one SELECT in portable SQL, sorted. `facts` is the folder that
holds subscriptions.parquet; `grace` is the number of days in which a late renewal still counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from duckdb import DuckDBPyConnection, DuckDBPyRelation

MONTHLY = 31  # days: a term as short as this, or none, makes a row month to month
NEVER = "DATE '9999-12-31'"
DIGITS = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))"

SUBSCRIPTION = {
    "account_id": "VARCHAR", "subscription_id": "VARCHAR", "start_date": "DATE",
    "term_end": "DATE", "ended_at": "DATE", "notice_at": "DATE", "arr": "DECIMAL(18, 2)",
    "product": "VARCHAR", "plan": "VARCHAR", "seats": "BIGINT",
    "occurred_at": "TIMESTAMP", "known_at": "TIMESTAMP", "replaced_at": "TIMESTAMP",
}  # fmt: skip


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
    """The days of knowledge as a one-column table `days(asked)`."""
    if not days:
        return "(SELECT DATE '1970-01-01' AS asked WHERE 1 = 0) AS days"
    listed = ", ".join(f"(DATE '{day:%Y-%m-%d}')" for day in sorted(set(days)))
    return f"(VALUES {listed}) AS days(asked)"


def total(amount: str, when: str) -> str:
    """The sum of an amount over the rows that count: NULL if one of them is, 0 if none counts."""
    unknown = f"COUNT(CASE WHEN ({when}) AND {amount} IS NULL THEN 1 END)"
    total = f"COALESCE(SUM(CASE WHEN {when} THEN {amount} END), 0)"
    return f"CASE WHEN {unknown} = 0 THEN CAST({total} AS DECIMAL(18, 2)) END"


def cover(
    con: DuckDBPyConnection, facts: Path, days: Sequence[date], grace: int
) -> DuckDBPyRelation:
    """The rows that cover an account, as known on each day.

    by, account_id, subscription_id, start_date, cover_end (the first day without, NULL while it
    runs, dated back if it ended within `grace` after a contracted due date), ended_at and notice_at
    as known, arr (NULL if unknown), product, plan, seats, occurred_at, month_to_month, spell_start,
    lost_at (the end of the spell; NULL while it runs). Free and empty rows cover nothing.
    """
    return con.sql(f"""WITH {_cover(con, facts, days, grace)}
        SELECT asked AS "by", account_id, subscription_id, start_date, cover_end, ended_at,
            notice_at, arr, product, plan, seats, occurred_at, month_to_month, spell_start, lost_at
        FROM cover ORDER BY asked, account_id, start_date, subscription_id""")


def customers(
    con: DuckDBPyConnection, facts: Path, days: Sequence[date], grace: int
) -> DuckDBPyRelation:
    """Who is a customer on each morning: a row booked, started, and not ended before.

    by, account_id, arr (NULL if any row's is unknown), tenure_days (since the spell began), decided
    (notice_given if a row in force has notice; else already_renewed if a later row is booked).
    """
    return con.sql(f"""WITH {_cover(con, facts, days, grace)},
        standing AS (SELECT *,
            start_date < asked AND (ended_at IS NULL OR ended_at >= asked) AS in_force FROM cover)
        SELECT asked AS "by", account_id, CAST({total("arr", "in_force")} AS DOUBLE) AS arr,
            CAST(date_diff('day', MAX(CASE WHEN in_force THEN spell_start END), asked) AS BIGINT)
                AS tenure_days,
            CASE WHEN COUNT(CASE WHEN in_force THEN notice_at END) > 0 THEN 'notice_given'
                WHEN MAX(start_date) >= asked THEN 'already_renewed' END AS decided
        FROM standing GROUP BY asked, account_id HAVING COUNT(CASE WHEN in_force THEN 1 END) > 0
        ORDER BY asked, account_id""")


def renewals(
    con: DuckDBPyConnection, facts: Path, days: Sequence[date], *, grace: int, until_days: int
) -> DuckDBPyRelation:
    """Every renewal as known on each day: the past ones, and those due within `until_days` of it.

    by, account_id, due_date, arr_due, month_to_month, early, lost_at, status, arr_kept,
    arr_renewed, decided; one row for each (by, account_id, due_date). A renewal that was settled
    early stands at its due date, even if that is further off. Money is NULL where unknown.
    """
    known_cover = _cover(con, facts, days, grace)
    return con.sql(f"""WITH {_renewals(known_cover, grace, until_days)}
        {_RENEWALS} WHERE due_date < asked + CAST({until_days} AS INTEGER) OR status = 'churned'
        ORDER BY asked, account_id, due_date""")


def past_renewals(
    con: DuckDBPyConnection, facts: Path, days: Sequence[date], *, grace: int
) -> DuckDBPyRelation:
    """The renewals that were settled on each day, as known then; columns as in `renewals`."""
    known_cover = _cover(con, facts, days, grace)
    return con.sql(f"""WITH {_renewals(known_cover, grace, 0)}
        {_RENEWALS} WHERE status NOT IN ('open', 'in_grace')
        ORDER BY asked, account_id, due_date""")


def next_decisions(
    con: DuckDBPyConnection, facts: Path, days: Sequence[date], *, grace: int, until_days: int
) -> DuckDBPyRelation:
    """Each account's earliest due date from the day on that is undecided as known, however far.

    by, account_id, due_date, days_to_due, month_to_month, arr_due. Of a row's further terms only
    those due within `until_days` are looked at.
    """
    known_cover = _cover(con, facts, days, grace)
    return con.sql(f"""WITH {_decisions(known_cover, grace, until_days, past=False)},
        undecided AS (SELECT *,
            ROW_NUMBER() OVER (PARTITION BY asked, account_id ORDER BY due_date) AS nth
            FROM decisions WHERE due_date >= asked AND decided IS NULL)
        SELECT asked AS "by", account_id, due_date,
            CAST(date_diff('day', asked, due_date) AS BIGINT) AS days_to_due, month_to_month,
            CAST(arr_due AS DOUBLE) AS arr_due
        FROM undecided WHERE nth = 1 ORDER BY asked, account_id""")


def _months(start: str, end: str) -> str:
    """Calendar months between the months of two dates."""
    years = f"EXTRACT(year FROM {end}) - EXTRACT(year FROM {start})"
    return f"(({years}) * 12 + EXTRACT(month FROM {end}) - EXTRACT(month FROM {start}))"


def _later(months: str) -> str:
    """The start, so many months later; the last day of the month where it has no such day."""
    return f"CAST(start_date + INTERVAL '1' MONTH * CAST({months} AS INTEGER) AS DATE)"


def _due(k: str) -> str:
    """The k-th due date of a row: its start plus k terms."""
    in_days = f"start_date + CAST({k} * term_days AS INTEGER)"
    in_months = _later(f"({k}) * term_months")
    return f"CASE WHEN term_months IS NULL THEN {in_days} ELSE {in_months} END"


def _passed(day: str) -> str:
    """How many due dates of a row lie on or before a day."""
    count = f"{_months('start_date', day)} // term_months"
    too_far = f"CASE WHEN {_later(f'{count} * term_months')} > {day} THEN 1 ELSE 0 END"
    in_days = f"date_diff('day', start_date, {day}) // term_days"
    return f"GREATEST(0, CASE WHEN term_months IS NULL THEN {in_days} ELSE {count} - {too_far} END)"


def _cover(con: DuckDBPyConnection, facts: Path, days: Sequence[date], grace: int) -> str:
    """CTEs up to `cover`: rows as known, their terms, ends dated back, spells."""
    term = "date_diff('day', start_date, term_end)"
    months = _months("start_date", "term_end")
    of_account = "PARTITION BY asked, account_id"
    before = "ORDER BY start_date ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    return f"""facts AS ({known(con, facts / "subscriptions.parquet", SUBSCRIPTION)}),
        seen AS (
            SELECT asked, account_id, subscription_id, start_date, term_end, arr, product, plan,
                seats, occurred_at, CASE WHEN notice_at < asked THEN notice_at END AS notice_at,
                CASE WHEN LEAST(notice_at, ended_at) < asked THEN ended_at END AS ended_at
            FROM facts JOIN {calendar(days)} ON {visible("facts", "asked")}
            WHERE arr IS NULL OR arr > 0),
        terms AS (
            SELECT *, term_end IS NULL OR {term} <= {MONTHLY} AS month_to_month,
                CASE WHEN term_end IS NULL OR {term} <= {MONTHLY} THEN 1
                    WHEN {_later(months)} = term_end THEN {months} END AS term_months,
                {term} AS term_days
            FROM seen),
        counted AS (SELECT *, {_passed("ended_at")} AS terms_done FROM terms),
        ended AS (
            SELECT *, CASE WHEN NOT month_to_month AND terms_done > 0
                    AND date_diff('day', {_due("terms_done")}, ended_at) <= {grace}
                THEN {_due("terms_done")} ELSE ended_at END AS cover_end
            FROM counted WHERE ended_at IS NULL OR ended_at > start_date),
        follows AS (
            SELECT *, MAX(COALESCE(cover_end, {NEVER})) OVER ({of_account} {before}) AS covered_to
            FROM ended),
        opens AS (
            SELECT *, CASE WHEN covered_to IS NULL
                    OR date_diff('day', covered_to, start_date) > {grace}
                THEN 1 ELSE 0 END AS opens
            FROM follows),
        spells AS (
            SELECT *, SUM(opens) OVER ({of_account} ORDER BY start_date) AS spell FROM opens),
        cover AS (
            SELECT *, MIN(start_date) OVER ({of_account}, spell) AS spell_start,
                NULLIF(MAX(COALESCE(cover_end, {NEVER})) OVER ({of_account}, spell), {NEVER})
                    AS lost_at
            FROM spells)"""


def _decisions(cover: str, grace: int, until_days: int, *, past: bool) -> str:
    """CTEs up to `decisions`: one row for each renewal, without what became of it.

    Whole months are looked at, because the month-to-month rows of one share a decision.
    """
    limit = f"last_day(asked + CAST({max(until_days, MONTHLY)} AS INTEGER))"
    month_before = "(CAST(date_trunc('month', asked) AS DATE) - 1)"
    first = "1" if past else f"{_passed(month_before)} + 1"
    return f"""{cover},
        reach AS (
            SELECT *, GREATEST({_passed(limit)}, {_passed("(asked - 1)")} + 1) AS ahead,
                CASE WHEN cover_end = lost_at AND {_due("terms_done")} < cover_end
                THEN 1 ELSE 0 END AS early
            FROM cover),
        bounds AS (
            SELECT *, CAST({first} AS BIGINT) AS first_due,
                CAST(CASE WHEN cover_end IS NULL THEN ahead
                    ELSE LEAST(terms_done + early, ahead) END AS BIGINT) AS last_due
            FROM reach),
        numbers AS (
            SELECT CAST(a.n + 10 * b.n + 100 * c.n AS BIGINT) AS n
            FROM {DIGITS} AS a(n) CROSS JOIN {DIGITS} AS b(n) CROSS JOIN {DIGITS} AS c(n)),
        dues AS (
            SELECT bounds.*, {_due("(first_due + n)")} AS own_due
            FROM bounds JOIN numbers ON n <= last_due - first_due),
        shared AS (
            SELECT *, CASE WHEN month_to_month THEN MIN(own_due) OVER (PARTITION BY asked,
                account_id, spell, month_to_month, date_trunc('month', own_due))
                ELSE own_due END AS due_date
            FROM dues),
        due AS (
            SELECT asked, account_id, spell, lost_at, due_date, {total("arr", "TRUE")} AS arr_due,
                MIN(CASE WHEN month_to_month THEN 1 ELSE 0 END) = 1 AS month_to_month,
                COUNT(notice_at) > 0 AS noticed, MAX(start_date) AS started
            FROM shared GROUP BY asked, account_id, spell, lost_at, due_date),
        ordered AS (
            SELECT *, LEAD(due_date) OVER (
                    PARTITION BY asked, account_id, spell ORDER BY due_date) AS next_due,
                ROW_NUMBER() OVER (
                    PARTITION BY asked, account_id, due_date ORDER BY spell DESC) AS newest
            FROM due),
        booked AS (
            SELECT DISTINCT due.asked, due.account_id, due.due_date
            FROM due JOIN cover ON cover.asked = due.asked AND cover.account_id = due.account_id
            WHERE due.due_date >= due.asked
                AND cover.start_date >= due.asked AND cover.start_date > due.started
                AND cover.start_date <= due.due_date + CAST({grace} AS INTEGER)
                AND COALESCE(cover.cover_end, cover.term_end, {NEVER}) > due.due_date),
        decisions AS (
            SELECT ordered.*, COALESCE(ordered.lost_at <= ordered.due_date, FALSE) AS churned,
                CASE WHEN ordered.due_date < ordered.asked THEN NULL
                    WHEN noticed THEN 'notice_given'
                    WHEN booked.due_date IS NOT NULL THEN 'already_renewed' END AS decided
            FROM ordered LEFT JOIN booked ON booked.asked = ordered.asked
                AND booked.account_id = ordered.account_id AND booked.due_date = ordered.due_date
            WHERE newest = 1)"""


def _renewals(cover: str, grace: int, until_days: int) -> str:
    """CTEs up to `judged`: the decisions, whether they are settled, and the ARR that was kept."""
    settled = f"LEAST(due_date, lost_at) + CAST({grace} AS INTEGER) < asked"
    reading = f"LEAST(due_date + CAST({grace} AS INTEGER), next_due - 1, lost_at - 1)"
    there = "{0} >= cover.start_date AND (cover.cover_end IS NULL OR {0} < cover.cover_end)"
    last_night = there.format("(asked - 1)")
    return f"""{_decisions(cover, grace, until_days, past=True)},
        asked_of AS (
            SELECT *, {settled} AS settled, GREATEST(due_date, {reading}) AS reading
            FROM decisions),
        curve AS (
            SELECT asked_of.asked, asked_of.account_id, asked_of.due_date,
                {total("cover.arr", there.format("reading"))} AS arr_then,
                {total("cover.arr", there.format("(due_date - 1)"))} AS arr_before
            FROM asked_of JOIN cover
                ON cover.asked = asked_of.asked AND cover.account_id = asked_of.account_id
            WHERE settled AND NOT churned
            GROUP BY asked_of.asked, asked_of.account_id, asked_of.due_date),
        standing AS (
            SELECT DISTINCT asked, account_id, TRUE AS covered FROM cover WHERE {last_night}),
        judged AS (
            SELECT asked_of.*, COALESCE(covered, FALSE) AS covered,
                CASE WHEN settled AND churned THEN CAST(0 AS DECIMAL(18, 2))
                    WHEN settled THEN CAST(arr_then - (arr_before - arr_due) AS DECIMAL(18, 2))
                END AS arr_kept
            FROM asked_of
            LEFT JOIN curve ON curve.asked = asked_of.asked
                AND curve.account_id = asked_of.account_id AND curve.due_date = asked_of.due_date
            LEFT JOIN standing ON standing.asked = asked_of.asked
                AND standing.account_id = asked_of.account_id),
        named AS (
            SELECT *, CASE
                WHEN settled AND churned THEN 'churned'
                WHEN settled AND arr_kept * 100 > arr_due * 101 THEN 'expanded'
                WHEN settled AND arr_kept * 100 < arr_due * 99 THEN 'contracted'
                WHEN settled THEN 'renewed'
                WHEN due_date < asked AND NOT covered THEN 'in_grace'
                ELSE 'open' END AS status
            FROM judged)"""


_RENEWALS = """SELECT asked AS "by", account_id, due_date, CAST(arr_due AS DOUBLE) AS arr_due,
            month_to_month, COALESCE(lost_at < due_date, FALSE) AS early, lost_at, status,
            CAST(arr_kept AS DOUBLE) AS arr_kept,
            CASE WHEN arr_kept IS NOT NULL
                THEN CAST(GREATEST(0, LEAST(arr_kept, arr_due)) AS DOUBLE) END AS arr_renewed,
            decided
        FROM named"""
