"""What was learnt by a day, and how well it held: a model's figures out-of-fold, with intervals.

A cutoff is a day: the one that a model of the run was learnt by, or one from which it walked
forward. The intervals draw accounts, all rows of an account together, as every duel does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models import duel, metrics
from models.blend import Model
from models.duel import ComparisonSettings
from models.folds import FORWARD

DRAWS = 200
LISTED = 0.1  # the length of the list whose lift is told, as a share of the rows
OF_RANKING = ("auc", "average_precision", "lift")


@dataclass(frozen=True)
class Cutoff:
    """`name` for people, `day` (ISO), and `metrics`: figures, with `.low` and `.high` (95 %)."""

    name: str
    day: str
    metrics: Mapping[str, float]


def cutoffs(models: Mapping[str, Model], days: Mapping[str, str], *, seed: int) -> list[Cutoff]:
    """One of each model, learnt by the day that `days` gives by its name, and one of each day from
    which a model walked forward."""
    found = []
    for name, model in models.items():
        size = {key: float(model.report[key]) for key in ("rows", "positives", "base_rate")}
        whole = figures(model.oof, seed=seed)
        found.append(Cutoff(f"{name}, learnt by {days[name]}", days[name], size | whole))
        if model.report.get("folds") != FORWARD:
            continue
        judged = model.oof.groupby("fold")
        for told, (_, rows) in zip(model.report["per_fold"], judged, strict=True):
            size = {key: float(told[key]) for key in told if key.startswith(("train_", "test_"))}
            part = figures(rows, seed=seed)
            start = told["start"]
            found.append(Cutoff(f"{name}, walked forward from {start}", start, size | part))
    return found


def figures(oof: pd.DataFrame, *, seed: int) -> dict[str, float]:
    """`auc`, `auc.low`, `auc.high` and so on, of rows judged out-of-fold; what cannot be computed
    is left out, and of no rows nothing is said."""
    if oof.empty:
        return {}
    accounts = pd.factorize(oof.index.get_level_values("account_id"), sort=True)[0]
    settings = ComparisonSettings(
        primary="log_loss", rules_primary="auc", draws=DRAWS, seed=seed, min_outcomes=1,
        leads=(0, 1),
    )  # fmt: skip
    units = duel.units(accounts, settings)
    drawn = duel.draws(int(units.max()) + 1, settings)
    rows = oof[["outcome", "weight"]].assign(arr=1.0)
    ranked = duel.figures(rows, oof[["logit"]], {"logit": "rule"}, drawn, units, LISTED)["logit"]
    told = {name: ranked[name] for name in OF_RANKING} | _means(oof, drawn, units)
    happened = oof["outcome"].to_numpy(dtype=bool)
    least = min(len(np.unique(accounts[happened])), len(np.unique(accounts[~happened])))
    found: dict[str, float] = {}
    for name, values in told.items():
        low, high = duel.interval(values, least)
        found |= {name: float(values[0]), f"{name}.low": low, f"{name}.high": high}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _means(oof: pd.DataFrame, drawn: np.ndarray, units: np.ndarray) -> dict[str, np.ndarray]:
    """Log-loss and Brier score in each draw: of means, the sums by unit are all that is needed."""
    outcome, weight = oof["outcome"].to_numpy(dtype=float), oof["weight"].to_numpy(dtype=float)
    given = oof["probability"].to_numpy(dtype=float)
    size = drawn @ np.bincount(units, weight, drawn.shape[1])
    lost = {"log_loss": metrics.surprise(given, outcome), "brier": (given - outcome) ** 2}
    return {
        name: drawn @ np.bincount(units, weight * of, drawn.shape[1]) / size
        for name, of in lost.items()
    }


def over_time(model: Model, *, seed: int) -> pd.DataFrame:
    """The AUC out-of-fold as time went by: period, value, low, high.

    A period is what a model that walked forward judged at one go, else a quarter of mornings;
    periods that hold one class only say nothing, and are left out.
    """
    found = []
    for period, rows in _periods(model):
        told = figures(rows, seed=seed)
        if {"auc", "auc.low", "auc.high"} <= set(told):
            ends = {"low": told["auc.low"], "high": told["auc.high"]}
            found.append({"period": period, "value": told["auc"]} | ends)
    return pd.DataFrame(found, columns=["period", "value", "low", "high"])


def _periods(model: Model) -> Iterator[tuple[str, pd.DataFrame]]:
    if model.oof.empty:
        return
    if model.report.get("folds") == FORWARD:
        for told, (_, rows) in zip(
            model.report["per_fold"], model.oof.groupby("fold"), strict=True
        ):
            yield told["start"][:7], rows
        return
    mornings = pd.DatetimeIndex(model.oof.index.get_level_values("as_of"))
    for quarter, rows in model.oof.groupby(mornings.to_period("Q").astype(str)):
        yield str(quarter), rows
