"""Slices keep their order, and what a column does not know is a slice of its own."""

from __future__ import annotations

import pandas as pd
import pytest

from models.rates import RatesSettings
from models.slices import UNKNOWN, periods, sized, sliced

ROWS = pd.DataFrame(
    {
        "period": ["2025Q1"] * 4,
        "owner": ["bob", None, "ann", "bob"],
        "size": sized(pd.Series([200_000.0, 10.0, 5_000.0, None]), (5_000, 100_000)),
    }
)


def test_every_row_is_in_all_and_in_one_slice_of_each_column():
    found = sliced(ROWS, ["period"], ["owner", "size"], lambda part: {"rows": len(part)})
    assert found[["by", "slice", "rows"]].to_numpy().tolist() == [
        ["all", "all", 4],
        ["owner", "ann", 1],
        ["owner", "bob", 2],
        ["owner", UNKNOWN, 1],
        ["size", "under 5,000", 1],
        ["size", "5,000 to 100,000", 1],
        ["size", "100,000 and more", 1],
        ["size", UNKNOWN, 1],
    ]


def test_a_year_is_a_period_too():
    assert periods(pd.Series(pd.to_datetime(["2025-12-31"])), "year").tolist() == ["2025"]


def test_edges_that_do_not_rise_are_refused():
    with pytest.raises(ValueError, match="must rise"):
        RatesSettings(every="year", max_width=0.3, sizes=(5.0, 1.0), graces=(0, 30, 61, 91))
