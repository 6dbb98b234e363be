"""When a contract really ends: whether its last day is named, and whether other files say more."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import duckdb

from pipeline.beginning import meanings
from pipeline.beginning.drafts import Draft
from pipeline.beginning.headers import Export
from pipeline.beginning.links import Link
from pipeline.beginning.names import words
from pipeline.beginning.written import select

LEAST = 3
LEAVING = {"churn", "churned", "cancelled", "cancellation", "termination", "terminated"}


def inclusive(con: duckdb.DuckDBPyConnection, draft: Draft) -> Draft:
    """The draft with a day added to ends that name the last day: the next row begins one later."""
    for column in ("term_end", "ended_at"):
        if not draft[column].of:
            continue
        same, after = _neighbours(con, select(draft), column)
        if after >= LEAST and after > same:
            found = f"{after} rows of the same account begin the day after, {same} on the day"
            draft = meanings.day_after(draft, column, found)
    return draft


def _neighbours(con: duckdb.DuckDBPyConnection, sql: str, column: str) -> tuple[int, int]:
    """How many rows end on the day, and on the day before, another of the account begins."""
    rows = (
        "SELECT account_id, TRY_CAST(CAST(start_date AS VARCHAR) AS DATE) AS starts, "
        f"TRY_CAST(CAST({column} AS VARCHAR) AS DATE) AS ends FROM ({sql}\n)"
    )
    try:
        (found,) = con.execute(
            f"WITH rows AS ({rows}) SELECT count(*) FILTER (WHERE next.starts = row.ends), "
            "count(*) FILTER (WHERE next.starts = row.ends + 1) FROM rows AS row "
            "JOIN rows AS next ON next.account_id = row.account_id "
            "AND next.starts IN (row.ends, row.ends + 1)"
        ).fetchall()
    except duckdb.Error:
        return 0, 0
    return int(found[0]), int(found[1])


def elsewhere(draft: Draft, others: Iterable[tuple[Export, Link]], read: Collection[str]) -> Draft:
    """The draft with a note of days of leaving in files that no table is made of.

    `others` are the files that reach the accounts, `read` the raw names of those that are used.
    """
    found = [
        f"{export.raw}.{field.name} by {link.of}"
        for export, link in others
        if export.raw not in read
        for field in export.fields
        if LEAVING & {*words(field.name), *words(export.file)}
        and field.values
        and field.spelt("date") is not None
    ]
    if not found:
        return draft
    choice = draft["ended_at"]
    note = meanings.joined(choice.note, f"ends may stand in {', '.join(found)}")
    return draft.with_choice(replace(choice, note=note, sure=False))
