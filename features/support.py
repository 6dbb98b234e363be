"""What an account asked of support, and how it was served.

The number of tickets carries no sign: engaged customers ask more. What hurts whoever asks, slow
answers, an urgent ticket left open, a low satisfaction, does. A ticket's age is counted from the
day it was opened, and its resolution, first response and satisfaction are empty until known.
"""

from __future__ import annotations

from features.feature import derived, feature

SLA_HOURS = 24
URGENT = "lower(priority) IN ('urgent', 'critical', 'p1')"
RESPONSE_HOURS = "hours_between(opened_at, first_response_at)"
RESOLUTION_HOURS = "hours_between(opened_at, resolved_at)"


@feature("tickets", days=[28, 91], absent=0)
def tickets_opened(days: int) -> str:
    """Tickets opened in the last {days} days."""
    return f"count(*) FILTER (WHERE age <= {days})"


@feature("tickets", absent=0)
def open_tickets() -> str:
    """Tickets not resolved on the morning."""
    return "count(*) FILTER (WHERE resolved_at IS NULL)"


@feature("tickets")
def oldest_open_ticket() -> str:
    """Days since the oldest ticket still open was opened; missing without an open ticket."""
    return "max(age) FILTER (WHERE resolved_at IS NULL)"


@feature("tickets", days=[91], absent=0)
def urgent_tickets(days: int) -> str:
    """Urgent tickets (priority urgent, critical or P1) opened in the last {days} days."""
    return f"count(*) FILTER (WHERE {URGENT} AND age <= {days})"


@feature("tickets", absent=0, sign=1)
def open_urgent_tickets() -> str:
    """Urgent tickets not resolved on the morning."""
    return f"count(*) FILTER (WHERE {URGENT} AND resolved_at IS NULL)"


@feature("tickets", sign=1)
def oldest_open_urgent_ticket() -> str:
    """Days since the oldest urgent ticket still open was opened; missing without one."""
    return f"max(age) FILTER (WHERE {URGENT} AND resolved_at IS NULL)"


@feature("tickets", days=[91], absent=0)
def incidents(days: int) -> str:
    """Tickets of the last {days} days that report an incident."""
    return f"count(*) FILTER (WHERE is_incident AND age <= {days})"


@feature("tickets", days=[91], sign=1)
def first_response_hours(days: int) -> str:
    """Mean hours to the first response, over the answered tickets opened in the last {days} days.

    Missing without such a ticket.
    """
    return f"avg({RESPONSE_HOURS}) FILTER (WHERE age <= {days})"


@feature("tickets", days=[91], sign=1)
def resolution_hours(days: int) -> str:
    """Mean hours to resolution, over the resolved tickets opened in the last {days} days.

    Missing without such a ticket.
    """
    return f"avg({RESOLUTION_HOURS}) FILTER (WHERE age <= {days})"


@feature("tickets", days=[91], sign=-1)
def within_sla_share(days: int) -> str:
    """Share of the tickets opened in the last {days} days that were first answered within 24 hours.

    Tickets neither answered nor 24 hours old are not judged; missing if none can be.
    """
    kept = f"count(*) FILTER (WHERE {RESPONSE_HOURS} <= {SLA_HOURS} AND age <= {days})"
    due = f"(first_response_at IS NOT NULL OR 24 * (age - 1) >= {SLA_HOURS})"
    return f"{kept} / nullif(count(*) FILTER (WHERE {due} AND age <= {days}), 0)"


@feature("tickets", days=[91], absent=0)
def reopened_tickets(days: int) -> str:
    """Tickets of the last {days} days that were reopened."""
    return f"count(*) FILTER (WHERE reopened_at IS NOT NULL AND age <= {days})"


@feature("tickets", days=[91], sign=-1)
def csat(days: int) -> str:
    """Mean satisfaction with the tickets opened in the last {days} days, on the source's scale.

    Missing without an answer.
    """
    return f"avg(csat) FILTER (WHERE age <= {days})"


@feature("tickets", sign=-1)
def csat_last() -> str:
    """Satisfaction with the newest rated ticket, on the source's scale; missing without one."""
    return "latest(csat)"


@derived
def tickets_per_user_91d() -> str:
    """Tickets opened per person active in the last 91 days; missing without anyone active."""
    return "tickets_opened_91d / nullif(active_users_91d, 0)"
