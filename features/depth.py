"""How much of the product an account uses: features, key features, and how evenly.

A feature of the *product* is meant wherever this page says "feature". Without a catalogue every
feature is key.
"""

from __future__ import annotations

from features.feature import derived, feature


@feature("feature_days", days=[28, 91], absent=0, sign=-1)
def features_used(days: int) -> str:
    """Features of the product used in the last {days} days."""
    return f"count(DISTINCT feature) FILTER (WHERE age <= {days})"


@feature("feature_days", days=[28, 91], absent=0, sign=-1)
def key_features_used(days: int) -> str:
    """Key features of the product used in the last {days} days."""
    return f"count(DISTINCT feature) FILTER (WHERE is_key AND age <= {days})"


@feature("feature_days", per="feature", days=[28], absent=0, sign=-1)
def key_feature_share(days: int) -> tuple[str, str]:
    """Share of the product's key features used in the last {days} days, 0 to 1.

    Of as many as the catalogue knew when one of them was last used. 0 if none was used, and where
    the catalogue names no key feature.
    """
    of = f"max(CASE WHEN is_key THEN key_features END) FILTER (WHERE age <= {days})"
    return of, "coalesce(count(value) / max(value), 0)"


@derived
def events_per_user_28d() -> str:
    """Events per active person in the last 28 days; missing without anyone active.

    No sign: it rises when the light users leave.
    """
    return "events_28d / nullif(active_users_28d, 0)"


@derived
def events_per_active_day_28d() -> str:
    """Events per day with any use in the last 28 days; missing without use.

    No sign: it rises when the quiet days go.
    """
    return "events_28d / nullif(active_days_28d, 0)"


@feature("feature_days", per="feature", days=[28])
def feature_evenness(days: int) -> tuple[str, str]:
    """Chance that two events of the last {days} days, drawn at random, are of different features.

    0 is one feature only, n features used alike are 1 - 1/n (Simpson's index). Missing without
    events.
    """
    events = f"sum(events) FILTER (WHERE age <= {days})"
    return events, "1 - sum(value * value) / nullif(sum(value), 0) / nullif(sum(value), 0)"


@feature("feature_days", per="feature", days=[28], absent=0, sign=-1)
def adopted_features(days: int) -> tuple[str, str]:
    """Features whose first use within the last 182 days lies in the last {days}."""
    return "max(age) FILTER (WHERE age <= 182)", f"count(*) FILTER (WHERE value <= {days})"


@feature("feature_days", per="feature", days=[28], absent=0)
def dropped_features(days: int) -> tuple[str, str]:
    """Features used in the last 91 days, but not in the last {days}."""
    return "min(age) FILTER (WHERE age <= 91)", f"count(*) FILTER (WHERE value > {days})"
