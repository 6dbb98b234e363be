"""When prices move: the campaign, and the pricing change after which other coefficients decide."""

from __future__ import annotations

import numpy as np

from simulation.clock import Clock, add_months, on_or_before_the_28th
from simulation.family import Family

CAMPAIGN_MONTHS = (18, 30)  # of the window: the year in which prices rise
CHANGE_MONTH = 20  # of the window


def in_campaign(clock: Clock, due: np.ndarray) -> np.ndarray:
    """Whether each due date falls in the year in which prices rise."""
    first = on_or_before_the_28th(np.array([clock.start]))
    low, high = add_months(first, np.array(CAMPAIGN_MONTHS))
    return (due >= low) & (due < high)


def change_day(clock: Clock) -> int:
    """The pricing change: the first of the calendar month, some months into the window."""
    later = add_months(on_or_before_the_28th(np.array([clock.start])), CHANGE_MONTH)
    month = later.astype("datetime64[D]").astype("datetime64[M]")
    return int(month.astype("datetime64[D]").astype("int64")[0])


def changed(family: Family) -> Family:
    """The family after its pricing change: `drift` of the way towards `changes`.

    >>> from simulation.families import family
    >>> half = family("drift").model_copy(update={"drift": 0.5, "changes": {"churn_level": -1.0}})
    >>> changed(half).churn_level == (half.churn_level - 1.0) / 2
    True
    """
    now = {name: getattr(family, name) for name in family.changes}
    return family.model_copy(
        update={
            name: now[name] + family.drift * (target - now[name])
            for name, target in family.changes.items()
        }
    )


def in_force(family: Family, clock: Clock, day: int) -> Family:
    """The coefficients by which a renewal due on that day is decided."""
    return changed(family) if family.changes and day >= change_day(clock) else family
