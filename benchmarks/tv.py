"""The learners on real customers: a television provider's churn, from the package empulse.

`python -m benchmarks.tv` (needs `pip install empulse`). 9,379 subscribers with 46 anonymous columns
on one day, 449 churns. Four times five folds; equal rows stay together, for a copy in the training
rows would be a leak. There is one morning only, so the ladder's own folds are by account, too.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.grades import interval
from models import baselines, metrics
from models.ladder import LearnSettings, train
from pipeline.settings import load

REPEATS, FOLDS = 4, 5
MORNING = pd.Timestamp("2014-07-01")
NEVER = 100_000  # days until a row is settled: so that the ladder's folds are by account


@dataclass(frozen=True)
class Subscribers:
    """A target as training sees it: no sign was declared for anonymous columns."""

    monotone: bool = False


def subscribers() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Features on (account_id, as_of), the outcome, and for each row the group of its equals."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from empulse.datasets import load_churn_tv_subscriptions

        read = load_churn_tv_subscriptions(backend=pd)
    data = pd.DataFrame(read.data).astype(float)
    group = data.groupby(list(data.columns), dropna=False, sort=False).ngroup().to_numpy()
    copy = pd.Series(group).groupby(group).cumcount()  # equal rows are one account on several days
    index = pd.MultiIndex.from_arrays(
        [[f"{number:05}" for number in group], MORNING + pd.to_timedelta(copy, unit="D")],
        names=["account_id", "as_of"],
    )
    return data.set_axis(index), np.asarray(read.target, dtype=float), group


def judged(
    features: pd.DataFrame, outcome: np.ndarray, group: np.ndarray, settings: LearnSettings
) -> pd.DataFrame:
    """A row a repeat, fold and model (the ladder and the baselines): AUC and log-loss."""
    found: list[dict[str, Any]] = []
    for repeat in range(REPEATS):
        dealt = np.random.default_rng(repeat).permutation(group.max() + 1) % FOLDS
        for fold in range(FOLDS):
            test = dealt[group] == fold
            labels = pd.DataFrame(
                {"outcome": outcome[~test], "weight": 1.0}, index=features.index[~test]
            )
            told: dict[str, Any] = {
                "name": "churn",
                "target": Subscribers(),
                "settings": settings,
                "signs": {},
                "seed": repeat,
                "gap_days": NEVER,
                "families": {},
            }
            models = {"model": train(features, labels, **told)}
            models |= baselines.baselines(features, labels, **told)
            for name, model in models.items():
                p = model.predict(features[test]).to_numpy()
                loss = float(metrics.log_loss(p, outcome[test]))
                found.append(
                    {"model": name, "auc": metrics.auc(p, outcome[test] > 0), "log_loss": loss}
                )
    return pd.DataFrame(found)


def main() -> None:
    """Print mean and 95 % interval over the twenty folds."""
    features, outcome, group = subscribers()
    copies = len(group) - group.max() - 1
    print(f"{len(group)} subscribers, {int(outcome.sum())} churns, {copies} copies of another row")
    found = judged(features, outcome, group, load().learning)
    for name, rows in found.groupby("model"):
        for metric in ("auc", "log_loss"):
            mean, low, high = interval(rows[metric].to_list())
            print(f"{name}: {metric} {mean:.4f} ({low:.4f} to {high:.4f})")


if __name__ == "__main__":
    main()
