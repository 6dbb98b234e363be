"""A fitted model: trees and a ridge logit averaged on the logit, then calibrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from models import gradient
from models.calibration import Calibration
from models.encoding import Encoding
from models.linear import Linear
from models.rungs import BASE_RATE

if TYPE_CHECKING:
    import lightgbm as lgb


def _sum(parts: Sequence[np.ndarray]) -> np.ndarray:
    """One after another: numpy adds eight values of one row in another order than those of many,
    and a row must have the same bits alone."""
    return np.add.accumulate(np.array(parts), axis=0)[-1]


def _mean(parts: Sequence[np.ndarray]) -> np.ndarray:
    return _sum(parts) / len(parts)


def _deviation(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The standard deviation of a sample, n - 1 below."""
    middle = _mean(parts)
    return np.sqrt(_sum([(part - middle) ** 2 for part in parts]) / (len(parts) - 1))


@dataclass(frozen=True)
class Member:
    """One or more boosters (several seeds, averaged) and a linear model; either may be absent."""

    boosters: tuple[lgb.Booster, ...]
    linear: Linear | None

    def logit(
        self, matrix: np.ndarray, trees: float, design: np.ndarray | None = None
    ) -> np.ndarray:
        """The blended logit, `trees` being the boosters' share of it; `design` is the linear
        model's of the matrix, where it is at hand."""
        total = np.zeros(len(matrix))
        if self.boosters and trees > 0:
            mean = _mean([gradient.logit(booster, matrix) for booster in self.boosters])
            total = total + trees * mean
        if self.linear is not None and trees < 1:
            total = total + (1 - trees) * self.linear.logit(matrix, design)
        return total


@dataclass(frozen=True)
class Model:
    """Predicts one target.

    `signs` are the monotone constraints that bound it, `trees` the boosters' share of the logit,
    `resampled` the same fit, on the same scale, on resampled accounts, `unlearnt` the spread on the
    logit between renewals that a model which says the same of everyone leaves unsaid, `oof` the
    out-of-fold predictions of the training rows (empty in a model read back).
    """

    name: str
    rung: str
    encoding: Encoding
    signs: Mapping[str, int]
    served: Member
    trees: float
    calibration: Calibration
    resampled: tuple[Member, ...]
    widen: float
    report: Mapping[str, Any]
    unlearnt: float = 0.0
    oof: pd.DataFrame = field(default_factory=pd.DataFrame, compare=False)

    @property
    def abstains(self) -> bool:
        """Whether it says the same of everyone."""
        return self.rung == BASE_RATE

    @property
    def base_rate(self) -> float:
        """The weighted share of outcomes among the rows it was learnt from."""
        return float(self.report["base_rate"])

    def predict(self, features: pd.DataFrame) -> pd.Series:
        """The probability of the outcome; an empty frame gives an empty series."""
        z = self.logit(features).to_numpy()
        return pd.Series(self.calibration.probability(z), features.index, name=self.name)

    def logit(self, features: pd.DataFrame) -> pd.Series:
        """The blended logit before calibration, which explanations add up to."""
        z = self.served.logit(self.encoding.matrix(features), self.trees)
        return pd.Series(z, features.index, name=self.name)

    def interval(self, features: pd.DataFrame, level: float = 0.8) -> pd.DataFrame:
        """`low` and `high` around the probability: the spread of the fit over resampled accounts
        together with the error of the calibration, on the logit.

        It speaks of the probability given these features, not of the outcome. Resampling alone is
        known to be too narrow; `widen` stretches it. Where nothing was learnt everyone has the same
        probability only as far as the model knows: `unlearnt` says how far from it they may be.
        """
        z, others = self._fits(features)
        deviation = np.zeros(len(z))
        if others:
            deviation = _deviation(others) * self.widen
        low, high = self.calibration.bounds(z, deviation, level, self.unlearnt)
        return pd.DataFrame({"low": low, "high": high}, index=features.index)

    def sum_deviation(self, features: pd.DataFrame) -> float:
        """The standard error of the sum of all probabilities: of the fit, by the sums under
        resampled accounts, and of the calibration. It needs no widening (benchmarks/intervals.py):
        what is too low for one renewal is too high for another."""
        z, others = self._fits(features)
        spread = 0.0
        if others:
            sums = [self.calibration.probability(other).sum() for other in others]
            spread = float(np.std(sums, ddof=1))
        return float(np.hypot(spread, self.calibration.sum_deviation(z)))

    def _fits(self, features: pd.DataFrame) -> tuple[np.ndarray, list[np.ndarray]]:
        """The logit as served, and under each refit; no refits if there are not two of them."""
        matrix, linear = self.encoding.matrix(features), self.served.linear
        design = None if linear is None else linear.scale.design(matrix)
        z = self.served.logit(matrix, self.trees, design)
        if len(self.resampled) < 2:
            return z, []
        return z, [member.logit(matrix, self.trees, design) for member in self.resampled]

    def unseen(self, features: pd.DataFrame) -> dict[str, int]:
        """How many rows of each text column hold a value that training never met."""
        return self.encoding.unseen(features)
