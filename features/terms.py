"""When a row of a contract falls due: its start, and so many terms on.

SQL of the columns that `terms` gives a row: `month_to_month`, `term_months` (NULL for a term that
is not whole months) and `term_days`.
"""

from __future__ import annotations

MONTHLY = 31  # days: a term as short as this, or none, makes a row month to month


def terms() -> str:
    """The columns that tell the terms of a row with a start_date and a term_end."""
    length = "date_diff('day', start_date, term_end)"
    months = _months("start_date", "term_end")
    return f"""term_end IS NULL OR {length} <= {MONTHLY} AS month_to_month,
                CASE WHEN term_end IS NULL OR {length} <= {MONTHLY} THEN 1
                    WHEN {_later(months)} = term_end THEN {months} END AS term_months,
                {length} AS term_days"""


def due(k: str) -> str:
    """The k-th due date of a row: its start plus k terms."""
    in_days = f"start_date + CAST({k} * term_days AS INTEGER)"
    in_months = _later(f"({k}) * term_months")
    return f"CASE WHEN term_months IS NULL THEN {in_days} ELSE {in_months} END"


def passed(day: str) -> str:
    """How many due dates of a row lie on or before a day."""
    count = f"{_months('start_date', day)} // term_months"
    too_far = f"CASE WHEN {_later(f'{count} * term_months')} > {day} THEN 1 ELSE 0 END"
    in_days = f"date_diff('day', start_date, {day}) // term_days"
    return f"GREATEST(0, CASE WHEN term_months IS NULL THEN {in_days} ELSE {count} - {too_far} END)"


def _months(start: str, end: str) -> str:
    """Calendar months between the months of two dates."""
    years = f"EXTRACT(year FROM {end}) - EXTRACT(year FROM {start})"
    return f"(({years}) * 12 + EXTRACT(month FROM {end}) - EXTRACT(month FROM {start}))"


def _later(months: str) -> str:
    """The start, so many months later; the last day of the month where it has no such day."""
    return f"CAST(start_date + INTERVAL '1' MONTH * CAST({months} AS INTEGER) AS DATE)"
