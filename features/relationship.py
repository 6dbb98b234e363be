"""How the vendor keeps in touch: calls, reviews and mails of the customer success manager.

No sign anywhere: a good manager calls the accounts at risk, so that contact follows trouble.
"""

from __future__ import annotations

from features.feature import feature

LATE_DAYS = 7


@feature("touchpoints", days=[28, 91], absent=0)
def touchpoints(days: int) -> str:
    """Touchpoints of any kind in the last {days} days."""
    return f"count(*) FILTER (WHERE age <= {days})"


@feature("touchpoints")
def days_since_touchpoint() -> str:
    """Days since the last touchpoint; missing if there was none."""
    return "min(age)"


@feature("touchpoints", days=[182], absent=0)
def planned_touchpoints(days: int) -> str:
    """Touchpoints of the last {days} days that had been planned for a date."""
    return f"count(*) FILTER (WHERE planned_for IS NOT NULL AND age <= {days})"


@feature("touchpoints", days=[182], absent=0)
def late_touchpoints(days: int) -> str:
    """Planned touchpoints of the last {days} days held more than 7 days after their date."""
    return f"count(*) FILTER (WHERE since(planned_for) - age > {LATE_DAYS} AND age <= {days})"
