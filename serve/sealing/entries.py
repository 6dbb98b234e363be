"""Frames into entries of the ledger, and entries back into frames.

At this door every fault of a frame is told at once; nothing is repaired.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, type_coerce
from sqlalchemy.types import NullType

from serve.sealing.schema import NEEDED

Values = list[Any]


class Unsealable(ValueError):
    """A frame cannot be put into the ledger as it is."""


def entries(
    frame: pd.DataFrame, types: Mapping[str, str], key: Sequence[str], optional: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The rows of a frame with plain values (None where missing), sorted by `key`.

    `types`: column -> DuckDB type. Raises Unsealable with every fault: a missing column, a value
    of another type, an infinite number, an empty needed value (unless `optional`), a key twice.
    """
    if missing := [name for name in types if name not in frame.columns]:
        raise Unsealable(f"the frame has no column {', '.join(missing)}")
    faults: list[str] = []
    plain: dict[str, Values] = {}
    for name, sql in types.items():
        try:
            plain[name] = PLAIN[sql](frame[name])
        except (ValueError, TypeError, OverflowError) as error:
            faults.append(f"{name} is no {sql}: {error}")
            continue
        empty = sum(value is None for value in plain[name])
        if empty and name in NEEDED and name not in optional:
            faults.append(f"{name} is empty in {empty} of {len(frame)} rows")
    if faults:
        raise Unsealable("; ".join(faults))
    found = [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]
    found.sort(key=lambda row: [(row[name] is not None, row[name]) for name in key])
    for one, next_ in zip(found, found[1:], strict=False):
        if all(one[name] == next_[name] for name in key):
            twice = ", ".join(f"{name} {next_[name]}" for name in key)
            raise Unsealable(f"there are two rows of {twice}")
    return found


def _texts(column: pd.Series) -> Values:
    found = column.astype(object).where(column.notna(), None).tolist()
    for value in found:
        if value is not None and (not isinstance(value, str) or "\x00" in value):
            raise ValueError(f"found {value!r}")
    return found


def _days(column: pd.Series) -> Values:
    days = pd.to_datetime(column)
    if odd := [day for day in days.dropna() if day != day.normalize()]:
        raise ValueError(f"found {odd[0]}")
    return [None if day is pd.NaT else day.date() for day in days]


def _numbers(column: pd.Series) -> Values:
    values = _numeric(column).to_numpy(dtype=float, na_value=np.nan) + 0.0  # no -0.0 in SQLite
    if np.isinf(values).any():
        raise ValueError("found an infinite number")
    return [None if value != value else value for value in values.tolist()]


def _integers(column: pd.Series) -> Values:
    numbers = _numeric(column).astype("Int64")
    return numbers.astype(object).where(numbers.notna(), None).tolist()


def _numeric(column: pd.Series) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(column):
        for value in column.dropna():
            if not isinstance(value, (int, float)):
                raise ValueError(f"found {value!r}")
    return pd.to_numeric(column)


def _booleans(column: pd.Series) -> Values:
    known = column.astype("boolean")
    return [None if value is pd.NA else bool(value) for value in known]


PLAIN: dict[str, Callable[[pd.Series], Values]] = {
    "VARCHAR": _texts,
    "DATE": _days,
    "DOUBLE": _numbers,
    "BIGINT": _integers,
    "BOOLEAN": _booleans,
}


def as_stored(columns: Iterable[ColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """The columns as the driver gives them: on SQLite days are texts, and booleans 0 and 1."""
    return [type_coerce(column, NullType()).label(column.key) for column in columns]


def framed(rows: Iterable[Sequence[Any]], types: Mapping[str, str]) -> pd.DataFrame:
    """Rows of plain values as a frame, with the types that reading a Parquet file would give."""
    columns = list(zip(*rows, strict=True)) or [()] * len(types)
    named = zip(types.items(), columns, strict=True)
    return pd.DataFrame({name: _column(list(values), sql) for (name, sql), values in named})


def _column(values: Values, sql: str) -> pd.Series:
    if sql == "DATE":
        days = [value.isoformat() if isinstance(value, date) else value for value in values]
        return pd.to_datetime(pd.Series(days, dtype="str"), format="%Y-%m-%d").dt.as_unit("us")
    if sql == "BOOLEAN":
        known = [None if value is None else bool(value) for value in values]
        return pd.Series(known, dtype=object if None in known else bool)
    if sql == "BIGINT":
        return pd.Series(values, dtype="float64" if None in values else "int64")
    return pd.Series(values, dtype="float64" if sql == "DOUBLE" else "str")
