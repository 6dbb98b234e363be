"""One small company's models, judged on the fresh renewals of its family and never on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.worlds import World
from features.feature import families, signs
from models import metrics
from models.baselines import baselines
from models.blend import Model
from models.chain import chain
from models.ladder import LearnSettings, train
from models.target import learnable
from pipeline import files
from pipeline.morning import INDEX
from pipeline.settings import Settings
from serve import scorer


def fitted(
    made: World,
    settings: Settings,
    cutoff: str = files.SERVING,
    *,
    learning: LearnSettings | None = None,
    beside: bool = False,
    only: tuple[str, ...] | None = None,
    rows: Callable[[pd.DataFrame], pd.DataFrame] | None = None,
    leave: str | None = None,
) -> dict[str, dict[str, Model]]:
    """For each target the trained model, and with `beside` the baselines, by name.

    `rows` alters the labels that are learnt from; `leave` is a family of features to do without.
    """
    chosen = families([name for name in settings.features.families if name != leave])
    columns = [column for family in chosen.values() for column in family]
    found: dict[str, dict[str, Model]] = {}
    for name, target in settings.targets.items():
        if only is not None and name not in only:
            continue
        told = training(made, name, settings) | {"families": chosen}
        told["settings"] = learning or settings.learning
        labels = learnable(made.labels[name][cutoff], target, settings.targets)
        given = made.features[columns], labels if rows is None else rows(labels)
        found[name] = {scorer.LEARNT: train(*given, **told)}
        if beside:
            found[name] |= baselines(*given, **told)
    return found


def training(made: World, name: str, settings: Settings) -> dict[str, Any]:
    """What the ladder is told beside features and labels."""
    target = settings.targets[name]
    return {
        "name": name,
        "target": target,
        "settings": settings.learning,
        "signs": signs(settings.features.families),
        "seed": settings.seed,
        "gap_days": target.horizon + settings.contracts.grace + made.calendar.delay,
        "families": families(settings.features.families),
    }


@dataclass(frozen=True)
class Unsure:
    """A model whose intervals nobody asks for: they cost most of the time."""

    model: Model

    @property
    def abstains(self) -> bool:
        """As the model has it."""
        return self.model.abstains

    @property
    def base_rate(self) -> float:
        """As the model has it."""
        return self.model.base_rate

    def predict(self, features: pd.DataFrame) -> pd.Series:
        """The probability, as the model has it."""
        return self.model.predict(features)

    def interval(self, features: pd.DataFrame) -> pd.DataFrame:
        """No interval."""
        return pd.DataFrame({"low": 0.0, "high": 1.0}, index=features.index)


def predicted(
    models: Mapping[str, Model],
    rows: pd.DataFrame,
    target: str,
    settings: Settings,
    sure: bool = False,
) -> pd.DataFrame:
    """probability of fresh rows, on their order, the scorer's own way; with `sure` low and high."""
    names = [one.name for one in chain(settings.targets[target], settings.targets)]
    targets = [settings.targets[name] for name in names]
    used = {name: models[name] if sure else Unsure(models[name]) for name in names}
    features = rows.set_index(INDEX)
    found = scorer.probabilities(features, rows.assign(decided=None), used, targets)
    found = found[found["target"] == target].set_index(INDEX)
    return found.loc[pd.MultiIndex.from_frame(rows[INDEX])].reset_index(drop=True)


def figures(probability: np.ndarray, rows: pd.DataFrame, base: float) -> dict[str, float]:
    """AUC, log-loss and that of the training base rate, mean prediction less outcome, slope."""
    outcome = rows["outcome"].to_numpy(dtype=bool)
    found = {
        "auc": metrics.auc(probability, outcome),
        "log_loss": float(metrics.log_loss(probability, outcome)),
        "base_log_loss": float(metrics.log_loss(np.full(len(rows), base), outcome)),
        "in_the_large": float(probability.mean() - outcome.mean()),
    }
    try:
        found["slope"] = float(metrics.calibration_line(probability, outcome)[1])
    except metrics.NoLine:  # the same for everyone
        found["slope"] = float("nan")
    return found
