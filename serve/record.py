"""What was predicted and what then happened: the two frames that every comparison starts from.

They come from the ledger, where they were sealed before the outcome was known, or from a replay of
past mornings with models that had not seen them. Everything downstream takes the frames and need
not know which; `sealed` says it of each row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

PUBLISHED: dict[str, str] = {
    "prediction_id": "VARCHAR",
    "as_of": "DATE",
    "account_id": "VARCHAR",
    "due_date": "DATE",
    "days_to_due": "BIGINT",
    "month_to_month": "BOOLEAN",
    "segment": "VARCHAR",
    "owner": "VARCHAR",
    "plan": "VARCHAR",
    "arr_due": "DOUBLE",
    "status": "VARCHAR",
    "churn_probability": "DOUBLE",
    "churn_low": "DOUBLE",
    "churn_high": "DOUBLE",
    "upsell_probability": "DOUBLE",
    "expected_arr_renewed": "DOUBLE",
    "risk_band": "VARCHAR",
    "health_score": "DOUBLE",
    "health_band": "VARCHAR",
    "health_refitted": "DOUBLE",
    "early_warning": "BOOLEAN",
    "csm_call": "DOUBLE",
    "base_rate": "DOUBLE",
    "model_version": "VARCHAR",
    "bundle_sha256": "VARCHAR",
    "sealed": "BOOLEAN",
}
"""One row a prediction of a renewal on a morning. `health_refitted` and `csm_call` rise with the
risk; `sealed`: it was in the ledger before the due date (false for a replay)."""

OUTCOMES: dict[str, str] = {
    "account_id": "VARCHAR",
    "due_date": "DATE",
    "outcome": "VARCHAR",
    "arr_due": "DOUBLE",
    "arr_kept": "DOUBLE",
    "arr_renewed": "DOUBLE",
    "month_to_month": "BOOLEAN",
    "early": "BOOLEAN",
    "known_on": "DATE",
}
"""One row a renewal: how it stood on `known_on`."""

KEY = ["account_id", "due_date"]
OPEN = "open"
UNSETTLED = (OPEN, "in_grace")
SETTLED = ("renewed", "expanded", "contracted", "churned")
NOT_DUE = "not_due"
"""The outcome of a renewal that was predicted and then never fell due: its row was replaced before
while the account stayed covered, or the account left at an earlier due date, where the loss counts.
It is neither settled nor waiting, and stands in no rate and in no duel."""


@dataclass(frozen=True)
class Record:
    """`predictions` with the columns of PUBLISHED, `outcomes` with those of OUTCOMES: one row for
    each renewal predicted, and for the other decisions of accounts that decide every month."""

    predictions: pd.DataFrame
    outcomes: pd.DataFrame

    @property
    def read_on(self) -> date | None:
        """The day as of which the outcomes were read; None if none was. A reading that found
        nothing new leaves no trace, so that the last one may have been later."""
        last = self.outcomes["known_on"].max()
        return None if pd.isna(last) else pd.Timestamp(last).date()

    @property
    def settled(self) -> pd.DataFrame:
        """The predictions of settled renewals, each with its outcome's columns.

        `arr_due` is the outcome's, fixed on the due date; the published one is `arr_published`.
        """
        known = self.outcomes[self.outcomes["outcome"].isin(SETTLED)]
        shown = self.predictions.rename(columns={"arr_due": "arr_published"})
        return shown.drop(columns="month_to_month").merge(known, on=KEY, validate="many_to_one")

    @property
    def unsettled(self) -> int:
        """How many predicted renewals cannot be judged yet."""
        predicted = self.predictions[KEY].drop_duplicates()
        over = self.outcomes.loc[self.outcomes["outcome"].isin((*SETTLED, NOT_DUE)), KEY]
        return len(predicted) - len(predicted.merge(over, on=KEY))
