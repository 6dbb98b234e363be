"""Features in, probabilities out: the function behind batch, comparison and service.

It is pure, and knows no target, model or rule by name: a target that is learnt among those who
escape others (`given`, a chain) is multiplied by the chance of escaping them all; by the usual
chance of it, the same for everyone, where its model abstains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pandas as pd

from models.chain import chain
from models.target import Target

INDEX = ["account_id", "as_of"]
ENDS = ["probability", "low", "high"]
LEARNT = "model"


class Model(Protocol):
    """A fitted model of one target: probabilities on the features' own index.

    `abstains`: it says the same of everyone. `base_rate`: the share of outcomes it was learnt from.
    """

    @property
    def abstains(self) -> bool: ...

    @property
    def base_rate(self) -> float: ...

    def predict(self, features: pd.DataFrame) -> pd.Series: ...

    def interval(self, features: pd.DataFrame) -> pd.DataFrame:
        """Columns `low` and `high` around the probability."""


class Rule(Protocol):
    """A scorer that learns nothing; its score rises with the risk that the account leaves."""

    name: str

    def score(self, features: pd.DataFrame) -> pd.Series: ...


class MissingModel(LookupError):
    """A target has no fitted model, or depends on a target that is not scored with it."""


class WithoutFeatures(ValueError):
    """Observations were to be scored whose features are not there."""


def probabilities(
    features: pd.DataFrame,
    observations: pd.DataFrame,
    models: Mapping[str, Model],
    targets: Sequence[Target],
) -> pd.DataFrame:
    """One row per (account_id, as_of, target) that is eligible: probability, low, high.

    `features` is indexed by (account_id, as_of); `observations` says on the same index who is
    eligible for what. Each target of a chain takes its share of what those before it left over:
    P = left · P(outcome | none before), and left − P goes on. Low ends meet high ends there, so
    that low ≤ probability ≤ high all along. An observation that a target does not ask about cannot
    meet its outcome yet: there it takes nothing.

    A model that abstains ranks nobody, neither by what it has learnt nor by what is left: it takes
    its base rate times the usual chance of meeting none before, of everyone the same, at most what
    is left.
    """
    known = observations.set_index(INDEX)
    found: dict[str, pd.DataFrame] = {}
    left: dict[str | None, pd.DataFrame] = {None: pd.DataFrame(1.0, features.index, ENDS)}
    usual: dict[str | None, float] = {None: 1.0}
    for target in _in_order(targets, models):
        eligible = known.index[target.is_eligible(known)]
        asked = features.loc[features.index.isin(eligible)]
        model, before = models[target.name], left[target.given]
        alone = _alone(model, asked)
        there = before.reindex(alone.index)
        if model.abstains:
            taken = alone * usual[target.given]
            found[target.name] = taken.where(taken < there, there)
            after = before - _turned(found[target.name].reindex(features.index).fillna(0.0))
            left[target.name] = after.clip(lower=0.0)
        else:
            found[target.name] = alone * there
            left[target.name] = before * (1 - _turned(alone.reindex(features.index).fillna(0.0)))
        usual[target.name] = usual[target.given] * (1 - model.base_rate)
    frames = [found[target.name].assign(target=target.name).reset_index() for target in targets]
    return pd.concat(frames, ignore_index=True)[[*INDEX, "target", *ENDS]]


def score(
    features: pd.DataFrame,
    observations: pd.DataFrame,
    models: Mapping[str, Model],
    targets: Sequence[Target],
    rules: Sequence[Rule],
) -> pd.DataFrame:
    """Predictions (account_id, as_of, target, model, score): every scorer on the same rows.

    A rule's score rises with the risk of leaving; for a target whose outcome costs no ARR it enters
    with its sign turned, so that every score rises with the outcome it is compared on. Raises
    WithoutFeatures rather than leave an eligible observation out.
    """
    learnt = probabilities(features, observations, models, targets)
    eligible = sum(int(target.is_eligible(observations).sum()) for target in targets)
    if len(learnt) < eligible:
        there = features.index.get_level_values("as_of")
        raise WithoutFeatures(
            f"{eligible - len(learnt)} of {eligible} eligible observations have no features: build "
            f"them on the same mornings (as_of is {observations['as_of'].dtype} in observations, "
            f"{there.dtype} in features)"
        )
    rows = learnt[[*INDEX, "target"]]
    scored = [rows.assign(model=LEARNT, score=learnt["probability"])]
    turned = pd.Series({t.name: 1.0 if t.costs else -1.0 for t in targets}, dtype=float)
    at = pd.MultiIndex.from_frame(rows[INDEX])
    for rule in rules:
        risk = rule.score(features).reindex(at).to_numpy(dtype=float)
        sign = rows["target"].map(turned).to_numpy(dtype=float)
        scored.append(rows.assign(model=rule.name, score=risk * sign))
    return pd.concat(scored, ignore_index=True).sort_values(
        ["as_of", "account_id", "target", "model"], ignore_index=True
    )


def _turned(ends: pd.DataFrame) -> pd.DataFrame:
    """Low as high and high as low: the more is taken, the less is left."""
    return ends.rename(columns={"low": "high", "high": "low"})[ENDS]


def _alone(model: Model, asked: pd.DataFrame) -> pd.DataFrame:
    if asked.empty:
        return pd.DataFrame(index=asked.index, columns=ENDS, dtype=float)
    return pd.DataFrame({"probability": model.predict(asked)}).join(
        model.interval(asked)[["low", "high"]]
    )


def _in_order(targets: Sequence[Target], models: Mapping[str, Model]) -> list[Target]:
    names = {target.name: target for target in targets}
    for target in targets:
        if target.name not in models:
            raise MissingModel(
                f"target {target.name} has no model among {sorted(models)}: train it first"
            )
        if target.given is not None and target.given not in names:
            raise MissingModel(
                f"target {target.name} is given the absence of {target.given}, "
                f"which is not scored with it: score {sorted({*names, target.given})} together"
            )
    return sorted(targets, key=lambda target: len(chain(target, names)))
