"""Which mornings are held out: the last that are settled, and the cutoff before which to learn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd
from pydantic import BaseModel, ConfigDict, PositiveInt

from models.target import Target


class HeldoutSettings(BaseModel):
    """`mornings`: how many of the last settled mornings are kept for the comparison."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    mornings: PositiveInt


class NothingHeldOut(ValueError):
    """The data are too short to learn before a cutoff and to be judged after it."""


def heldout(
    mornings: Sequence[date],
    target: Target,
    settings: HeldoutSettings,
    *,
    until: date,
    grace: int,
    delay: int,
) -> list[date]:
    """The last mornings of a target that are settled on the day `until`, oldest first.

    The first of them is the cutoff: what is learnt before it must have been settled on it. Raises
    NothingHeldOut if no earlier morning was settled by then.

    >>> churn = Target(name="churn", eligible="due", outcome="lost", horizon=90, growth=None,
    ...                given=None, monotone=True)
    >>> firsts = [day.date() for day in pd.date_range("2024-01-01", "2025-01-01", freq="MS")]
    >>> two = HeldoutSettings(mornings=2)
    >>> [str(day) for day in heldout(firsts, churn, two, until=firsts[-1], grace=30, delay=5)]
    ['2024-07-01', '2024-08-01']
    """
    days = pd.Series(pd.to_datetime(sorted(mornings)))
    settled = days[target.is_settled(days, by=until, grace=grace, delay=delay)]
    chosen = settled.tail(settings.mornings)
    if not chosen.empty:
        cutoff = chosen.iloc[0].date()
        if target.is_settled(days, by=cutoff, grace=grace, delay=delay).any():
            return [day.date() for day in chosen]
    raise NothingHeldOut(
        f"{target.name}: of {len(days)} mornings {len(settled)} are settled on {until}; holding "
        f"out {settings.mornings} leaves none that was settled before them: lower "
        "heldout.mornings, or bring a longer history"
    )
