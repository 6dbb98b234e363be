"""One account on one morning: its probability taken apart, the health score beside it, and what
changed since an earlier morning. Everything adds up to the published probability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from features.feature import dictionary, families
from models import change, explain
from models.blend import Model
from models.chain import chain
from models.health import HealthScore
from models.target import Target
from pipeline.morning import INDEX, Morning
from pipeline.settings import Settings
from serve.freshness import Refused
from serve.scorer import probabilities

CAUTION = "Contributions say what goes with the score, not what causes it or what would change it."


class NotAsked(Refused):
    """The account is no customer on the morning, or the target does not ask about it there."""


@dataclass(frozen=True)
class Scored:
    """One account on one morning under the models of one cutoff.

    `given`: the chance of what may happen first; None where it is not asked about, as when nothing
    falls due.
    """

    as_of: date
    features: pd.DataFrame
    model: Model
    probability: float
    low: float
    high: float
    given: Mapping[str, float | None]
    escape: float

    @property
    def conditional(self) -> float:
        """The model's own probability, given that none of `given` happens."""
        return float(self.model.predict(self.features).iloc[0])


@dataclass(frozen=True)
class Asked:
    """A morning, and the models that score it with the hash of their bundles."""

    as_of: date
    morning: Morning
    models: Mapping[str, Model]
    sha256: str


def previous(as_of: date) -> date:
    """The first day of the month before: the morning of the last run.

    >>> previous(date(2026, 1, 1)), previous(date(2026, 3, 31))
    (datetime.date(2025, 12, 1), datetime.date(2026, 2, 1))
    """
    return (as_of.replace(day=1) - timedelta(days=1)).replace(day=1)


def explanation(
    settings: Settings,
    account: str,
    target: Target,
    now: Asked,
    then: Asked | None,
    why_not: str | None = None,
) -> dict[str, Any]:
    """Everything that `renewcast explain` says, as JSON holds it.

    `then` is the earlier morning; without one, `why_not` says why. Probabilities and `points` are
    shares of 1; `logit` is before calibration. `average` + the points of the dimensions =
    `conditional`, and that times `escape`, the chance of meeting none of `given`, = `probability`.
    Raises NotAsked if there is no such prediction on the morning; on the earlier one that is only
    said.
    """
    scored = _scored(settings, account, target, now)
    asked, known = explain.apart(families(settings.features.families)), dictionary()
    texts = dict(zip(known["name"], known["meaning"], strict=True))
    health = HealthScore(settings.health)
    parts = explain.contributions(scored.model, scored.features, asked)
    points = change.points(scored.model, parts)
    said = {
        way: explain.reasons(
            scored.model,
            scored.features,
            asked,
            dictionary=texts,
            peers=now.morning.features,
            against=way == "against",
        )
        for way in ("reasons", "against")
    }
    found: dict[str, Any] = {
        "account_id": account,
        "as_of": str(now.as_of),
        "target": target.name,
        "outcome": target.outcome,
        "horizon": target.horizon,
        "probability": scored.probability,
        "low": scored.low,
        "high": scored.high,
        "conditional": scored.conditional,
        "given": dict(scored.given),
        "escape": scored.escape,
        "base_rate": scored.model.report["base_rate"],
        "rung": scored.model.rung,
        "why": scored.model.report["why"],
        "average": float(points["base"].iloc[0]),
        "logit": {
            "base": float(parts["base"].iloc[0]),
            "sum": float(scored.model.logit(scored.features).iloc[0]),
        },
        "dimensions": [
            {"dimension": name, "logit": float(parts[name].iloc[0]), "points": float(of.iloc[0])}
            for name, of in points.drop(columns="base").items()
        ],
        "health": _health(health, scored.features),
        **{way: [text for text in row.iloc[0] if text is not None] for way, row in said.items()},
        "bundle_sha256": now.sha256,
        "caution": CAUTION,
        "since": None if then is None else str(then.as_of),
        "changed": None,
        "health_then": None,
        "not_compared": why_not,
    }
    if then is not None:
        here = _features(then.morning, account)
        found["health_then"] = None if here.empty else _health(health, here)
        try:
            earlier = _scored(settings, account, target, then)
        except NotAsked as why:
            return found | {"not_compared": str(why)}
        found["changed"] = _changed(earlier, scored, asked, texts, then.sha256 == now.sha256)
    return found


