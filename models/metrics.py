"""How good a set of scores is: ranking, probability and money, each weighted.

Scores rise with the outcome. `weight` is one number a row (rows of one renewal sum to one) or a
matrix (draws × rows) as a bootstrap makes it: a matrix gives one figure a draw, with NaN where a
draw holds one class only, while a single weight vector raises instead of hiding it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
SMALLEST = 1e-12


class OneClass(ValueError):
    """The outcome is the same in every row, so nothing can be ranked or fitted."""


class NotSettled(ValueError):
    """A row to be judged or learnt from has no outcome yet, or stands there twice."""


class NoLine(ValueError):
    """The logistic recalibration line does not exist: flat probabilities, or perfect separation."""


@dataclass(frozen=True)
class Ranking:
    """Rows from the highest score down, tied rows added up: each array is (draws ×) groups.

    Tied rows share their place: what is asked of "the top share" takes a proportional part of the
    group on the edge, so that no figure depends on the order of rows.
    """

    weight: Floats
    outcome: Floats

    @classmethod
    def of(cls, scores: ArrayLike, value: ArrayLike, weight: ArrayLike | None = None) -> Ranking:
        """Rank by `scores`; `value` is what is looked for: the outcome, or the money in it."""
        score, worth, mass = _rows(scores, value, weight)
        order = np.argsort(-score, kind="stable")
        ordered = score[order]
        first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(score)])
        mass = mass[..., order]
        return cls(_sum_groups(mass, first), _sum_groups(mass * worth[order], first))

    def auc(self) -> Floats:
        """P(a row with the outcome scores above one without), a tie counting half (Hanley 1982)."""
        rest = self.weight - self.outcome
        below = rest.sum(-1, keepdims=True) - np.cumsum(rest, -1)
        pairs = self.outcome.sum(-1) * rest.sum(-1)
        return _ratio((self.outcome * (below + rest / 2)).sum(-1), pairs)

    def average_precision(self) -> Floats:
        """Mean precision over the rows with the outcome, ties taken together."""
        precision = _ratio(np.cumsum(self.outcome, -1), np.cumsum(self.weight, -1), empty=0.0)
        both = (self.outcome.sum(-1) > 0) & ((self.weight - self.outcome).sum(-1) > 0)
        found = _ratio((self.outcome * precision).sum(-1), self.outcome.sum(-1))
        return np.where(both, found, np.nan)

    def caught_at(self, share: float) -> Floats:
        """Share of all value that lies in the top `share` of the rows, by weight."""
        if not 0 < share <= 1:
            raise ValueError(f"share is {share}: the length of a list lies in (0, 1]")
        end = np.cumsum(self.weight, -1)
        room = share * end[..., -1:] - (end - self.weight)
        taken = np.clip(_ratio(room, self.weight, empty=0.0), 0, 1)
        return _ratio((taken * self.outcome).sum(-1), self.outcome.sum(-1))


def auc(scores: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Area under the ROC curve: how often a row with the outcome outscores one without.

    >>> auc([.9, .4, .4, .1], [True, True, False, False])
    0.875
    >>> auc([.5, .5], [True, False])
    0.5
    """
    return _one(Ranking.auc, scores, outcome, weight)


def average_precision(
    scores: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None
) -> float:
    """Area under the precision-recall steps; the base rate for scores that are all equal.

    >>> average_precision([.5, .5, .5, .5], [True, False, False, False])
    0.25
    """
    return _one(Ranking.average_precision, scores, outcome, weight)


def lift_at(
    share: float, scores: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None
) -> float:
    """How many times the base rate is found in the top `share` of scores.

    >>> lift_at(0.5, [.9, .8, .2, .1], [1, 1, 0, 0])
    2.0
    >>> lift_at(0.1, [7, 7, 7, 7], [1, 1, 0, 0])
    1.0
    """
    return _one(partial(Ranking.caught_at, share=share), scores, outcome, weight) / share


