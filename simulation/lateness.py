"""How facts reach the books: most at once, some days late, a few twice, a few corrected."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulation.clock import DAY
from simulation.family import Family

PROMPT = 90.0  # seconds on average
LATE, AGAIN, MENDED = 2.5, 1.0, 3.0  # days on average


def recorded(
    rng: np.random.Generator, family: Family, occurred: np.ndarray, late_days: float = LATE
) -> np.ndarray:
    """The second in which each fact is first recorded, always after it happened."""
    delay = 1 + rng.exponential(PROMPT, len(occurred))
    late = rng.random(len(occurred)) < family.late_share
    delay[late] += rng.exponential(late_days * DAY, int(late.sum()))
    return occurred + delay.astype("int64")


def twice(rng: np.random.Generator, family: Family, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Which facts are delivered a second time, unchanged, and how many seconds after the first.

    The seconds are odd, those of a correction even: no two versions are recorded at once.
    """
    again = np.flatnonzero(rng.random(size) < family.twice_share)
    return again, 1 + 2 * rng.exponential(AGAIN * DAY / 2, len(again)).astype("int64")


def corrected(rng: np.random.Generator, family: Family, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Which facts are corrected later, and how many seconds after the first record."""
    wrong = np.flatnonzero(rng.random(size) < family.corrected_share)
    return wrong, DAY // 2 + 2 * rng.exponential(MENDED * DAY / 2, len(wrong)).astype("int64")


def record(
    rng: np.random.Generator, family: Family, frame: pd.DataFrame, moment: str, until: int
) -> pd.DataFrame:
    """A small table with `recorded_at`, without what was not yet recorded by `until`.

    Moments are seconds since 1970-01-01, `until` a day.
    """
    frame = frame.assign(recorded_at=recorded(rng, family, frame[moment].to_numpy()))
    return frame[frame.recorded_at < until * DAY].reset_index(drop=True)
