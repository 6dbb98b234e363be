"""The engine against what features mean: twice over, on small worlds drawn to be awkward.

`oracle` says in plain Python what each default feature means, `slow_engine` works out every feature
that is declared from its expression, by the slow join of raw rows to mornings. The engine has to
agree with both in every cell.
"""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.definition import FAMILIES
from features.feature import feature
from tests.features import oracle, slow_engine
from tests.features.drawn import CALENDARS, OWN, asked, settled_draws, worlds

HERE = [*FAMILIES, "test_oracle"]


@feature("user_days", days=[1, 450], absent=0)
def active_users(days):
    """People who used the product in the last {days} days."""
    return f"count(DISTINCT user_id) FILTER (WHERE age <= {days})"


@feature("feature_days", days=[1, 450], absent=0)
def features_used(days):
    """Features of the product used in the last {days} days."""
    return f"count(DISTINCT feature) FILTER (WHERE age <= {days})"


@feature("account_days", days=[1, 450], absent=0)
def events(days):
    """Events in the last {days} days."""
    return f"sum(events) FILTER (WHERE age <= {days})"


for declared in (active_users, features_used, events):
    meaning = getattr(oracle, declared.__name__)
    oracle.defines(*(f"{declared.__name__}_{days}d" for days in (1, 450)))(meaning)


def assert_equal_in_every_cell(built, expected):
    expected.index = expected.index.set_levels(built.index.levels[1], level="as_of")
    expected = expected.reindex(built.index)
    for name in expected:
        pd.testing.assert_series_equal(
            built[name], expected[name], rtol=1e-9, atol=1e-9, check_dtype=False, obj=name
        )


@pytest.mark.parametrize("calendar", [*CALENDARS, OWN])
@settings(settled_draws, max_examples=8)
@given(data=st.data())
def test_every_feature_is_what_the_oracle_says(calendar, data):
    world = data.draw(worlds(calendar))
    assert_equal_in_every_cell(asked(world, HERE), oracle.features(world))


@pytest.mark.parametrize("calendar", [*CALENDARS, OWN])
@settings(settled_draws, max_examples=3)
@given(data=st.data())
def test_every_feature_that_is_declared_is_its_expression_over_the_raw_rows(calendar, data):
    world = data.draw(worlds(calendar))
    built, again = asked(world, HERE), asked(world, HERE, slow_engine.features)
    assert list(built) == list(again)
    assert_equal_in_every_cell(built, again)
