"""What was known of a renewal when: each morning, what moved first, and what came too late."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from models.standing import RENEWAL

SAID = ["status", "churn_probability", "risk_band", "early_warning", "csm_call"]
PROBABILITY = "churn_probability"
SCORE = "_score"  # how the columns of the health score's dimensions end
WHOLE = "health_score"
MOVES = [*RENEWAL, "signal", "as_of", "days_to_due", "before", "after", "first"]


class SignalSettings(BaseModel):
    """The block `signals` of params.yaml.

    `points`: by how much a health dimension must have fallen, `probability`: by how much the churn
    probability must have risen, to have moved; `back`: the days before the due date looked at.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    points: float = Field(gt=0, le=100)
    probability: float = Field(gt=0, lt=1)
    back: PositiveInt


def timelines(
    renewals: pd.DataFrame,
    predictions: pd.DataFrame,
    health: pd.DataFrame,
    settings: SignalSettings,
) -> pd.DataFrame:
    """One row a renewal and morning of the last `back` days before it was due, oldest first.

    `renewals`: account_id, due_date. `predictions`: with the columns of SAID. `health`: account_id,
    as_of, health_score, health_band and a <dimension>_score each, as known on each morning.
    Columns: account_id, due_date, as_of, days_to_due, those of SAID (empty where nothing was
    published) and of `health` (empty where the account was not observed).
    """
    asked = renewals[RENEWAL].drop_duplicates()
    said = asked.merge(predictions[[*RENEWAL, "as_of", *SAID]], on=RENEWAL)
    felt = asked.merge(health, on="account_id")
    rows = felt.merge(said, on=[*RENEWAL, "as_of"], how="outer")
    days = (rows["due_date"] - rows["as_of"]).dt.days
    rows.insert(3, "days_to_due", days)
    rows = rows[days.between(0, settings.back)]
    first = [*RENEWAL, "as_of", "days_to_due", *SAID]
    return rows[[*first, *(c for c in health if c not in first)]].sort_values(
        [*RENEWAL, "as_of"], ignore_index=True
    )


def moves(timeline: pd.DataFrame, settings: SignalSettings) -> pd.DataFrame:
    """When each signal had moved against the account, and stayed so to its last known value.

    A signal is the churn probability or the score of a health dimension; it is measured against its
    first known value in the timeline, and moves on the first morning of the last unbroken run in
    which it stands worse by what `settings` ask. Columns: account_id, due_date, signal, as_of,
    days_to_due, before, after (its value on that morning), first (no other signal of the renewal
    moved on an earlier morning; several may be first together). Signals that did not move have no
    row.
    """
    dimensions = [c for c in timeline if str(c).endswith(SCORE) and c != WHOLE]
    long = timeline.melt([*RENEWAL, "as_of", "days_to_due"], [PROBABILITY, *dimensions], "signal")
    long["value"] = long["value"].astype(float)
    key = [*RENEWAL, "signal"]
    long = long[long["value"].notna()].sort_values([*key, "as_of"], ignore_index=True)
    long["before"] = long.groupby(key)["value"].transform("first")
    change = (long["value"] - long["before"]).round(9)
    rises = long["signal"].eq(PROBABILITY)
    worse = np.where(rises, change >= settings.probability, change <= -settings.points)
    backwards = long.assign(still=worse.astype(int)).iloc[::-1]
    still = backwards.groupby(key)["still"].cummin().iloc[::-1].astype(bool)
    found = long[still].groupby(key, as_index=False).first().rename(columns={"value": "after"})
    earliest = found.groupby(RENEWAL)["as_of"].transform("min")
    found = found.assign(first=found["as_of"].eq(earliest))
    return found.sort_values([*RENEWAL, "as_of", "signal"], ignore_index=True)[MOVES]


def first_words(renewals: pd.DataFrame, moved: pd.DataFrame) -> pd.Series:
    """What moved first, in words, for each row of `renewals`; "nothing moved" where nothing did."""
    first = moved[moved["first"]]
    said = {
        key: f"{' and '.join(_named(part['signal']))}, {part['days_to_due'].iloc[0]:.0f} days ahead"
        for key, part in first.groupby(RENEWAL)
    }
    keys = zip(renewals["account_id"], renewals["due_date"], strict=True)
    return pd.Series([said.get(key, "nothing moved") for key in keys], index=renewals.index)


def recorded_late(renewals: pd.DataFrame, facts: pd.DataFrame) -> pd.DataFrame:
    """Facts that had happened before the last scored morning and were not known on it.

    `renewals`: account_id, due_date, last (that morning). `facts`: account_id, table, id,
    occurred_at, known_at (of the first version that said so). Columns: account_id, due_date, table,
    id, occurred_at, known_at, days_late (from happening to knowing), the latest known last.
    """
    asked = renewals[[*RENEWAL, "last"]].drop_duplicates()
    rows = asked.merge(facts, on="account_id")
    happened = (rows["last"] - rows["occurred_at"]) > pd.Timedelta(0)
    unknown = (rows["known_at"] - rows["last"]) >= pd.Timedelta(0)
    late = rows[happened & unknown]
    late = late.assign(days_late=(late["known_at"] - late["occurred_at"]).dt.days)
    shown = [*RENEWAL, "table", "id", "occurred_at", "known_at", "days_late"]
    return late[shown].sort_values([*RENEWAL, "known_at", "table", "id"], ignore_index=True)


def _named(signals: Sequence[str]) -> list[str]:
    return [signal.removesuffix(SCORE).replace("_", " ") for signal in signals]
