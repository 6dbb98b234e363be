"""What every scorer says of some accounts on one morning; one account's failure harms no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd

from models.outcomes import BRANCHES, branches, tree
from models.target import Target
from serve.scorer import INDEX, Model, probabilities

HEALTH = ["health_score", "health_band", "health_coverage"]
REASONS = ["reason_1", "reason_2", "reason_3"]
PROBABILITIES = ["churn_probability", "churn_low", "churn_high", "upsell_probability"]
COLUMN_OF = {"lost": "churn", "expanded": "upsell"}  # what a target's outcome is called in columns
OF_ONE_ACCOUNT = (ValueError, ArithmeticError)  # what one account's values can raise


class Health(Protocol):
    """health_score (0-100, high is good), health_band, health_coverage and the dimensions."""

    def assess(self, features: pd.DataFrame) -> pd.DataFrame: ...


class EarlyWarning(Protocol):
    """True where an account stayed below the activity standard for too long."""

    def assess(self, features: pd.DataFrame) -> pd.Series: ...


@dataclass(frozen=True)
class Scorers:
    """Everything that judges an account; `reasons` gives reason_1..3 on the features' index."""

    models: Mapping[str, Model]
    targets: Sequence[Target]
    health: Health
    warning: EarlyWarning
    reasons: Callable[[pd.DataFrame], pd.DataFrame]

    def first_of(self, outcome: str) -> Target | None:
        """The first target of an outcome: the one whose probability stands in the columns."""
        return next((target for target in self.targets if target.outcome == outcome), None)


class NoneJudged(RuntimeError):
    """Every account failed: that is no fault of an account."""


@dataclass(frozen=True)
class Judgement:
    """`frame`: by (account_id, as_of); `failures`: account -> why it could not be judged."""

    frame: pd.DataFrame
    failures: dict[str, str] = field(default_factory=dict)


def judge(features: pd.DataFrame, observations: pd.DataFrame, scorers: Scorers) -> Judgement:
    """PROBABILITIES, the BRANCHES of the whole tree, the health score with its dimensions,
    early_warning and REASONS, by index.

    Where the scorers raise on the whole, the rows are halved until the accounts that cause it
    stand alone: those are failures, the rest is judged. If that leaves several failures and no
    prediction, raises NoneJudged.
    """
    judgement = _isolated(features, observations, scorers)
    none_scored = judgement.frame["churn_probability"].isna().all()
    if none_scored and len(judgement.failures) > 1:
        account, why = next(iter(judgement.failures.items()))
        raise NoneJudged(
            f"none of {len(judgement.failures)} accounts could be scored; {account}: {why}"
        )
    return judgement


def _isolated(features: pd.DataFrame, observations: pd.DataFrame, scorers: Scorers) -> Judgement:
    try:
        return Judgement(_together(features, observations, scorers))
    except OF_ONE_ACCOUNT as error:
        if len(features) == 1:
            account = features.index.get_level_values("account_id")[0]
            nobody = _together(features.iloc[:0], observations, scorers)
            return Judgement(nobody, {account: f"{type(error).__name__}: {error}"})
    half = len(features) // 2
    first = _isolated(features.iloc[:half], observations, scorers)
    second = _isolated(features.iloc[half:], observations, scorers)
    parts = [part.frame for part in (first, second) if not part.frame.empty]
    frame = pd.concat(parts) if parts else first.frame
    return Judgement(frame, {**first.failures, **second.failures})


def _together(features: pd.DataFrame, observations: pd.DataFrame, scorers: Scorers) -> pd.DataFrame:
    if features.empty:
        return pd.DataFrame(
            index=features.index,
            columns=[*PROBABILITIES, *BRANCHES, *HEALTH, "early_warning", *REASONS],
            dtype=object,
        )
    long = probabilities(features, observations, scorers.models, scorers.targets)
    judged = pd.DataFrame(index=features.index, columns=PROBABILITIES, dtype=float)
    for outcome, column in COLUMN_OF.items():
        if (target := scorers.first_of(outcome)) is None:
            continue
        mine = long[long["target"].eq(target.name)].set_index(INDEX)
        for what in ("probability", "low", "high"):
            if f"{column}_{what}" in PROBABILITIES:
                judged[f"{column}_{what}"] = mine[what].reindex(features.index)
    if (loss := scorers.first_of("lost")) is not None:
        judged = judged.join(tree(long, observations, branches(loss, scorers.targets)))
    assessed = scorers.health.assess(features)
    warned = scorers.warning.assess(features).rename("early_warning")
    asked = judged["churn_probability"].notna()
    reasons = scorers.reasons(features[asked]).reindex(columns=REASONS)
    return judged.join(assessed).join(warned).join(reasons)
