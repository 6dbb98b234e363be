"""What the learners say of rows they never saw, and all that is chosen by it.

Rounds, penalty and blend are chosen by log-loss pooled over the folds, never on one slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from models import gradient, metrics
from models.folds import Fold
from models.gradient import GradientSettings
from models.linear import LinearSettings
from models.rows import Rows


class BlendSettings(BaseModel):
    """`fold_seeds`: seeds averaged within a fold. `even_prior`: how many positives the belief in
    an even blend of trees and logit is worth."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fold_seeds: int = Field(ge=1)
    even_prior: float = Field(ge=0)


@dataclass(frozen=True)
class Stages:
    """A fold's judged rows under every stage of the trees and every ridge penalty: logits, one
    row a stage or penalty. Without trees there is one stage, of zeros."""

    by_rounds: np.ndarray
    by_ridge: np.ndarray


@dataclass(frozen=True)
class Choice:
    """What the folds chose, and the logits that the judged rows then have.

    `trees` is the boosters' share of the logit, `unshrunk` the share that was best out-of-fold.
    """

    rounds: int
    ridge: float
    trees: float
    unshrunk: float
    of_trees: np.ndarray
    of_linear: np.ndarray

    @property
    def logit(self) -> np.ndarray:
        """The blended logit of the judged rows."""
        return self.trees * self.of_trees + (1 - self.trees) * self.of_linear


def stages(
    rows: Rows,
    fold: Fold,
    trees: GradientSettings | None,
    ridge: LinearSettings,
    fold_seeds: int,
    seed: int,
) -> Stages:
    """Train on the fold's training rows alone and judge the others; no trees if None."""
    judged, weight = rows.matrix[fold.test], rows.weight[fold.train]
    problem = rows.ridge(fold.train, ridge)
    design = problem.scale.design(judged)
    by_ridge, end = [], None
    for penalty in penalties(ridge):
        fitted, end = problem.fit(weight, penalty, end)
        by_ridge.append(fitted.logit(judged, design))
    if trees is None:
        return Stages(np.zeros((1, len(judged))), np.array(by_ridge))
    data, params = rows.trees(fold.train, trees)
    boosters = [
        gradient.fit(data, params, trees.stages[-1], seed + shift) for shift in range(fold_seeds)
    ]
    staged = [
        _filled(gradient.staged_logits(booster, judged, trees.rounds_step), len(trees.stages))
        for booster in boosters
    ]
    return Stages(np.mean(staged, axis=0), np.array(by_ridge))


def _filled(staged: np.ndarray, stages: int) -> np.ndarray:
    """So many stages: where nothing was left to split and training ended, the last one stays."""
    return np.concatenate([staged, np.repeat(staged[-1:], stages - len(staged), axis=0)])


def choose(
    pooled: Stages,
    outcome: np.ndarray,
    weight: np.ndarray,
    trees: GradientSettings | None,
    ridge: LinearSettings,
    even_prior: float,
) -> Choice:
    """The best stage, the best penalty, and of these two the best blend, shrunk to one half."""

    def loss(z: np.ndarray) -> float:
        return float(np.average(np.logaddexp(0, z) - outcome * z, weights=weight))

    at = int(np.argmin([loss(z) for z in pooled.by_ridge]))
    penalty, of_linear = penalties(ridge)[at], pooled.by_ridge[at]
    if trees is None:
        return Choice(0, penalty, 0.0, 0.0, pooled.by_rounds[0], of_linear)
    stage = int(np.argmin([loss(z) for z in pooled.by_rounds]))
    of_trees = pooled.by_rounds[stage]
    shares = np.linspace(0, 1, 21)
    blends = [loss(share * of_trees + (1 - share) * of_linear) for share in shares]
    best = float(shares[np.argmin(blends)])
    positives = float(np.sum(weight * outcome))
    shrunk = (positives * best + even_prior / 2) / (positives + even_prior)
    return Choice(trees.stages[stage], penalty, shrunk, best, of_trees, of_linear)


def applied(
    pooled: Stages, choice: Choice, trees: GradientSettings | None, ridge: LinearSettings
) -> np.ndarray:
    """The logits of other judged rows under what was chosen elsewhere."""
    stage = 0 if trees is None else trees.stages.index(choice.rounds)
    of_linear = pooled.by_ridge[penalties(ridge).index(choice.ridge)]
    return choice.trees * pooled.by_rounds[stage] + (1 - choice.trees) * of_linear


def penalties(ridge: LinearSettings) -> list[float]:
    """The penalties tried, the strongest first: each fit starts where the last one ended."""
    return sorted(ridge.ridge, reverse=True)


def pool(parts: Sequence[Stages]) -> Stages:
    """The judged rows of all folds one after another."""
    return Stages(
        np.concatenate([part.by_rounds for part in parts], axis=1),
        np.concatenate([part.by_ridge for part in parts], axis=1),
    )


def frame(
    rows: Rows, parts: Sequence[Fold], choice: Choice, weight: np.ndarray, p: np.ndarray
) -> pd.DataFrame:
    """The judged rows on (account_id, as_of), as often as they were judged: fold, outcome, weight,
    whether the account was seen in the fold's training, the logits, and the cross-fitted
    probability."""
    accounts = rows.index.get_level_values("account_id")
    seen = [accounts[part.test].isin(accounts[part.train].unique()) for part in parts]
    tested = np.concatenate([part.test for part in parts])
    columns = {
        "fold": np.repeat(np.arange(len(parts)), [len(part.test) for part in parts]),
        "outcome": rows.outcome[tested],
        "weight": weight,
        "seen": np.concatenate(seen),
        "logit_trees": choice.of_trees,
        "logit_linear": choice.of_linear,
        "logit": choice.logit,
        "probability": p,
    }
    return pd.DataFrame(columns, index=rows.index[tested])


def gain(oof: pd.DataFrame, base: np.ndarray) -> tuple[float, float]:
    """By how much the log-loss of the judged rows beats that of the probabilities `base`, and the
    standard error of that: rows of one account stand or fall together."""
    outcome, weight = oof["outcome"].to_numpy(), oof["weight"].to_numpy()
    given = oof["probability"].to_numpy()
    better = np.where(outcome > 0, np.log(given / base), np.log((1 - given) / (1 - base)))
    mean = float(np.average(better, weights=weight))
    surplus = pd.Series(weight * (better - mean), oof.index)
    by_account = surplus.groupby(level="account_id").sum()
    return mean, float(np.sqrt((by_account**2).sum()) / weight.sum())


def per_fold(rows: Rows, parts: Sequence[Fold], oof: pd.DataFrame) -> list[dict[str, Any]]:
    """Each fold in figures, for the report."""
    return [
        {
            "start": None if part.start is None else part.start.date().isoformat(),
            "train_rows": len(part.train),
            "train_positives": float(rows.positives[part.train].sum()),
            "test_rows": len(part.test),
            "test_positives": float(rows.positives[part.test].sum()),
            **figures(judged),
        }
        for part, (_, judged) in zip(parts, oof.groupby("fold"), strict=True)
    ]


def figures(judged: pd.DataFrame) -> dict[str, float | None]:
    """AUC and log-loss of judged rows; None where there is nothing to rank or to measure."""
    if judged.empty:
        return {"auc": None, "log_loss": None}
    outcome, weight = judged["outcome"].to_numpy(), judged["weight"].to_numpy()
    one_class = outcome.min() == outcome.max()
    return {
        "auc": None if one_class else metrics.auc(judged["logit"].to_numpy(), outcome, weight),
        "log_loss": float(metrics.log_loss(judged["probability"].to_numpy(), outcome, weight)),
    }
