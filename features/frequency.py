"""How often, how long and how regularly an account uses the product.

Everything here counts the account as a whole; who uses it is `breadth`, what is used is `depth`. A
customer without use in a window has a zero there; a ratio of two windows is missing until the
account has been observed for both of them, because a fresh account's ramp is not growth.
"""

from __future__ import annotations

from features.feature import derived, feature

BLOCK_DAYS = 28
BLOCKS = [1, 2, 3, 4, 5, 6]


def trend(measure: str, days: int) -> str:
    """The expression for a measure over its last `days` against the same days just before.

    >>> trend("events", 28)  # doctest: +NORMALIZE_WHITESPACE
    'CASE WHEN days_observed >= 56
          THEN events_28d / nullif(ago(events_28d, 28), 0) END'
    """
    ratio = f"{measure}_{days}d / nullif(ago({measure}_{days}d, {days}), 0)"
    return f"CASE WHEN days_observed >= {2 * days} THEN {ratio} END"


@feature("account_days", days=[7, 28, 91], absent=0, sign=-1)
def events(days: int) -> str:
    """Events in the last {days} days, counted as the source counts them."""
    return f"sum(events) FILTER (WHERE age <= {days})"


@feature("account_days", days=[7, 28, 91], absent=0, sign=-1)
def minutes(days: int) -> str:
    """Minutes of use in the last {days} days, summed over people."""
    return f"sum(minutes) FILTER (WHERE age <= {days})"


@feature("account_days", days=[7, 28, 91], absent=0, sign=-1)
def active_days(days: int) -> str:
    """Days with any use among the last {days}."""
    return f"count(*) FILTER (WHERE age <= {days})"


@feature("account_days", days=[28, 91], absent=0, sign=-1)
def active_weeks(days: int) -> str:
    """Weeks with any use in the last {days} days, in weeks counted back from the morning."""
    return f"count(DISTINCT floor((age - 1) / 7)) FILTER (WHERE age <= {days})"


@feature("account_days", sign=1)
def days_since_use() -> str:
    """Whole days since anyone last used the product: yesterday is 1. Missing if never used."""
    return "min(age)"


@feature("account_days", days=[91])
def _gap(days: int) -> str:
    """Longest stretch from a day of use in the last {days} days to the next, or to the morning."""
    return f"max(gap) FILTER (WHERE age <= {days})"


@feature("account_days", days=[91], absent=0)
def _first_use(days: int) -> str:
    """Days since the first use in the last {days} days; 0 without use."""
    return f"max(age) FILTER (WHERE age <= {days})"


@derived(days=[91], sign=1)
def longest_gap(days: int) -> str:
    """Longest stretch without use in the last {days} days, as far as the account is observed.

    It is counted from one day of use to the next, to the morning, and from the window's start, or
    the account's own, to the first use. Daily use is 1, none at all the whole window.
    """
    start = f"least({days}, days_observed) - _first_use_{days}d"
    longest = f"greatest(coalesce(_gap_{days}d, 0), {start})"
    return f"CASE WHEN _first_use_{days}d IS NOT NULL THEN {longest} END"


@feature("account_days", block=BLOCKS, absent=0)
def active_days_in(block: int) -> str:
    """Days with any use in block {block} of 28 days before the morning; block 1 is the newest."""
    newest, oldest = BLOCK_DAYS * (block - 1), BLOCK_DAYS * block
    return f"count(*) FILTER (WHERE age > {newest} AND age <= {oldest})"


@derived(sign=-1)
def events_trend_28d() -> str:
    """Events of the last 28 days as a multiple of the 28 days before: 1 is steady, 0.5 is half.

    Missing without events before, and in the account's first 56 days.
    """
    return trend("events", 28)


@derived(sign=-1)
def events_trend_91d() -> str:
    """Events of the last 91 days as a multiple of the 91 days before: 1 is steady, 0.5 is half.

    Missing without events before, and in the account's first 182 days.
    """
    return trend("events", 91)


@derived(sign=-1)
def active_days_trend_28d() -> str:
    """Active days of the last 28 days as a multiple of the 28 days before.

    Missing without use before, and in the account's first 56 days.
    """
    return trend("active_days", 28)


@derived(sign=-1)
def minutes_trend_28d() -> str:
    """Minutes of use in the last 28 days as a multiple of the 28 days before.

    Missing without minutes before, and in the account's first 56 days.
    """
    return trend("minutes", 28)


@derived(sign=1)
def months_below_own_half() -> str:
    """Of the last six blocks of 28 days, those with under half the account's mean active days.

    Missing without any use in them, and until the account has been observed for all six.
    """
    total = " + ".join(f"active_days_in_{block}" for block in BLOCKS)
    below = " + ".join(
        f"CASE WHEN {2 * len(BLOCKS)} * active_days_in_{block} < {total} THEN 1 ELSE 0 END"
        for block in BLOCKS
    )
    lived = BLOCK_DAYS * len(BLOCKS)
    return f"CASE WHEN days_observed >= {lived} AND {total} > 0 THEN {below} END"
