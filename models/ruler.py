"""The scale of a ridge logit, all columns at once: `Linear.terms` to the last bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.linear import Scale


@dataclass(frozen=True)
class _Knots:
    """Straight lines between knots: `edges` (knots but the first, by column), and by column and
    piece where it `starts`, its `slopes` and `heights`, flat; `first` is each column's place."""

    columns: np.ndarray
    lowest: np.ndarray
    edges: np.ndarray
    starts: np.ndarray
    slopes: np.ndarray
    heights: np.ndarray
    first: np.ndarray


class Ruler:
    """Puts the rows of a matrix on a scale and adds up what each column is worth."""

    def __init__(self, scale: Scale, width: int) -> None:
        self.width = width
        self._knots = _knots(scale)
        self._indicated = np.array(scale.indicated, dtype=np.intp)
        self._levels = dict(scale.levels)

    def sums(self, matrix: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """The logit of each row without the intercept: one row of the answer for each row of
        `coefficients`, which stand in the order of the scale's design."""
        absent = np.isnan(matrix)
        terms = np.zeros((len(coefficients), *matrix.shape))
        columns = self._knots.columns
        known = len(columns)
        terms[:, :, columns] = self._scores(matrix, absent) * coefficients[:, None, :known]
        so_far = known + len(self._indicated)
        terms[:, :, self._indicated] += (
            absent[:, self._indicated] * coefficients[:, None, known:so_far]
        )
        for column, count in self._levels.items():
            there = ~absent[:, column]
            codes = matrix[there, column].astype(np.intp)
            terms[:, there, column] += coefficients[:, so_far : so_far + count][:, codes]
            so_far += count
        return terms.sum(axis=2)

    def _scores(self, matrix: np.ndarray, absent: np.ndarray) -> np.ndarray:
        """Normal scores by straight lines between knots, flat beyond them; 0 where missing.

        The last piece of a column begins at its last knot and has no slope. The steps are those of
        numpy.interp: slope x (value - knot) + score of the knot.
        """
        at = self._knots
        values = np.fmax(matrix[:, at.columns], at.lowest)
        passed = (values >= at.edges).view(np.int8)
        piece = np.add.reduce(passed, axis=0, dtype=np.int8) + at.first
        scores = at.slopes[piece] * (values - at.starts[piece]) + at.heights[piece]
        scores[absent[:, at.columns]] = 0.0
        return scores


def _knots(scale: Scale) -> _Knots:
    depth = max((len(values) for values, _ in scale.knots.values()), default=1)
    shape = (len(scale.knots), depth)
    edges, starts = np.full(shape, np.inf), np.zeros(shape)
    slopes, heights = np.zeros(shape), np.zeros(shape)
    for place, (values, scores) in enumerate(scale.knots.values()):
        x, y = np.array(values), np.array(scores)
        edges[place, : len(x)], starts[place, : len(x)] = x, x
        heights[place, : len(x)] = y
        slopes[place, : len(x) - 1] = np.diff(y) / np.diff(x)
    return _Knots(
        columns=np.array(list(scale.knots), dtype=np.intp),
        lowest=starts[:, 0].copy(),
        edges=np.ascontiguousarray(edges[:, 1:].T)[:, None, :],
        starts=starts.ravel(),
        slopes=slopes.ravel(),
        heights=heights.ravel(),
        first=np.arange(shape[0]) * depth,
    )
