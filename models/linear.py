"""The ridge logit: every column by its rank, families pulled together, signs respected.

A number enters as the normal score of its rank among the training rows, so that a count with a
long tail and a share count alike; a missing one enters as the middle, beside an indicator. Each
family also has one common effect, which is how a few dozen churns can tell much about eighty
columns. The fitted model is a sum of one term a column: what it predicts explains itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import expit, logit, ndtri

from models.encoding import Encoding

EDGE = 0.02  # ranks are cut to the middle 96 %, where a few accounts cannot bend the scale


class LinearSettings(BaseModel):
    """`ridge`: the penalties tried out-of-fold. `knots`: points that describe a column's ranks.
    `missing_share`: a column gets an indicator if at least this share of it is missing, and at
    least this share is not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ridge: list[float] = Field(min_length=1)
    knots: int = Field(ge=3)
    missing_share: float = Field(gt=0, lt=0.5)


@dataclass(frozen=True)
class Scale:
    """How the columns of a matrix are put on one scale.

    `knots` maps a column's position to values and their normal scores, `levels` that of a text
    column to its number of categories, `indicated` are the columns with a missing indicator.
    """

    knots: Mapping[int, tuple[list[float], list[float]]]
    levels: Mapping[int, int]
    indicated: tuple[int, ...]

    def scores(self, matrix: np.ndarray) -> np.ndarray:
        """Normal scores, one column for each of `knots`; 0 where missing."""
        scored = np.zeros((len(matrix), len(self.knots)))
        for place, (column, (values, scores)) in enumerate(self.knots.items()):
            known = ~np.isnan(matrix[:, column])
            scored[known, place] = np.interp(matrix[known, column], values, scores)
        return scored

    def design(self, matrix: np.ndarray) -> np.ndarray:
        """Scores, then the missing indicators, then one indicator a category."""
        missing = np.isnan(matrix[:, list(self.indicated)]).astype(float)
        levels = [
            (matrix[:, [column]] == np.arange(count)).astype(float)
            for column, count in self.levels.items()
        ]
        return np.hstack([self.scores(matrix), missing, *levels])

    @property
    def owners(self) -> list[int]:
        """The matrix column to which each column of the design belongs."""
        levels = [column for column, count in self.levels.items() for _ in range(count)]
        return [*self.knots, *self.indicated, *levels]


def scale(matrix: np.ndarray, encoding: Encoding, settings: LinearSettings) -> Scale:
    """Learn the scale from training rows; a column that never varies is left out."""
    probabilities = np.linspace(EDGE, 1 - EDGE, settings.knots)
    knots: dict[int, tuple[list[float], list[float]]] = {}
    levels: dict[int, int] = {}
    patterns: dict[bytes, int] = {}
    for position, column in enumerate(encoding.columns):
        values = matrix[:, position]
        missing = np.isnan(values)
        if column in encoding.categories:
            levels[position] = len(encoding.categories[column])
        elif missing.all() or np.nanmin(values) == np.nanmax(values):
            continue
        else:
            knots[position] = _ranks(values[~missing], probabilities)
        if settings.missing_share <= missing.mean() <= 1 - settings.missing_share:
            patterns.setdefault(missing.tobytes(), position)
    return Scale(knots, levels, tuple(sorted(patterns.values())))


def _ranks(values: np.ndarray, probabilities: np.ndarray) -> tuple[list[float], list[float]]:
    """Quantiles and their normal scores; tied quantiles share the mean of theirs."""
    quantiles = np.quantile(values, probabilities)
    at, place = np.unique(quantiles, return_inverse=True)
    scores = np.bincount(place, weights=ndtri(probabilities)) / np.bincount(place)
    if len(at) == 1:  # nearly constant: the rare other value counts as two deviations
        lowest, highest = float(values.min()), float(values.max())
        at, scores = np.array([lowest, highest]), np.array([0.0, 2.0])
        if values.mean() > (lowest + highest) / 2:
            scores = scores - 2.0
    return at.tolist(), scores.tolist()


