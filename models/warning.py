"""The early warning: months in a row below the activity standard. A rule that learns nothing.

A month is a block of 28 days before the morning, the newest first; the standard is a number of
days with any use in it, for everyone or for a segment.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

BLOCK_DAYS = 28
BLOCKS = [f"active_days_in_{block}" for block in range(1, 7)]


class WarningSettings(BaseModel):
    """The block `warning` of params.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    months: int = Field(ge=1, le=len(BLOCKS))
    min_active_days: PositiveFloat = Field(le=BLOCK_DAYS)
    segments: dict[str, PositiveFloat]


class EarlyWarning:
    """Warns after `months` months in a row with fewer active days than the standard."""

    name = "early_warning"

    def __init__(self, settings: WarningSettings) -> None:
        self.settings = settings

    def assess(self, features: pd.DataFrame) -> pd.Series:
        """True where the rule warns; missing for accounts observed for less than `months` months.

        `features` carries the blocks, `tenure_days`, and `segment` (any case; NULL and segments
        without their own standard get everyone's).
        """
        streak = self.score(features)
        warned = (streak >= self.settings.months).astype("boolean")
        return warned.mask(streak.isna()).rename(self.name)

    def score(self, features: pd.DataFrame) -> pd.Series:
        """Months in a row below the standard, 0 to 6, so that it rises with churn; NaN if unknown.

        A streak is counted as far back as the account was observed.
        """
        days = features[BLOCKS].to_numpy(dtype=float, na_value=np.nan)
        tenure = features["tenure_days"].to_numpy(dtype=float, na_value=np.nan)
        ends = BLOCK_DAYS * np.arange(1, len(BLOCKS) + 1)
        seen = ~np.isnan(days) & (tenure[:, None] >= ends)
        below = seen & (days < self._standard(features["segment"])[:, None])
        streak = np.cumprod(below, axis=1).sum(axis=1).astype(float)
        known = seen[:, : self.settings.months].all(axis=1)
        return pd.Series(np.where(known, streak, np.nan), index=features.index, name=self.name)

    def _standard(self, segment: pd.Series) -> NDArray[np.float64]:
        own = {name.casefold(): days for name, days in self.settings.segments.items()}
        named = segment.astype("string").str.casefold().map(own)
        standard = named.astype(float).fillna(self.settings.min_active_days)
        return np.asarray(standard, dtype=float)
