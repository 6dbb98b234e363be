"""Cover, spells, renewals and how they ended, as known on a day.

Every answer is keyed by `by`, the day of knowledge: it uses the facts known before that day and
nothing else. No row is ever linked to "its" renewal, exports do not say; everything comes from the
due dates of the rows (features.terms, features.decisions) and from the days on which the account is
covered (features.cover).

The functions return relations of one SELECT in portable SQL, sorted. `facts` is the folder that
holds subscriptions.parquet; `grace` is the number of days in which a late renewal still counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from duckdb import DuckDBPyConnection, DuckDBPyRelation

from features import decisions
from features.cover import HOLDS, calendar, known_cover, total


def cover(
    con: DuckDBPyConnection, facts: Path, days: Sequence[date], grace: int
) -> DuckDBPyRelation:
    """The rows that cover an account, as known on each day.

    by, account_id, subscription_id, start_date, cover_end (the first day without, NULL while it
    runs, dated back if it ended within `grace` after a contracted due date), ended_at and notice_at
    as known, arr (NULL if unknown), product, plan, seats, occurred_at, month_to_month, spell_start,
    lost_at (the end of the spell; NULL while it runs). Free and empty rows cover nothing.
    """
    return con.sql(f"""WITH {known_cover(con, facts, days, grace)}
        SELECT asked AS "by", account_id, subscription_id, start_date, cover_end, ended_at,
            notice_at, arr, product, plan, seats, occurred_at, month_to_month, spell_start, lost_at
        FROM cover JOIN {calendar(days)} ON {HOLDS}
        ORDER BY asked, account_id, start_date, subscription_id""")


def customers(
    con: DuckDBPyConnection, facts: Path, days: Sequence[date], grace: int
) -> DuckDBPyRelation:
    """Who is a customer on each morning: a row booked, started, and not ended before.

    by, account_id, arr (NULL if any row's is unknown), tenure_days (since the spell began), decided
    (notice_given if a row in force has notice; else already_renewed if a later row is booked).
    """
    return con.sql(f"""WITH {known_cover(con, facts, days, grace)},
        standing AS (
            SELECT asked, cover.*,
                start_date < asked AND (ended_at IS NULL OR ended_at >= asked) AS in_force
            FROM cover JOIN {calendar(days)} ON {HOLDS})
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
    return con.sql(f"""WITH {known_cover(con, facts, days, grace)},
        {decisions.dues("cover", str(until_days), past=True)}, {decisions.behind(grace)},
        {decisions.ahead("dues", days, str(until_days), grace)}, {decisions.judged(days, grace)},
        covered AS (
            SELECT DISTINCT asked, account_id FROM cover JOIN {calendar(days)} ON {HOLDS}
                AND asked > start_date AND (cover_end IS NULL OR asked <= cover_end)),
        standing AS (
            SELECT judged.*, covered.asked IS NOT NULL AS covered
            FROM judged LEFT JOIN covered ON covered.asked = judged.asked
                AND covered.account_id = judged.account_id),
        named AS ({decisions.named("standing")})
        {decisions.RENEWALS}
        WHERE due_date < asked + CAST({until_days} AS INTEGER) OR status = 'churned'
        ORDER BY asked, account_id, due_date""")


def past_renewals(
    con: DuckDBPyConnection, facts: Path, days: Sequence[date], *, grace: int
) -> DuckDBPyRelation:
    """The renewals that were settled on each day, as known then; columns as in `renewals`.

    What is settled lies behind, but for the contracts that ended long before they were due.
    """
    return con.sql(f"""WITH {known_cover(con, facts, days, grace)},
        {decisions.dues("cover", "0", past=True)}, {decisions.behind(grace)},
        gone AS (
            SELECT account_id, since FROM dues
            WHERE own_due >= since AND lost_at + CAST({grace} AS INTEGER) < LEAST(own_due, upto)),
        of_gone AS (
            SELECT * FROM dues WHERE EXISTS (
                SELECT 1 FROM gone
                WHERE gone.account_id = dues.account_id AND gone.since = dues.since)),
        {decisions.ahead("of_gone", days, "0", grace)}, {decisions.judged(days, grace)},
        standing AS (SELECT *, TRUE AS covered FROM judged WHERE settled),
        named AS ({decisions.named("standing")})
        {decisions.RENEWALS} ORDER BY asked, account_id, due_date""")


def next_decisions(
    con: DuckDBPyConnection, facts: Path, days: Sequence[date], *, grace: int, until_days: int
) -> DuckDBPyRelation:
    """Each account's earliest due date from the day on that is undecided as known, however far.

    by, account_id, due_date, days_to_due, month_to_month, arr_due. Of a row's further terms only
    those due within `until_days` are looked at; where nothing can have decided the next, no others.
    """
    further = f"CASE WHEN undecidable THEN 0 ELSE {until_days} END"
    return con.sql(f"""WITH {known_cover(con, facts, days, grace)},
        coming AS (
            SELECT *, MAX(CASE WHEN notice_at IS NOT NULL OR start_date >= since THEN 1 ELSE 0 END)
                OVER (PARTITION BY account_id, since) = 0 AS undecidable
            FROM cover),
        {decisions.dues("coming", further, past=False)},
        {decisions.ahead("dues", days, further, grace)},
        undecided AS (SELECT *,
            ROW_NUMBER() OVER (PARTITION BY asked, account_id ORDER BY due_date) AS nth
            FROM ahead WHERE decided IS NULL)
        SELECT asked AS "by", account_id, due_date,
            CAST(date_diff('day', asked, due_date) AS BIGINT) AS days_to_due, month_to_month,
            CAST(arr_due AS DOUBLE) AS arr_due
        FROM undecided WHERE nth = 1 ORDER BY asked, account_id""")
