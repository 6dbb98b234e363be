"""How a frame of features becomes the plain numbers that the learners read.

Columns are selected by name, texts become fixed codes from the model's own table, and what is
missing stays missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd


class MissingColumns(ValueError):
    """A frame lacks columns that the model was trained on."""


class UnusableColumn(ValueError):
    """A column holds what no learner can read: dates, infinities, text among numbers."""


@dataclass(frozen=True)
class Encoding:
    """The columns of a model, its table of categories and the median of each number.

    `typical` holds, for every numeric column that was ever known in training, the median there.
    """

    columns: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    typical: Mapping[str, float]

    def matrix(self, features: pd.DataFrame) -> np.ndarray:
        """Float64 matrix, one column for each of `columns`; unseen categories are missing.

        >>> encoding = encode(pd.DataFrame({"plan": ["pro", "basic"], "arr": [10, 20]}))
        >>> encoding.matrix(pd.DataFrame({"arr": [5.0, None], "plan": ["pro", "gold"]}))
        array([[ 5.,  1.],
               [nan, nan]])
        """
        absent = [column for column in self.columns if column not in features.columns]
        if absent:
            there = sorted(map(str, features.columns))
            noun = "column" if len(absent) == 1 else "columns"
            raise MissingColumns(
                f"{len(absent)} missing {noun}: {absent} | {len(there)} available: {there}"
            )
        matrix = np.empty((len(features), len(self.columns)))
        for position, column in enumerate(self.columns):
            matrix[:, position] = self._numbers(features[column], column)
        return matrix

    def unseen(self, features: pd.DataFrame) -> dict[str, int]:
        """How many rows of each text column hold a value that training never met.

        >>> encode(pd.DataFrame({"plan": ["pro"]})).unseen(pd.DataFrame({"plan": ["gold", None]}))
        {'plan': 1}
        """
        return {
            column: int((features[column].notna() & ~features[column].isin(known)).sum())
            for column, known in self.categories.items()
        }

    def _numbers(self, values: pd.Series, column: str) -> np.ndarray:
        if column in self.categories:
            codes = {value: code for code, value in enumerate(self.categories[column])}
            return values.map(codes).to_numpy(dtype=float, na_value=np.nan)
        return _floats(values, column)


def encode(features: pd.DataFrame) -> Encoding:
    """Fix the columns (by name, sorted), the categories and the medians of a training frame."""
    columns = tuple(sorted(map(str, features.columns)))
    categories: dict[str, tuple[str, ...]] = {}
    typical: dict[str, float] = {}
    for column in columns:
        values = features[column]
        if _is_text(values):
            categories[column] = tuple(sorted(map(str, values.dropna().unique())))
        elif values.notna().any():
            typical[column] = float(np.nanmedian(_floats(values, column)))
    return Encoding(columns, categories, typical)


def _is_text(values: pd.Series) -> bool:
    return (
        pd.api.types.is_object_dtype(values)
        or pd.api.types.is_string_dtype(values)
        or isinstance(values.dtype, pd.CategoricalDtype)
    )


def _floats(values: pd.Series, column: str) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        raise UnusableColumn(f"{column} holds dates: give the days to or since them instead")
    try:
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise UnusableColumn(f"{column} should hold numbers and holds text: {error}") from None
    infinite = int(np.isinf(numbers).sum())
    if infinite:
        raise UnusableColumn(f"{column} is infinite in {infinite} rows: divide by nullif(x, 0)")
    return numbers
