"""The rows that a model learns from: settled labels with their features, as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models import gradient, linear
from models.encoding import Encoding, encode
from models.gradient import GradientSettings
from models.linear import LinearSettings

if TYPE_CHECKING:
    import lightgbm as lgb


CONTRADICTED = 2.0  # standard errors by which data may speak against a declared sign


class TrainingRows(ValueError):
    """The rows to learn from are not what training needs."""


@dataclass(frozen=True)
class Rows:
    """Training rows as the learners read them, sorted by morning and account."""

    index: pd.Index
    matrix: np.ndarray
    outcome: np.ndarray
    weight: np.ndarray
    encoding: Encoding
    signs: Mapping[str, int]
    directions: Mapping[str, int]
    families: Mapping[str, Sequence[str]]

    @property
    def positives(self) -> np.ndarray:
        return self.weight * self.outcome

    def bound(self, rows: np.ndarray) -> dict[str, int]:
        """The declared signs that these rows do not contradict.

        A sign is contradicted where the covariance of the column's ranks with the outcome has the
        other sign by two standard errors, rows of one account standing or falling together.
        """
        names = [name for name in self.encoding.columns if name in self.signs]
        if not names or not len(rows):
            return {}
        seen = self._agreement(self._ranks(names, rows), rows)
        return {
            name: self.signs[name]
            for name, z in zip(names, seen, strict=True)
            if z * self.signs[name] > -CONTRADICTED
        }

    def declared(self) -> float | None:
        """By how many standard errors the declared signs alone agree with the outcomes; None where
        none binds.

        Nothing is fitted: the ranks of each family's columns, turned by their signs, are added up,
        each family counting alike (Dawes 1979, improper linear models). In pure noise this is a
        normal deviate; real churn shows here with far fewer outcomes than any fit needs.
        """
        everything = np.arange(len(self.outcome))
        index = np.zeros(len(everything))
        for columns in self.families.values():
            names = [name for name in columns if name in self.signs]
            if names:
                turned = self._ranks(names, everything) * [self.signs[name] for name in names]
                common = turned.sum(axis=1)
                index += common / (common.std() or 1.0)
        if not index.any():
            return None
        ranks = pd.Series(index).rank(pct=True).to_numpy() - 0.5
        return float(self._agreement(ranks[:, None], everything)[0])

    def _ranks(self, names: Sequence[str], rows: np.ndarray) -> np.ndarray:
        """Ranks of some columns among some rows, from -.5 to .5; the middle where missing."""
        columns = [self.encoding.columns.index(name) for name in names]
        ranks = pd.DataFrame(self.matrix[rows][:, columns]).rank(pct=True) - 0.5
        return ranks.fillna(0.0).to_numpy()

    def _agreement(self, ranks: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The covariance of ranks (a column each) with the outcome of the rows, in its standard
        errors; rows of one account stand or fall together."""
        weight, outcome = self.weight[rows], self.outcome[rows]
        centred = ranks - np.average(ranks, axis=0, weights=weight)
        surprise = weight * (outcome - np.average(outcome, weights=weight))
        accounts = self.index[rows].get_level_values("account_id")
        by_account = pd.DataFrame(surprise[:, None] * centred).groupby(accounts).sum().to_numpy()
        spread = np.sqrt((by_account**2).sum(axis=0))
        return by_account.sum(axis=0) / np.where(spread > 0, spread, np.inf)

    def ridge(self, rows: np.ndarray, settings: LinearSettings) -> linear.Problem:
        return linear.problem(
            self.matrix[rows],
            self.outcome[rows],
            self.encoding,
            self.bound(rows),
            self.directions,
            self.families,
            settings,
        )

    def trees(
        self, rows: np.ndarray, settings: GradientSettings
    ) -> tuple[lgb.Dataset, dict[str, object]]:
        columns, signs = self.encoding.columns, self.bound(rows)
        params = gradient.parameters(
            settings, len(rows), [signs.get(column, 0) for column in columns]
        )
        texts = [at for at, column in enumerate(columns) if column in self.encoding.categories]
        data = gradient.binned(
            self.matrix[rows], self.outcome[rows], self.weight[rows], texts, params
        )
        return data, params


def training_rows(
    features: pd.DataFrame,
    labels: pd.DataFrame,
    monotone: bool,
    signs: Mapping[str, int],
    families: Mapping[str, Sequence[str]],
) -> Rows:
    """Match labels with features, sorted by morning and account; `signs` bind if `monotone`."""
    keys = ["as_of", "account_id"]
    if "account_id" in labels.columns:
        labels = labels.set_index(["account_id", "as_of"])
    labels = labels.sort_index(level=keys)
    if labels.empty:
        raise TrainingRows("no row is settled: move mornings.first or the cutoff further apart")
    for frame, what in ((labels, "labels"), (features, "rows of features")):
        if frame.index.has_duplicates:
            raise TrainingRows(f"{frame.index[frame.index.duplicated()][0]} has two {what}")
    if labels["outcome"].isna().any():
        open_rows = int(labels["outcome"].isna().sum())
        raise TrainingRows(f"{open_rows} rows have no outcome: give settled, eligible rows only")
    weightless = labels.index[~(labels["weight"] > 0)]
    if len(weightless):
        raise TrainingRows(f"{len(weightless)} rows have no weight, the first {weightless[0]}")
    absent = labels.index.difference(features.index)
    if len(absent):
        raise TrainingRows(f"{len(absent)} labels have no features, the first {absent[0]}")
    known = features.loc[labels.index]
    encoding = encode(known)
    directions = {
        column: signs[column]
        for column in encoding.columns
        if signs.get(column) and column not in encoding.categories
    }
    return Rows(
        index=labels.index,
        matrix=encoding.matrix(known),
        outcome=labels["outcome"].to_numpy(dtype=float),
        weight=labels["weight"].to_numpy(dtype=float),
        encoding=encoding,
        signs=directions if monotone else {},
        directions=directions,
        families=families,
    )