def _changed(
    then: Scored,
    now: Scored,
    asked: Mapping[str, list[str]],
    texts: Mapping[str, str],
    same: bool,
) -> dict[str, Any]:
    """What moved the published probability: the rows of `dimensions`, `model` and `escape` add up
    to it. The model's own change enters times the mean escape, and the change of the escape times
    the mean of the model's own probability."""
    earlier = now.model if same else then.model
    found = change.change(earlier, then.features, now.model, now.features, asked)
    logit, points = found.logit.iloc[0], found.points.iloc[0] * (then.escape + now.escape) / 2
    told = change.sentences(
        now.model,
        then.features,
        now.features,
        asked,
        dictionary=texts,
        when=str(then.as_of),
    )[0]
    return {
        "probability_then": then.probability,
        "escape_then": then.escape,
        "logit": float(logit.sum()),
        "points": now.probability - then.probability,
        "dimensions": [
            {"dimension": name, "logit": float(logit[name]), "points": float(points[name])}
            for name in found.points.columns
            if name != change.MODEL
        ],
        "same_model": same,
        "model": {"logit": float(logit[change.MODEL]), "points": float(points[change.MODEL])},
        "escape": (now.escape - then.escape) * (then.conditional + now.conditional) / 2,
        "sentences": [{"raises": way > 0, "text": text} for way, text in told],
    }


def _scored(settings: Settings, account: str, target: Target, asked: Asked) -> Scored:
    known = asked.morning.observations
    row = known[known["account_id"].eq(account)]
    if row.empty:
        raise NotAsked(
            f"{account} is no customer on {asked.as_of}; {len(known)} accounts are customers then"
        )
    if account in asked.morning.failures:
        raise NotAsked(f"{account} has no features: {asked.morning.failures[account]}")
    if not target.is_eligible(row).iloc[0]:
        raise NotAsked(
            f"{target.name} does not ask about {account} on {asked.as_of}: {_why(row, target)}"
        )
    features = _features(asked.morning, account)
    of = probabilities(features, row, asked.models, list(settings.targets.values()))
    final = of.set_index("target")["probability"]
    mine = of.set_index("target").loc[target.name]
    before = [ancestor.name for ancestor in chain(target, settings.targets)[:-1]]
    given = {name: float(final[name]) if name in final else None for name in before}
    model = asked.models[target.name]
    return Scored(
        as_of=asked.as_of,
        features=features,
        model=model,
        probability=float(mine["probability"]),
        low=float(mine["low"]),
        high=float(mine["high"]),
        given=given,
        escape=1.0 - sum(one for one in given.values() if one is not None),
    )


def _why(row: pd.DataFrame, target: Target) -> str:
    """What is known of the account's next decision, and what the target asks about."""
    of = row.iloc[0]
    if pd.notna(of["decided"]):
        known = f"its decision is known ({str(of['decided']).replace('_', ' ')})"
    elif pd.isna(of["days_to_due"]):
        known = "no undecided due date is known"
    else:
        known = f"its next decision falls due in {int(of['days_to_due'])} days"
    if pd.isna(of["arr"]):
        known += ", and its ARR is not known"
    asks = f"due within {target.horizon} days" if target.eligible == "due" else "of customers"
    return f"{known}; it asks about undecided decisions {asks}"


def _features(morning: Morning, account: str) -> pd.DataFrame:
    return morning.features[morning.features.index.get_level_values(INDEX[0]) == account]


def _health(health: HealthScore, features: pd.DataFrame) -> dict[str, Any]:
    """The score, band and coverage, and the dimensions' scores by name; None where missing."""
    row = health.assess(features).iloc[0]
    plain = {str(name): None if pd.isna(value) else value for name, value in row.items()}
    whole = ("health_score", "health_band", "health_coverage")
    return {
        **{name.removeprefix("health_"): plain.pop(name) for name in whole},
        "dimensions": {name.removesuffix("_score"): value for name, value in plain.items()},
    }
