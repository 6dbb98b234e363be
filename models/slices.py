"""Figures period by period, of all and of each slice: by segment, owner, plan, size.

Every table is given for all (`by` and `slice` are "all") and for each slice of the columns asked
for; what a column does not know is the slice "unknown", so that the ARR of the slices adds up. The
accounts do too, unless one changes its slice within a period: then it counts in both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

ALL, UNKNOWN = "all", "unknown"
PERIODS = {"quarter": "Q", "year": "Y"}


def periods(days: pd.Series, every: str) -> pd.Series:
    """The quarter or year of each day, as text.

    >>> periods(pd.Series(pd.to_datetime(["2025-03-31"])), "quarter").tolist()
    ['2025Q1']
    """
    return days.dt.to_period(PERIODS[every]).astype(str)


def sized(arr: pd.Series, edges: Sequence[float]) -> pd.Series:
    """The size of customers by their ARR, in the order of the edges.

    >>> sized(pd.Series([100.0, 5000.0, None]), [5000, 15000]).tolist()
    ['under 5,000', '5,000 to 15,000', 'unknown']
    """
    told = [f"{edge:,.0f}" for edge in edges]
    between = [f"{low} to {high}" for low, high in zip(told, told[1:], strict=False)]
    names = [f"under {told[0]}", *between, f"{told[-1]} and more", UNKNOWN]
    place = np.searchsorted(np.asarray(edges, dtype=float), arr.astype(float), side="right")
    codes = np.where(arr.isna(), len(names) - 1, place)
    return pd.Series(pd.Categorical.from_codes(codes, names, ordered=True), index=arr.index)


def sliced(
    rows: pd.DataFrame,
    within: Sequence[str],
    by: Sequence[str],
    figures: Callable[[pd.DataFrame], Mapping[str, Any]],
) -> pd.DataFrame:
    """The figures of all rows and of each slice of the columns `by`, one row for each `within`."""
    found = []
    for name in (ALL, *by):
        if name == ALL:
            label: Any = ALL
        elif isinstance(rows[name].dtype, pd.CategoricalDtype):
            label = rows[name]
        else:
            label = rows[name].astype(object).where(rows[name].notna(), UNKNOWN).astype(str)
        groups = rows.assign(slice=label).groupby([*within, "slice"], sort=True, observed=True)
        for key, part in groups:
            *place, which = key
            at = dict(zip(within, place, strict=True)) | {"by": name, "slice": str(which)}
            found.append(at | dict(figures(part)))
    return pd.DataFrame(found)
