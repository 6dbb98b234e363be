"""A search among the trees' settings, for companies with outcomes enough to tell settings apart.

With fewer the folds' noise exceeds what any setting gains, and a search would choose by luck. It
minimises the log-loss pooled over the folds; what it finds must beat the settings it started from
by more than one standard error, rows of one account standing or falling together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from models import gradient
from models.folds import Fold
from models.gradient import GradientSettings
from models.rows import Rows

if TYPE_CHECKING:
    from optuna import Trial
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
    """There is to be a search, and the package that searches is not installed."""


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
    losses: dict[int, np.ndarray] = {}
    objective = objective_of(rows, thinned(parts, settings.rows_most, seed), start, losses)
    weight = np.concatenate([rows.weight[part.test] for part in parts])
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(2, settings.trials // 3))
    study = optuna.create_study(sampler=sampler, pruner=optuna.pruners.NopPruner())
    study.enqueue_trial({name: getattr(start, name) for name in RANGES})
    study.optimize(objective, n_trials=settings.trials + 1)
    gained = losses[0] - losses[study.best_trial.number]
    mean, error = clustered(gained, weight, rows, parts)
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


def objective_of(
    rows: Rows, parts: Sequence[Fold], start: GradientSettings, losses: dict[int, np.ndarray]
) -> Callable[[Trial], float]:
    """What a study minimises: the log-loss of the judged rows at the number of rounds that is best
    over all folds. After each fold the loss so far is told, and a trial that a pruner gives up ends
    there; `losses` receives each whole trial's losses, a row each, under its number.
    """

    def objective(trial: Trial) -> float:
        settings = suggested(trial, start)
        each, weight = np.empty((len(settings.stages), 0)), np.empty(0)
        for step, part in enumerate(parts):
            each = np.concatenate([each, _staged_losses(rows, part, settings)], axis=1)
            weight = np.concatenate([weight, rows.weight[part.test]])
            stages = np.average(each, axis=1, weights=weight)
            trial.report(float(stages.min()), step)
            if step + 1 < len(parts) and trial.should_prune():
                from optuna import TrialPruned

                raise TrialPruned
        losses[trial.number] = each[np.argmin(stages)]
        return float(np.average(losses[trial.number], weights=weight))

    return objective


def thinned(parts: Sequence[Fold], most: int, seed: int) -> list[Fold]:
    """The folds with at most so many training rows each, drawn by chance."""
    draw = np.random.default_rng(seed)
    return [
        part
        if len(part.train) <= most
        else Fold(np.sort(draw.choice(part.train, most, replace=False)), part.test, part.start)
        for part in parts
    ]


def _staged_losses(rows: Rows, part: Fold, settings: GradientSettings) -> np.ndarray:
    """The log-loss of the fold's judged rows, a line for each number of rounds; where nothing was
    left to split and training ended, the last one stays."""
    data, params = rows.trees(part.train, settings)
    booster = gradient.fit(data, params, settings.stages[-1], 0)
    z = gradient.staged_logits(booster, rows.matrix[part.test], settings.rounds_step)
    z = np.pad(z, ((0, len(settings.stages) - len(z)), (0, 0)), mode="edge")
    return np.logaddexp(0, z) - rows.outcome[part.test] * z


def clustered(
    gained: np.ndarray, weight: np.ndarray, rows: Rows, parts: Sequence[Fold]
) -> tuple[float, float]:
    """The weighted mean over the folds' judged rows, and its standard error by account."""
    mean = float(np.average(gained, weights=weight))
    tested = np.concatenate([part.test for part in parts])
    accounts = rows.index[tested].get_level_values("account_id")
    surplus = pd.Series(weight * (gained - mean)).groupby(accounts).sum()
    return mean, float(np.sqrt((surplus**2).sum()) / weight.sum())
