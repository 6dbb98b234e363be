"""How many of a cycle's renewals will be lost, and how sure that is.

Chance alone scatters the number of losses around the sum of the probabilities (Poisson binomial).
The probabilities themselves are uncertain, and together: the level that was learnt is too high or
too low for all of them at once. That error is one shift of all logits, normal, of the deviation
that the calibration and the refits on resampled accounts show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from models.blend import Model

NODES = 15  # of the Gauss-Hermite quadrature over the common shift


@dataclass(frozen=True)
class Losses:
    """The number of losses expected, and the central interval of the level asked for."""

    expected: float
    low: int
    high: int


def losses(model: Model, features: pd.DataFrame, level: float = 0.8) -> Losses:
    """The losses among some renewals, one row each: an interval that should hold their number
    with probability `level`.

    Raises nothing on an empty frame: no renewal, no loss.
    """
    if features.empty:
        return Losses(0.0, 0, 0)
    probability = model.predict(features).to_numpy(dtype=float)
    steepness = float(np.sum(probability * (1 - probability)))
    shift = model.sum_deviation(features) / steepness if steepness > 0 else 0.0
    low, high = ends(chances(probability, shift), level)
    return Losses(float(probability.sum()), low, high)


def chances(probability: np.ndarray, shift: float) -> np.ndarray:
    """The chance of 0, 1, 2, ... losses; `shift` is the deviation of a common error on the logit.

    >>> chances(np.array([0.5, 0.5]), 0.0).round(2).tolist()
    [0.25, 0.5, 0.25]
    """
    if shift == 0:
        return poisson_binomial(probability)
    at, mass = np.polynomial.hermite_e.hermegauss(NODES)
    moved = logit(np.clip(probability, 1e-9, 1 - 1e-9))[None, :] + shift * at[:, None]
    parts = [poisson_binomial(row) for row in expit(moved)]
    return np.average(parts, axis=0, weights=mass)


def poisson_binomial(probability: np.ndarray) -> np.ndarray:
    """The chance of each number of successes of independent trials, convolved two by two.

    >>> poisson_binomial(np.array([1.0, 0.5])).round(12).tolist()
    [0.0, 0.5, 0.5]
    """
    whole = 1 << max(len(probability) - 1, 0).bit_length()
    p = np.concatenate([probability, np.zeros(whole - len(probability))])
    sums = np.column_stack([1 - p, p])
    while len(sums) > 1:
        size = 2 * sums.shape[1] - 1
        waves = np.fft.rfft(sums, size)
        sums = np.fft.irfft(waves[::2] * waves[1::2], size)
    return np.clip(sums[0][: len(probability) + 1], 0, 1)


def ends(chance: np.ndarray, level: float) -> tuple[int, int]:
    """The central interval of a number, by mid-P: counting half of each end's own chance keeps an
    interval of whole numbers from holding more than `level` on average (Lancaster 1961).

    >>> ends(np.array([0.05, 0.9, 0.05]), 0.8)
    (1, 1)
    """
    tail = (1 - level) / 2
    middle = np.cumsum(chance) - chance / 2
    low = int(np.searchsorted(middle, tail - 1e-12))
    high = int(np.searchsorted(middle, 1 - tail + 1e-12)) - 1
    return min(low, high), max(low, high)
