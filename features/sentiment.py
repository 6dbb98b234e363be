"""What an account's people answered when asked whether they would recommend the product (NPS).

Few answer: beside each figure stands the number of answers, and the age of the last one.
"""

from __future__ import annotations

from features.feature import feature


@feature("nps", sign=-1)
def nps_last() -> str:
    """The newest answer, 0 to 10, however old; missing if nobody ever answered."""
    return "latest(score)"


@feature("nps")
def nps_age() -> str:
    """Days since the newest answer; missing if nobody ever answered."""
    return "min(age)"


@feature("nps", days=[182], absent=0)
def nps_answers(days: int) -> str:
    """Answers in the last {days} days."""
    return f"count(*) FILTER (WHERE age <= {days})"


@feature("nps", days=[182], absent=0)
def nps_detractors(days: int) -> str:
    """Answers from 0 to 6 in the last {days} days."""
    return f"count(*) FILTER (WHERE score <= 6 AND age <= {days})"


@feature("nps", days=[182], sign=-1)
def nps_mean(days: int) -> str:
    """Mean answer, 0 to 10, of the last {days} days; missing without an answer."""
    return f"avg(score) FILTER (WHERE age <= {days})"


@feature("nps", sign=-1)
def nps_trend() -> str:
    """The newest answer minus the mean of all the earlier ones; missing with fewer than two."""
    earlier = "(sum(score) - latest(score)) / nullif(count(score) - 1, 0)"
    return f"latest(score) - {earlier}"
