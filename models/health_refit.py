"""The health score with weights learnt from what happened: the configuration's fair rival."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from models.health import INDEX, Floats, HealthScore, divided
from models.metrics import NotSettled, OneClass


@dataclass(frozen=True)
class RefittedHealth:
    """The same dimensions with weights learnt from what happened: the configuration's fair rival.

    `weights` sum to 1 unless nothing was learnt (all 0, then the configured ones stand).
    """

    health: HealthScore
    weights: Mapping[str, float]
    name = "health_refitted"

    @classmethod
    def fit(
        cls, health: HealthScore, features: pd.DataFrame, labels: pd.DataFrame
    ) -> RefittedHealth:
        """Ridge logistic regression of loss on the dimensions' shortfalls, weights ≥ 0.

        `labels` has account_id, as_of, outcome (lost or not, all known) and weight. A dimension
        that is missing takes the mean of the row's others: that is what spreading its weight does.
        """
        assessed = health.assess(features)
        rows = labels.set_index(INDEX)
        x, known = _shortfalls(health, assessed.reindex(rows.index))
        if rows["outcome"].isna().any():
            raise NotSettled(
                f"{rows['outcome'].isna().sum()} rows have no outcome: fit settled ones"
            )
        y, w = rows["outcome"].to_numpy(dtype=bool), rows["weight"].to_numpy(dtype=float)
        x, y, w = x[known], y[known], w[known]
        if len(y) == 0 or y.all() or not y.any():
            raise OneClass(f"{len(y)} rows of known health have one outcome: nothing to refit")

        def loss(line: Floats) -> tuple[float, Floats]:
            eta = line[0] + x @ line[1:]
            residual = w * (expit(eta) - y)
            value = w @ (np.logaddexp(0, eta) - y * eta)
            penalty = health.settings.refit_ridge * line[1:]
            gradient = np.r_[residual.sum(), residual @ x + penalty]
            return value + penalty @ line[1:] / 2, gradient

        names = list(health.settings.dimensions)
        bounds = [(None, None)] + [(0, None)] * len(names)
        start = np.zeros(len(names) + 1)
        fitted = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B", tol=1e-10).x[1:]
        if not fitted.sum() > 0:
            fitted = np.array([d.weight for d in health.settings.dimensions.values()])
        return cls(health, dict(zip(names, (fitted / fitted.sum()).tolist(), strict=True)))

    def score(self, features: pd.DataFrame) -> pd.Series:
        """100 − health by the learnt weights, before any cap; NaN where health is unknown."""
        assessed = self.health.assess(features)
        x, known = _shortfalls(self.health, assessed)
        weights = np.array([self.weights[name] for name in self.health.settings.dimensions])
        risk = np.where(known, np.round(100 * (x @ weights), 6), np.nan)
        return pd.Series(risk, index=assessed.index, name=self.name)


def _shortfalls(health: HealthScore, assessed: pd.DataFrame) -> tuple[Floats, NDArray[np.bool_]]:
    """1 − score/100 by dimension, missing ones as the row's mean; and which rows are known."""
    dimensions = health.settings.dimensions
    x = 1 - assessed[[f"{name}_score" for name in dimensions]].to_numpy(dtype=float) / 100
    weight = np.array([d.weight for d in dimensions.values()])
    mean = divided(np.nan_to_num(x) @ weight, ~np.isnan(x) @ weight)
    filled = np.where(np.isnan(x), mean[:, None], x)
    return filled, health.risk(assessed).notna().to_numpy()
