"""Columns that were made from outcomes are found, whichever way they were made."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models import encoded
from models.evidence import Evidence, arrange
from tests.models.gated import LEADS, SETTINGS, Gated, company


@pytest.fixture(scope="module")
def small() -> Gated:
    return company()


def owner(small: Gated, groups: int) -> pd.Series:
    """A group of each row's account that means nothing."""
    codes = pd.factorize(small.features.index.get_level_values("account_id"))[0]
    drawn = np.random.default_rng(1).integers(0, groups, codes.max() + 1)
    return pd.Series(drawn[codes], small.features.index)


def mean(small: Gated, groups: int, prior: float = 0.0) -> pd.Series:
    told, group = small.told(), owner(small, groups)
    total, count = (told.groupby(group).transform(how) for how in ("sum", "count"))
    return (total + prior * told.mean()) / (count + prior)


def found(small: Gated, values: pd.Series) -> list[Evidence]:
    told = arrange(small.with_column(values).features, small.rows, LEADS)
    every = [
        *encoded.encoded("planted", told, SETTINGS, "rows"),
        *encoded.same_value("planted", told, SETTINGS),
    ]
    return [one for one in every if one.found]


def test_the_mean_outcome_of_a_few_groups_is_found_because_it_equals_it(small):
    assert [one.probe for one in found(small, mean(small, 5))] == ["target encoding"]


def test_a_smoothed_mean_of_many_groups_is_found_because_it_is_too_close(small):
    assert [one.probe for one in found(small, mean(small, 30, 10))] == ["target encoding, smoothed"]


def test_groups_that_are_merely_different_are_not(small):
    told, group = small.told().fillna(0), owner(small, 30)
    honest = group.map(dict(enumerate(np.random.default_rng(2).random(30))))
    assert found(small, honest) == []
    assert found(small, honest + 0.3 * told.groupby(group).transform("mean")) == []


def test_a_mean_without_the_row_itself_is_found_by_the_step_that_it_leaves(small):
    told, group = small.told(), owner(small, 30)
    total, count = (told.groupby(group).transform(how) for how in ("sum", "count"))
    without = (total - told) / (count - 1)
    assert "same value" in {one.probe for one in found(small, without)}


def test_a_value_that_only_one_account_has_tells_nothing_of_others(small):
    assert found(small, owner(small, 10**9).astype(float)) == []


def test_a_column_fitted_to_the_earlier_rows_fades_on_the_later_ones(small):
    early = small.earlier.set_index(["account_id", "as_of"])["outcome"].astype(float)
    told = early.reindex(small.features.index)
    noise = np.random.default_rng(3).normal(0, 0.6, len(told))
    planted = small.with_column(told.fillna(told.mean()) + noise)
    keys = pd.MultiIndex.from_frame(small.earlier[["account_id", "as_of"]])
    new = ~pd.MultiIndex.from_frame(small.rows[["account_id", "as_of"]]).isin(keys)
    parts = [arrange(planted.features, r, LEADS) for r in (small.earlier, small.rows[new])]
    (fades,) = encoded.fading("planted", *parts, SETTINGS)
    (honest,) = encoded.fading("events_28d", *parts, SETTINGS)
    assert fades.found and not honest.found
