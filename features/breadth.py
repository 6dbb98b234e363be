"""Which share of an account uses the product: people, seats and departments.

A sign is declared where a larger account, which has more of everything and leaves less, cannot
turn it round: people lost, for one, are more where there are more people.
"""

from __future__ import annotations

from features.feature import derived, feature, relative
from features.frequency import trend


@feature("user_days", days=[7, 28, 91], absent=0, sign=-1)
def active_users(days: int) -> str:
    """People who used the product in the last {days} days."""
    return f"count(DISTINCT user_id) FILTER (WHERE age <= {days})"


@derived(sign=-1)
def seat_utilisation() -> str:
    """People active in the last 28 days per seat in force; above 1 where seats are shared.

    Missing if the number of seats is unknown or 0.
    """
    return "active_users_28d / nullif(seats, 0)"


@derived(sign=-1)
def active_users_trend_28d() -> str:
    """People active in the last 28 days as a multiple of the 28 days before.

    Missing without anyone before, and in the account's first 56 days.
    """
    return trend("active_users", 28)


@feature("user_days", days=[28, 91], absent=0, sign=-1)
def active_departments(days: int) -> str:
    """Departments with any use in the last {days} days."""
    return f"count(DISTINCT department) FILTER (WHERE age <= {days})"


@feature("user_days", per="user_id", days=[28], absent=0, sign=-1)
def new_users(days: int) -> tuple[str, str]:
    """People whose first use within the last 182 days lies in the last {days}.

    Someone who comes back after half a year counts as new.
    """
    return "max(age) FILTER (WHERE age <= 182)", f"count(*) FILTER (WHERE value <= {days})"


@feature("user_days", per="user_id", days=[28], absent=0)
def lost_users(days: int) -> tuple[str, str]:
    """People who used the product in the last 91 days, but not in the last {days}."""
    return "min(age) FILTER (WHERE age <= 91)", f"count(*) FILTER (WHERE value > {days})"


@feature("user_days", per="department", days=[91], absent=0, sign=-1)
def new_departments(days: int) -> tuple[str, str]:
    """Departments with use in the last {days} days and none in the {days} days before."""
    first_seen = f"max(age) FILTER (WHERE age <= {2 * days})"
    return first_seen, f"count(*) FILTER (WHERE value <= {days})"


@feature("user_days", per="department", days=[91], absent=0)
def lost_departments(days: int) -> tuple[str, str]:
    """Departments without use in the last {days} days that had some in the {days} days before."""
    last_seen = f"min(age) FILTER (WHERE age <= {2 * days})"
    return last_seen, f"count(*) FILTER (WHERE value > {days})"


@feature("user_days", per="user_id", days=[28], sign=1)
def busiest_user_share(days: int) -> tuple[str, str]:
    """Share of the last {days} days' events made by the busiest person: 1 hangs on one person.

    Missing without events in those days.
    """
    events = f"sum(events) FILTER (WHERE age <= {days})"
    return events, "max(value) / nullif(sum(value), 0)"


@relative(to="industry", min_peers=20, sign=-1)
def active_users_28d_in_industry() -> str:
    """Rank by active users among the same morning's customers of the same industry, 0 to 1.

    Missing if the industry is unknown or has fewer than 20 customers that morning.
    """
    return "active_users_28d"