@dataclass(frozen=True)
class Linear:
    """A fitted ridge logit: an intercept and one coefficient a column of the scale's design."""

    scale: Scale
    intercept: float
    coefficients: tuple[float, ...]

    def terms(self, matrix: np.ndarray, design: np.ndarray | None = None) -> np.ndarray:
        """What each column of the matrix adds to the logit, the intercept apart.

        `design` is the scale's of the matrix, where it is at hand: fits of one problem share it.
        """
        known = self.scale.design(matrix) if design is None else design
        products = known * np.array(self.coefficients)
        terms = np.zeros(matrix.shape)
        for place, owner in enumerate(self.scale.owners):
            terms[:, owner] += products[:, place]
        return terms

    def logit(self, matrix: np.ndarray, design: np.ndarray | None = None) -> np.ndarray:
        """log p / (1 - p) of each row: the same bits alone or among others."""
        return self.intercept + self.terms(matrix, design).sum(axis=1)


@dataclass(frozen=True)
class Problem:
    """Training rows on their scale, ready to be fitted with any penalty and weights."""

    scale: Scale
    design: np.ndarray
    spread: np.ndarray
    bounds: list[tuple[float | None, float | None]]
    outcome: np.ndarray

    def fit(
        self, weight: np.ndarray, ridge: float, start: np.ndarray | None = None
    ) -> tuple[Linear, np.ndarray]:
        """Minimise weighted log-loss + ridge / 2 x sum of squares; also where the search ended,
        from which a similar fit may `start`."""
        from scipy.optimize import minimize  # heavy, and whoever only predicts has no use for it

        first = self._cold(weight) if start is None else start
        options = {"maxiter": 400, "ftol": 1e-9, "gtol": 1e-5 * weight.sum()}
        found = minimize(
            self._loss,
            first,
            args=(weight, ridge),
            jac=True,
            method="L-BFGS-B",
            bounds=self.bounds,
            options=options,
        )
        coefficients = np.einsum("ij,j->i", self.spread, found.x[1:])
        return Linear(self.scale, float(found.x[0]), tuple(coefficients.tolist())), found.x

    def _cold(self, weight: np.ndarray) -> np.ndarray:
        start = np.zeros(len(self.bounds))
        start[0] = logit(np.average(self.outcome, weights=weight))
        return start

    def _loss(self, beta: np.ndarray, weight: np.ndarray, ridge: float) -> tuple[float, np.ndarray]:
        # einsum, not BLAS: the same bits whatever the number of threads
        eta = beta[0] + np.einsum("ij,j->i", self.design, beta[1:])
        loss = np.sum(weight * (np.logaddexp(0, eta) - self.outcome * eta))
        residual = weight * (expit(eta) - self.outcome)
        slope = np.einsum("ij,i->j", self.design, residual) + ridge * beta[1:]
        penalty = ridge / 2 * np.sum(beta[1:] ** 2)
        return loss + penalty, np.concatenate([[residual.sum()], slope])


def problem(
    matrix: np.ndarray,
    outcome: np.ndarray,
    encoding: Encoding,
    signs: Mapping[str, int],
    directions: Mapping[str, int],
    families: Mapping[str, Sequence[str]],
    settings: LinearSettings,
) -> Problem:
    """Put training rows on their scale and add one common effect a family.

    `signs` bind the coefficients; `directions` (the declared signs, binding or not) say which way
    each column enters its family's common effect: the mean of its columns, all turned one way.
    """
    ruler = scale(matrix, encoding, settings)
    own = ruler.design(matrix)
    place = {encoding.columns[column]: at for at, column in enumerate(ruler.knots)}
    common = []
    for columns in families.values():
        effect = np.zeros(own.shape[1])
        for column in columns:
            if directions.get(column) and column in place:
                effect[place[column]] = directions[column]
        if np.count_nonzero(effect) > 1:
            common.append(effect / np.sqrt(np.count_nonzero(effect)))
    spread = np.column_stack([np.eye(own.shape[1]), *common])
    bounds: list[tuple[float | None, float | None]] = [(None, None)] * (1 + spread.shape[1])
    for column, at in place.items():
        if signs.get(column):
            bounds[1 + at] = (0, None) if signs[column] > 0 else (None, 0)
    if any(signs.values()):  # a common effect must not turn the columns it carries
        bounds[1 + own.shape[1] :] = [(0, None)] * len(common)
    design = np.column_stack([own, *(np.einsum("ij,j->i", own, effect) for effect in common)])
    return Problem(ruler, design, spread, bounds, outcome.astype(float))
