"""Features as plain mappings become a model's matrix, without a frame.

The same numbers, the same codes of categories and the same faults as `Encoding.matrix`, in
microseconds where a frame of one row takes milliseconds. Missing is None or NaN.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from math import nan

import numpy as np

from models.encoding import Encoding, MissingColumns, UnusableColumn

Value = float | int | bool | str | None
Column = Sequence[Value] | np.ndarray


class UnevenColumns(ValueError):
    """Columns of one table do not have the same number of rows."""


class Plain:
    """The columns of one encoding, read by name from a mapping."""

    def __init__(self, encoding: Encoding) -> None:
        self.columns = encoding.columns
        self._codes = {
            column: {value: float(code) for code, value in enumerate(known)}
            for column, known in encoding.categories.items()
        }

    def row(self, features: Mapping[str, Value]) -> np.ndarray:
        """The matrix of one row; raises MissingColumns or UnusableColumn, every column named.

        >>> plan = Encoding(("arr", "plan"), {"plan": ("basic", "pro")}, {"arr": 1.0})
        >>> Plain(plan).row({"plan": "pro", "arr": None, "more": 3})
        array([[nan,  1.]])
        """
        try:
            values: list[object] = [
                nan if (value := features[column]) is None else value for column in self.columns
            ]
        except KeyError:
            raise missing(self.columns, features) from None
        try:
            for position, column in enumerate(self.columns) if self._codes else ():
                if column in self._codes:
                    values[position] = self._code(values[position], column)
            matrix = np.frombuffer(array("d", values)).reshape(1, -1)  # type: ignore[type-var]
        except (TypeError, OverflowError, UnusableColumn):
            raise self._unusable({name: [features[name]] for name in self.columns}) from None
        if np.isinf(matrix).any():
            raise self._unusable({name: [features[name]] for name in self.columns})
        return matrix

    def table(self, features: Mapping[str, Column]) -> np.ndarray:
        """The matrix of many rows, given by column."""
        absent = [column for column in self.columns if column not in features]
        if absent:
            raise missing(self.columns, features)
        rows = length({column: features[column] for column in self.columns})
        matrix = np.empty((rows, len(self.columns)))
        try:
            for position, column in enumerate(self.columns):
                matrix[:, position] = self._numbers(features[column], column)
        except UnusableColumn:
            raise self._unusable(features) from None
        if np.isinf(matrix).any():
            raise self._unusable(features)
        return matrix

    def unseen(self, features: Mapping[str, Column]) -> dict[str, int]:
        """How many rows of each text column hold a value that training never met."""
        return {
            column: sum(not _absent(value) and value not in codes for value in features[column])
            for column, codes in self._codes.items()
        }

    def _numbers(self, values: Column, column: str) -> np.ndarray:
        if column in self._codes:
            return np.array([self._code(value, column) for value in values], dtype=float)
        if isinstance(values, np.ndarray) and values.dtype.kind in "Mm":
            raise UnusableColumn(f"{column} holds dates: give the days to or since them instead")
        if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
            return values.astype(float, copy=False)
        try:
            return np.frombuffer(array("d", _known(values)))
        except (TypeError, OverflowError) as error:
            raise UnusableColumn(f"{column} should hold numbers and holds text: {error}") from None

    def _code(self, value: object, column: str) -> float:
        try:
            return self._codes[column].get(value, nan)  # type: ignore[call-overload]
        except TypeError:
            raise UnusableColumn(
                f"{column} should hold text and holds {type(value).__name__}"
            ) from None

    def _unusable(self, features: Mapping[str, Column]) -> UnusableColumn:
        """All the columns that no learner can read, in one fault."""
        faults = []
        for column in self.columns:
            try:
                infinite = int(np.isinf(self._numbers(features[column], column)).sum())
            except UnusableColumn as fault:
                faults.append(str(fault))
                continue
            if infinite:
                faults.append(f"{column} is infinite in {infinite} rows: divide by nullif(x, 0)")
        return UnusableColumn("; ".join(faults))


def missing(columns: Iterable[str], features: Mapping[str, object]) -> MissingColumns:
    """The fault that names every one of `columns` that is not among the features."""
    absent = [column for column in columns if column not in features]
    there = sorted(map(str, features))
    noun = "column" if len(absent) == 1 else "columns"
    return MissingColumns(
        f"{len(absent)} missing {noun}: {absent} | {len(there)} available: {there}"
    )


def length(columns: Mapping[str, Column]) -> int:
    """The number of rows that all columns have.

    >>> length({"arr": [1.0, 2.0], "seats": [3, None]})
    2
    """
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        usual = max(sizes.values(), key=list(sizes.values()).count)
        odd = {name: size for name, size in sizes.items() if size != usual}
        raise UnevenColumns(f"most columns have {usual} rows, but {odd}: give each as many")
    return next(iter(sizes.values()), 0)


def _known(values: Column) -> list[float]:
    return [nan if value is None else value for value in values]  # type: ignore[misc]


def _absent(value: object) -> bool:
    return value is None or value != value
