"""A search among the trees' settings, for companies with outcomes enough to tell settings apart.

With fewer the folds' noise exceeds what any setting gains, and a search would choose by luck. It
minimises the log-loss pooled over the folds; what it finds must beat the settings it started from
by more than one standard error, rows of one account standing or falling together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from models import gradient
from models.folds import Fold
from models.gradient import GradientSettings
from models.rows import Rows

if TYPE_CHECKING:
    from optuna.trial import BaseTrial


RANGES: dict[str, tuple[float, float]] = {
    "leaves": (3, 31),
    "depth": (2, 6),
    "leaf_most": (20, 500),
    "l2": (1.0, 100.0),
    "feature_fraction": (0.2, 0.8),
    "path_smooth": (0.5, 50.0),
}


class SearchMissing(RuntimeError):
    """There are outcomes enough for a search, and the package that searches is not installed."""


class SearchSettings(BaseModel):
    """`trials`: how many settings are tried beside the first. `rows_most`: of each fold's training
    rows no more are used while searching."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trials: int = Field(ge=1)
    rows_most: int = Field(ge=1000)


def search(
    rows: Rows, parts: Sequence[Fold], start: GradientSettings, settings: SearchSettings, seed: int
) -> tuple[GradientSettings, dict[str, float]]:
    """The settings found, or `start`; and what was gained out-of-fold, with its standard error.

    Optuna's tree-structured Parzen estimator (Bergstra et al. 2011), `start` its first trial.
    Raises SearchMissing without the extra `search`.
    """
    try:
        import optuna
    except ImportError:
        raise SearchMissing(
            "there are outcomes enough for the search rung, and optuna is not installed: install "
            "the extra `search`, or raise learning.rungs.search_from"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    draw = np.random.default_rng(seed)
    thinned = [_thinned(part, settings.rows_most, draw) for part in parts]
    weight = np.concatenate([rows.weight[part.test] for part in parts])
    losses: dict[int, np.ndarray] = {}

    def objective(trial: optuna.Trial) -> float:
        losses[trial.number] = _losses(rows, thinned, suggested(trial, start))
        return float(np.average(losses[trial.number], weights=weight))

    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(2, settings.trials // 3))
    study = optuna.create_study(sampler=sampler)
    study.enqueue_trial({name: getattr(start, name) for name in RANGES})
    study.optimize(objective, n_trials=settings.trials + 1)
    gained = losses[0] - losses[study.best_trial.number]
    mean, error = _clustered(gained, weight, rows, parts)
    found = {"search_gain": mean, "search_gain_error": error}
    if mean <= error:
        return start, found
    return start.model_copy(update=study.best_trial.params), found


def suggested(trial: BaseTrial, start: GradientSettings) -> GradientSettings:
    """The settings of one trial; whole numbers where `start` has them."""
    update: dict[str, float] = {}
    for name, (low, high) in RANGES.items():
        whole, log = isinstance(getattr(start, name), int), high / low > 10
        if whole:
            update[name] = trial.suggest_int(name, int(low), int(high), log=log)
        else:
            update[name] = trial.suggest_float(name, low, high, log=log)
    return start.model_copy(update=update)


def _thinned(part: Fold, most: int, draw: np.random.Generator) -> Fold:
    if len(part.train) <= most:
        return part
    return Fold(np.sort(draw.choice(part.train, most, replace=False)), part.test, part.start)


def _losses(rows: Rows, parts: Sequence[Fold], settings: GradientSettings) -> np.ndarray:
    """The log-loss of each judged row at the number of rounds that is best over all folds."""
    staged = []
    for part in parts:
        data, params = rows.trees(part.train, settings)
        booster = gradient.fit(data, params, settings.stages[-1], 0)
        staged.append(gradient.staged_logits(booster, rows.matrix[part.test], settings.rounds_step))
    z = np.concatenate(staged, axis=1)
    tested = np.concatenate([part.test for part in parts])
    each = np.logaddexp(0, z) - rows.outcome[tested] * z
    return each[np.argmin(np.average(each, axis=1, weights=rows.weight[tested]))]


def _clustered(
    gained: np.ndarray, weight: np.ndarray, rows: Rows, parts: Sequence[Fold]
) -> tuple[float, float]:
    """The weighted mean, and its standard error by account."""
    mean = float(np.average(gained, weights=weight))
    tested = np.concatenate([part.test for part in parts])
    accounts = rows.index[tested].get_level_values("account_id")
    surplus = pd.Series(weight * (gained - mean)).groupby(accounts).sum()
    return mean, float(np.sqrt((surplus**2).sum()) / weight.sum())
