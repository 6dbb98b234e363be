"""One account on one morning: what `renewcast explain` says of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from models.target import Target
from pipeline.accounts.explanations import CAUTION, Asked, explanations, refusal
from pipeline.settings import Settings
from serve.freshness import Refused

__all__ = ["CAUTION", "Asked", "NotAsked", "explanation", "previous"]


class NotAsked(Refused):
    """The account is no customer on the morning, or the target does not ask about it there."""


def previous(as_of: date) -> date:
    """The first day of the month before: the morning of the last run.

    >>> previous(date(2026, 1, 1)), previous(date(2026, 3, 31))
    (datetime.date(2025, 12, 1), datetime.date(2026, 2, 1))
    """
    return (as_of.replace(day=1) - timedelta(days=1)).replace(day=1)


def explanation(
    settings: Settings,
    account: str,
    target: Target,
    now: Asked,
    then: Asked | None,
    why_not: str | None = None,
) -> dict[str, Any]:
    """What `explanations` says of one account; raises NotAsked where that is nothing."""
    if (why := refusal(target, now, account)) is not None:
        raise NotAsked(why)
    return explanations(settings, target, now, then, why_not, [account])[account]
