"""What the honesty gate holds: rows arranged for its probes, and what a probe has to say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


class GateSettings(BaseModel):
    """The limits of the gate; params.yaml states where each comes from.

    `auc`, `odds`: the most that a single honest column may tell on the due date itself, as AUC and
    as odds ratio. `memory`: days after which a customer is like itself of then with a correlation
    of 1/e, by which both fall with the lead. `errors`: standard errors by which a figure must be
    over its limit. `chance`: probability of a false alarm where it is exact. `least`: accounts of
    a class below which no column is judged. `fading`: AUC that a column may lose on rows settled
    later. `missed`: share of the mornings on which a customer may not have been asked. `twins`:
    share of the accounts that may be copies of others. `rebuilt`: mornings that are built again.
    `accepted`: columns that a person has looked at and lets pass, each with the reason.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    auc: float = Field(gt=0.5, lt=1)
    odds: float = Field(gt=1)
    memory: float = Field(gt=0)
    errors: float = Field(gt=0)
    chance: float = Field(gt=0, lt=0.05)
    least: PositiveInt
    fading: float = Field(gt=0, lt=0.5)
    missed: float = Field(gt=0, lt=1)
    twins: float = Field(gt=0, lt=1)
    rebuilt: PositiveInt
    accepted: dict[str, str]

    def most_auc(self, lead: float) -> float:
        """The most AUC of an honest column, `lead` days before the due date.

        Two normal groups `d` deviations apart have AUC Φ(d/√2); `d` falls as exp(−lead/memory).
        """
        return float(ndtr(ndtri(self.auc) * math.exp(-lead / self.memory)))

    def most_odds(self, lead: float) -> float:
        """The most odds ratio of an honest value, `lead` days before the due date: the log odds
        fall as exp(−lead/memory)."""
        return float(self.odds ** math.exp(-lead / self.memory))


@dataclass(frozen=True)
class Evidence:
    """What one probe measured. `found`: `figure` is beyond `limit`, and `sentence` says what it
    means and what to do; `column` is empty where the rows and not a column are judged."""

    probe: str
    column: str | None
    figure: float
    limit: float
    found: bool
    sentence: str


@dataclass(frozen=True)
class Told:
    """The rows that a model is told: arrays of one length, row by row.

    `band`: the position in `leads` of the row's lead band, the last one for rows without a decision
    in them; `leads`: the first day of each band.
    """

    features: pd.DataFrame
    outcome: NDArray[np.bool_]
    weight: Floats
    account: Codes
    band: Codes
    leads: tuple[float, ...]

    @property
    def accounts(self) -> int:
        """One more than the largest code."""
        return int(self.account.max()) + 1 if len(self.account) else 0

    @property
    def mass(self) -> tuple[Floats, Floats]:
        """The weight of each row if it has the outcome, and if it has not."""
        return self.weight * self.outcome, self.weight * ~self.outcome


def arrange(features: pd.DataFrame, rows: pd.DataFrame, leads: Sequence[int]) -> Told:
    """Settled rows (account_id, as_of, outcome, weight, days_to_due) with their features.

    `features` is indexed (account_id, as_of) and holds each of the rows. `leads` are the edges of
    the lead bands in days; from the last one on, and without a decision, is a band of its own.
    """
    at = pd.MultiIndex.from_frame(rows[["account_id", "as_of"]])
    days = rows["days_to_due"].to_numpy(dtype=float, na_value=np.inf)
    band = np.searchsorted(np.asarray(leads, dtype=float), days, side="right") - 1
    return Told(
        features=features.reindex(at),
        outcome=rows["outcome"].to_numpy(dtype=bool),
        weight=rows["weight"].to_numpy(dtype=float),
        account=pd.factorize(rows["account_id"], sort=True)[0],
        band=np.clip(band, 0, len(leads) - 1),
        leads=tuple(map(float, leads)),
    )