def arr_caught_at(
    share: float,
    scores: ArrayLike,
    outcome: ArrayLike,
    arr: ArrayLike,
    weight: ArrayLike | None = None,
) -> float:
    """Share of the ARR with the outcome that is found in the top `share` of scores.

    For churn: of the ARR that left, the part that stood on the list. Rows with unknown ARR have no
    place in a figure of money: leave them out first.

    >>> arr_caught_at(0.5, [.9, .8, .2, .1], [1, 0, 1, 0], [300, 50, 100, 50])
    0.75
    """
    happened = _binary(outcome)
    money = happened * np.asarray(arr, dtype=float)
    if not money.sum() > 0:
        raise OneClass("no row with the outcome has any ARR: there is no money to catch")
    return float(Ranking.of(scores, money, weight).caught_at(share))


def base_rate(outcome: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    """Weighted share of rows with the outcome."""
    return _mean(_binary(outcome), weight)


def log_loss(probability: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    """Mean of −log of the probability given to what happened, in nats; lower is better.

    Probabilities are kept 1e-12 away from 0 and 1, so that one certain error costs 27.6.

    >>> round(float(log_loss([.5, .5], [True, False])), 4)
    0.6931
    """
    return _mean(surprise(probability, outcome), weight)


def surprise(probability: ArrayLike, outcome: ArrayLike) -> Floats:
    """−log of the probability given to what happened, of each row: log-loss is its mean."""
    given = np.clip(_probabilities(probability), SMALLEST, 1 - SMALLEST)
    return -np.where(_binary(outcome) > 0, np.log(given), np.log1p(-given))


def brier(probability: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    """Mean squared distance between probability and outcome; lower is better (Brier 1950).

    >>> float(brier([1, 0, .5], [True, False, True])) * 3
    0.25
    """
    return _mean((_probabilities(probability) - _binary(outcome)) ** 2, weight)


def calibration_line(
    probability: ArrayLike, outcome: ArrayLike, weight: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Intercept and slope of logit P(outcome) = a + b · logit(probability) (Cox 1958).

    Perfect is (0, 1). A slope below 1: the probabilities are too extreme. Newton's method; raises
    NoLine where it has no solution (NaN for a draw of a weight matrix).
    """
    given = np.clip(_probabilities(probability), SMALLEST, 1 - SMALLEST)
    x, y, w = _rows(np.log(given) - np.log1p(-given), _binary(outcome), weight)
    mass = np.atleast_2d(w)
    line = _newton(x, y, mass.mean(0, keepdims=True), np.array([[0.0, 1.0]]))
    if mass.shape[0] > 1:
        line = _newton(x, y, mass, np.repeat(line, len(mass), axis=0))
    if w.ndim == 1 and np.isnan(line).any():
        raise NoLine(
            f"no recalibration line through {len(x)} rows: the probabilities are all equal, "
            "or they separate the outcomes perfectly; compare log-loss instead"
        )
    shape = w.shape[:-1]
    return line[:, 0].reshape(shape), line[:, 1].reshape(shape)


def calibration(
    probability: ArrayLike,
    outcome: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    bands: int = 10,
) -> pd.DataFrame:
    """Predicted against observed, in bands that hold equal weight; equal scores stay together.

    Columns: low, high (scores in the band), rows, weight, predicted (mean probability), observed
    (share), observed_low, observed_high (Wilson, 95 %, on the weight as the number of renewals).
    """
    p, y, w = _rows(_probabilities(probability), _binary(outcome), weight)
    order = np.argsort(p, kind="stable")
    p, y, w = p[order], y[order], w[order]
    before = np.cumsum(w) - w
    start = np.searchsorted(p, p, side="left")
    band = np.floor(np.round(before[start] / w.sum() * bands, 9))
    frame = pd.DataFrame({"band": band, "p": p, "w": w, "wp": w * p, "wy": w * y})
    found = frame.groupby("band").agg(
        low=("p", "min"), high=("p", "max"), rows=("p", "size"), weight=("w", "sum"),
        predicted=("wp", "sum"), observed=("wy", "sum"),
    )  # fmt: skip
    low, high = wilson(found["observed"], found["weight"])
    return found.assign(
        predicted=found["predicted"] / found["weight"],
        observed=found["observed"] / found["weight"],
        observed_low=low,
        observed_high=high,
    ).reset_index(drop=True)


def wilson(successes: ArrayLike, trials: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Interval of a share (Wilson 1927); no trials say nothing: (0, 1).

    >>> low, high = wilson(10, 12)
    >>> round(float(low), 3), round(float(high), 3)
    (0.552, 0.953)
    """
    k, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    z = ndtri(0.5 + level / 2)
    share = _ratio(k, n, empty=0.5)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
    return np.where(n > 0, low, 0.0), np.where(n > 0, high, 1.0)


def _one(
    figure: Callable[[Ranking], Floats],
    scores: ArrayLike,
    outcome: ArrayLike,
    weight: ArrayLike | None,
) -> float:
    happened = _binary(outcome)
    if happened.size == 0 or happened.min() == happened.max():
        seen = "no rows" if happened.size == 0 else f"{happened.size} rows, all {bool(happened[0])}"
        raise OneClass(f"the outcome has one class ({seen}): take more mornings or a wider slice")
    return float(figure(Ranking.of(scores, happened, weight)))


def _rows(
    scores: ArrayLike, value: ArrayLike, weight: ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    score, worth = np.asarray(scores, dtype=float), np.asarray(value, dtype=float)
    mass = np.ones(len(score)) if weight is None else np.asarray(weight, dtype=float)
    if not len(score) == len(worth) == mass.shape[-1]:
        lengths = f"{len(score)}, {len(worth)} and {mass.shape[-1]}"
        raise ValueError(f"scores, outcome and weight have {lengths} rows: give one each a row")
    unknown = int(np.isnan(score).sum()), int(np.isnan(worth).sum())
    if any(unknown):
        raise ValueError(
            f"{unknown[0]} scores and {unknown[1]} values are unknown: leave those rows out first"
        )
    return score, worth, mass


def _binary(outcome: ArrayLike) -> Floats:
    return np.asarray(outcome, dtype=bool).astype(float)


def _probabilities(values: ArrayLike) -> Floats:
    given = np.asarray(values, dtype=float)
    outside = given[~((given >= 0) & (given <= 1))]
    if outside.size:
        raise ValueError(f"{outside[0]} is not a probability ({outside.size} such rows)")
    return given


def _sum_groups(rows: Floats, first: NDArray[np.intp]) -> Floats:
    if len(first) in (0, rows.shape[-1]):
        return rows
    return np.add.reduceat(rows, first, axis=-1)


def _ratio(top: Floats, bottom: Floats, empty: float = np.nan) -> Floats:
    top, bottom = np.broadcast_arrays(top, bottom)
    out = np.full(np.shape(top), empty)
    return np.divide(top, bottom, out=out, where=bottom > 0)[()]


def _mean(values: Floats, weight: ArrayLike | None) -> Floats:
    mass = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=float)
    return _ratio((mass * values).sum(-1), mass.sum(-1))  # no BLAS: its bits hang on threads


def _newton(x: Floats, y: Floats, mass: Floats, start: Floats) -> Floats:
    """Weighted logistic lines, one a row of `mass`, from `start`; NaN where there is none."""
    line = start.copy()
    design = np.column_stack([np.ones_like(x), x])
    squares = np.column_stack([np.ones_like(x), x, x * x])
    both = (mass @ y > 0) & (mass @ (1 - y) > 0) & (np.ptp(x) > 0 if x.size else False)
    step = np.full(len(mass), np.inf)
    for _ in range(25):
        eta = np.clip(line @ design.T, -40, 40)
        p = 1 / (1 + np.exp(-eta))
        slope = (mass * (y - p)) @ design
        curve = (mass * (p * (1 - p))) @ squares
        determinant = curve[:, 0] * curve[:, 2] - curve[:, 1] ** 2
        solvable = both & (determinant > SMALLEST * (1 + curve[:, 0] * curve[:, 2]))
        d = np.where(solvable, determinant, 1.0)
        move = np.column_stack(
            [
                curve[:, 2] * slope[:, 0] - curve[:, 1] * slope[:, 1],
                curve[:, 0] * slope[:, 1] - curve[:, 1] * slope[:, 0],
            ]
        )
        move = np.clip(move / d[:, None], -5, 5)
        line += np.where(solvable[:, None], move, 0.0)
        step = np.where(solvable, np.abs(move).max(1), np.inf)
        if (step[solvable] < 1e-5).all():  # convergence is quadratic: the next would be 1e-10
            break
    return np.where(((step < 1e-4) & (np.abs(line).max(1) < 1e3))[:, None], line, np.nan)
