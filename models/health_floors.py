"""The floors that a configuration of the health score must keep before it goes live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

Figure = Literal[
    "known_share",
    "green_share",
    "churned_arr_not_green",
    "green_to_other_churn",
    "smallest_step",
]
MEANINGS: Mapping[Figure, str] = {
    "known_share": "accounts with a band",
    "green_share": "accounts green, of those with a band",
    "churned_arr_not_green": "churned ARR that was not green ahead of the due date",
    "green_to_other_churn": "churn among the green, as a part of that among the others",
    "smallest_step": "smallest fall in churn from one band to the next better",
}


class Limit(BaseModel):
    """Where a figure may lie; one of the two may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _some(self) -> Limit:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a floor says at_least, at_most, or both")
        return self


class TrialSettings(BaseModel):
    """The block `health_trial` of params.yaml.

    `lead`: days to the due date, [from, until), in which churned ARR should not have been green.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lead: tuple[int, int]
    floors: dict[Figure, Limit] = Field(min_length=1)

    @model_validator(mode="after")
    def _rising(self) -> TrialSettings:
        if not 0 <= self.lead[0] < self.lead[1]:
            raise ValueError(f"lead {list(self.lead)}: from a day to a later one, none below 0")
        return self


def judged(figures: pd.DataFrame, floors: Mapping[Figure, Limit]) -> pd.DataFrame:
    """One row a limit: whether the figure keeps it, and whether the data can tell."""
    found = figures.set_index("figure")
    rows = []
    for name, limit in floors.items():
        value, low, high = (float(found.loc[name, column]) for column in ("value", "low", "high"))
        for rule, edge, sign in (("at least", limit.at_least, 1), ("at most", limit.at_most, -1)):
            if edge is None:
                continue
            met = sign * (value - edge) >= 0
            sure = low >= edge or high < edge if sign > 0 else high <= edge or low > edge
            short = 0.0 if met else sign * (edge - value)
            said = f"{MEANINGS[name]}: {value:.3g} ({low:.3g} to {high:.3g}), {rule} {edge:g}: "
            if np.isnan(value):
                said += "cannot be measured, so it is not met"
            else:
                said += "met" if met else f"missed by {short:.3g}"
                said += "" if sure else ", but these data cannot tell"
            rows.append(
                {"figure": name, "rule": rule, "limit": edge, "value": value, "low": low}
                | {"high": high, "met": met, "short": short, "sure": sure, "text": said}
            )
    return pd.DataFrame(rows)
