"""`ago` is the feature asked on the earlier morning, with what was known then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.definition import FAMILIES, Aggregate, definitions
from features.feature import derived, feature
from tests.features.drawn import OWN, asked, settled_draws, worlds

ASKABLE = [d.name for d in definitions() if isinstance(d, Aggregate) and d.table != "renewals"]


@derived(name=ASKABLE, earlier=[1, 30])
def asked_then(name, earlier):
    """{name}, asked {earlier} days earlier."""
    return f"ago({name}, {earlier})"


@feature("subscriptions", absent=0)
def paying():
    """Rows in force that are paid for, or whose amount is unknown."""
    return "count(*) FILTER (WHERE in_force(0) AND (arr > 0 OR arr IS NULL))"


@pytest.mark.parametrize("calendar", ["neighbours", OWN])
@settings(settled_draws, max_examples=2)
@given(data=st.data())
def test_ago_is_the_feature_asked_on_the_earlier_morning(calendar, data):
    world = data.draw(worlds(calendar))
    now = asked(world, ["test_ago"])
    for days in (1, 30):
        earlier = [row | {"as_of": row["as_of"] - timedelta(days)} for row in world.observations]
        then = asked(replace(world, observations=earlier), [*FAMILIES, "test_ago"])
        then = then.where(then["paying"] > 0)[ASKABLE].set_axis(now.index)
        answered = now[[f"asked_then_{name}_{days}" for name in ASKABLE]].set_axis(ASKABLE, axis=1)
        pd.testing.assert_frame_equal(answered, then, check_exact=True)
