"""Two features on trial, in a module of their own until they have proved that they pay.

A candidate that pays moves to the module of its family in features/; one that does not is deleted.
"""

from __future__ import annotations

from features.feature import derived, feature


@feature("account_days", days=[28], absent=0, sign=-1)
def long_days(days: int) -> str:
    """Days in the last {days} with more than a hundred events."""
    return f"count(*) FILTER (WHERE events > 100 AND age <= {days})"


@derived
def decision_near() -> str:
    """1 while an undecided renewal falls due within the next 90 days, else 0."""
    return "CASE WHEN days_to_due < 90 THEN 1 ELSE 0 END"
