"""From a logit to a probability one may take at its word.

Small data allow few corrections: only the level below some fifty positives, a slope and a level
(Platt) up to some three hundred, the three-parameter beta map above (Kull et al. 2017). Isotonic
regression is never used: at these sizes it damages more than it mends. A map that ignores the
score altogether, the base rate, competes too: if it wins out-of-fold, nothing was learnt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import expit, ndtri

SPREAD = 0.5  # prior standard deviation of level and slopes around "leave it as it is"


class CalibrationSettings(BaseModel):
    """Positives from which Platt's and the beta map may be used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platt_from: int = Field(ge=1)
    beta_from: int = Field(ge=1)


def _softplus(z: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, z)


# Each map is offset(z) + basis(z) @ parameters, the first parameter being the level.
BASES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "base rate": lambda z: np.column_stack([np.ones_like(z)]),
    "intercept": lambda z: np.column_stack([np.ones_like(z)]),
    "platt": lambda z: np.column_stack([np.ones_like(z), z]),
    "beta": lambda z: np.column_stack([np.ones_like(z), -_softplus(-z), _softplus(z)]),
}


@dataclass(frozen=True)
class Calibration:
    """A fitted map of logits: its kind, its parameters and their covariance."""

    kind: str
    parameters: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]

    def logit(self, z: np.ndarray) -> np.ndarray:
        """The calibrated logit; never falls where z rises."""
        return _offset(self.kind, z) + np.einsum(
            "ij,j->i", BASES[self.kind](z), np.array(self.parameters)
        )

    def probability(self, z: np.ndarray) -> np.ndarray:
        """The calibrated probability.

        >>> Calibration("platt", (0.0, 1.0), ((0.0, 0.0), (0.0, 0.0))).probability(np.zeros(2))
        array([0.5, 0.5])
        """
        return expit(self.logit(z))

    def bounds(
        self, z: np.ndarray, deviation: np.ndarray, level: float, unlearnt: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Low and high probability: the central `level` of a normal on the calibrated logit,
        its variance that of the map plus that of z, of which `deviation` is the root, plus that of
        what z does not know, of which `unlearnt` is."""
        basis = BASES[self.kind](z)
        of_map = np.einsum("ij,jk,ik->i", basis, np.array(self.covariance), basis)
        of_fit = (self._slope(z) * deviation) ** 2
        reach = ndtri((1 + level) / 2) * np.sqrt(of_map + of_fit + unlearnt**2)
        middle = self.logit(z)
        return expit(middle - reach), expit(middle + reach)

    def sum_deviation(self, z: np.ndarray) -> float:
        """The standard error that the map's own parameters leave in the sum of probabilities."""
        p = self.probability(z)
        gradient = np.einsum("i,ij->j", p * (1 - p), BASES[self.kind](z))
        return float(np.sqrt(gradient @ np.array(self.covariance) @ gradient))

    def _slope(self, z: np.ndarray) -> np.ndarray:
        if self.kind == "base rate":
            return np.zeros_like(z)
        if self.kind == "intercept":
            return np.ones_like(z)
        if self.kind == "platt":
            return np.full_like(z, self.parameters[1])
        _, of_presence, of_absence = self.parameters
        return of_presence * expit(-z) + of_absence * expit(z)


def _offset(kind: str, z: np.ndarray) -> np.ndarray:
    return z if kind == "intercept" else np.zeros_like(z)


def fit(kind: str, z: np.ndarray, outcome: np.ndarray, weight: np.ndarray) -> Calibration:
    """Fit one map by weighted log-loss, shrunk a little towards leaving the logit alone.

    The base rate is not shrunk: its level is the log-odds of the weighted mean outcome.
    """
    from scipy.optimize import minimize  # heavy, and whoever only predicts has no use for it

    basis = BASES[kind](z)
    offset = _offset(kind, z)
    prior = np.ones(basis.shape[1])
    prior[0] = 0.0
    precision = np.full(len(prior), 0.0 if kind == "base rate" else SPREAD**-2)

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        eta = offset + np.einsum("ij,j->i", basis, theta)
        residual = weight * (expit(eta) - outcome)
        value = np.sum(weight * (_softplus(eta) - outcome * eta))
        value += np.sum(precision * (theta - prior) ** 2) / 2
        return value, np.einsum("ij,i->j", basis, residual) + precision * (theta - prior)

    bounds = [(-20, 20)] + [(0, 20)] * (len(prior) - 1)
    options = {"ftol": 1e-14, "gtol": 1e-9 * max(1.0, weight.sum())}
    theta = minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    eta = offset + np.einsum("ij,j->i", basis, theta)
    curvature = np.einsum("ij,i,ik->jk", basis, weight * expit(eta) * expit(-eta), basis)
    covariance = np.linalg.inv(curvature + np.diag(precision))
    return Calibration(kind, tuple(theta.tolist()), tuple(map(tuple, covariance.tolist())))


def cross_fitted(
    kind: str, z: np.ndarray, outcome: np.ndarray, weight: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """Probabilities of each group under the map fitted on the other groups."""
    probability = np.empty(len(z))
    for group in np.unique(groups):
        rest, judged = groups != group, groups == group
        probability[judged] = fit(kind, z[rest], outcome[rest], weight[rest]).probability(z[judged])
    return probability


def permitted(positives: float, settings: CalibrationSettings) -> list[str]:
    """The maps that so many positives allow, the base rate first.

    >>> permitted(120, CalibrationSettings(platt_from=50, beta_from=300))
    ['base rate', 'intercept', 'platt']
    """
    kinds = ["base rate", "intercept"]
    if positives >= settings.platt_from:
        kinds.append("platt")
    if positives >= settings.beta_from:
        kinds.append("beta")
    return kinds
