"""Nothing is left over: shares add up to the probability, and changes to its change."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import change, explain
from models.blend import Model
from models.calibration import Calibration
from tests.models.fitted import blend
from tests.models.panel import FAMILIES, panel

NOTHING = ((0.0,) * 3,) * 3
MAPS = [
    Calibration("intercept", (0.3,), ((0.0,),)),
    Calibration("platt", (-0.4, 1.7), ((0.0, 0.0),) * 2),
    Calibration("beta", (0.2, 0.6, 1.4), NOTHING),
    Calibration("base rate", (-2.0,), ((0.0,),)),
]
DICTIONARY = {"open_tickets": "Tickets open on the morning.", "nps_last": "Last NPS answer."}


@cache
def two_mornings():
    """The same sixty accounts, in one order, on two mornings."""
    features = panel(60, 2, seed=11).features.swaplevel()
    first, second = features.index.get_level_values("as_of").unique()
    return tuple(features.loc[[day]].swaplevel() for day in (first, second))


def other() -> Model:
    """Another model of the same columns: more of the trees, another calibration, other leanings."""
    linear = blend().served.linear
    bent = dataclasses.replace(
        linear, intercept=-1.0, coefficients=tuple(0.5 * one for one in linear.coefficients)
    )
    served = dataclasses.replace(blend().served, linear=bent)
    return dataclasses.replace(blend(), served=served, trees=0.9, calibration=MAPS[1])


@pytest.mark.parametrize("calibration", MAPS, ids=lambda one: one.kind)
def test_points_add_up_to_the_probability_under_every_calibration(calibration):
    model = dataclasses.replace(blend(), calibration=calibration)
    _, features = two_mornings()
    parts = explain.contributions(model, features, FAMILIES)
    points = change.points(model, parts)
    assert np.abs(points.sum(axis=1) - model.predict(features)).max() < 1e-12
    assert list(points.columns) == list(parts.columns)
    if calibration.kind == "base rate":
        assert (points.drop(columns="base") == 0).all(axis=None)
    else:
        shares = (points / parts).drop(columns=["base", "other"])
        assert shares.min(axis=None) > 0
        assert np.allclose(shares.max(axis=1), shares.min(axis=1))


@pytest.mark.parametrize(
    ("earlier", "later"),
    [(blend, blend), (blend, other), (other, blend)],
    ids=["same", "new", "old"],
)
def test_a_change_adds_up_on_the_logit_and_in_points(earlier, later):
    then, now = two_mornings()
    before, after = earlier(), later()
    found = change.change(before, then, after, now, FAMILIES)
    logits = after.logit(now).to_numpy() - before.logit(then).to_numpy()
    moved = after.predict(now).to_numpy() - before.predict(then).to_numpy()
    assert np.abs(found.logit.sum(axis=1).to_numpy() - logits).max() < 1e-9
    assert np.abs(found.points.sum(axis=1).to_numpy() - moved).max() < 1e-12
    assert list(found.points.columns) == [*FAMILIES, "other", "model"]


def test_with_one_model_only_the_account_has_changed():
    then, now = two_mornings()
    found = change.change(blend(), then, blend(), now, FAMILIES)
    assert (found.logit["model"] == 0).all() and (found.points["model"] == 0).all()
    moved = explain.contributions(blend(), now, FAMILIES)[list(FAMILIES)].to_numpy()
    moved = moved - explain.contributions(blend(), then, FAMILIES)[list(FAMILIES)].to_numpy()
    assert np.allclose(found.logit[list(FAMILIES)].to_numpy(), moved)


def test_with_the_same_features_only_the_model_has_changed():
    then, _ = two_mornings()
    found = change.change(blend(), then, other(), then, FAMILIES)
    assert (found.points.drop(columns="model") == 0).all(axis=None)
    assert found.points["model"].abs().max() > 0.01


def test_a_family_whose_features_stayed_has_not_changed_where_the_model_is_a_sum():
    """The ridge logit alone: a family's contribution hangs on its own features."""
    linear = dataclasses.replace(blend(), trees=0.0)
    then, now = two_mornings()
    kept = now.assign(open_tickets=then["open_tickets"].to_numpy())
    found = change.change(linear, then, linear, kept, FAMILIES)
    assert (found.points["support"] == 0).all()
    assert (found.points["breadth"] != 0).mean() > 0.9


def test_the_two_orders_count_alike():
    """Turned round, every share turns its sign."""
    then, now = two_mornings()
    there = change.change(blend(), then, other(), now, FAMILIES).points
    back = change.change(other(), now, blend(), then, FAMILIES).points
    assert np.abs(there.to_numpy() + back.to_numpy()).max() < 1e-12


def test_other_accounts_are_refused():
    then, now = two_mornings()
    with pytest.raises(change.OtherAccounts, match="in one order"):
        change.change(blend(), then.iloc[::-1], blend(), now, FAMILIES)


@given(st.floats(-8, 8), st.floats(-3, 3) | st.floats(-1e-5, 1e-5), st.sampled_from(MAPS))
@settings(max_examples=200, deadline=None)
def test_the_slope_times_the_way_is_the_rise_however_short_the_way(start, way, calibration):
    ends = np.array([start]), np.array([start + way])
    rise = np.diff([calibration.probability(end)[0] for end in ends])[0]
    assert change._slope(calibration, *ends)[0] * (ends[1] - ends[0])[0] == pytest.approx(
        rise, abs=1e-12
    )


def test_what_changed_most_is_told_with_both_values():
    then, now = two_mornings()
    then, now = then.iloc[:1].assign(open_tickets=0.0), now.iloc[:1].assign(open_tickets=9.0)
    said = told(then, now)
    assert said[0] == (1, "Open tickets: 9; 0 on 1 May")
    assert (-1, "Open tickets: 0; 9 on 1 May") in told(now, then)


def test_a_change_of_doubtful_direction_is_not_told(monkeypatch):
    then, now = two_mornings()
    assert any(told(then, now, row) for row in range(20))
    monkeypatch.setattr("models.pushes.AGREEING", 1.01)
    assert not any(told(then, now, row) for row in range(20))


def test_a_feature_of_doubtful_direction_is_not_told_though_its_family_is_sure():
    then, now = two_mornings()
    then = then.iloc[:1].assign(open_tickets=0.0, active_users_28d=40.0)
    now = now.iloc[:1].assign(open_tickets=9.0, active_users_28d=2.0)
    first, odd, third = blend().resampled
    at = odd.linear.scale.owners.index(blend().encoding.columns.index("open_tickets"))
    leaning = [-0.6 if place == at else one for place, one in enumerate(odd.linear.coefficients)]
    turned = dataclasses.replace(
        odd, linear=dataclasses.replace(odd.linear, coefficients=tuple(leaning))
    )
    together = {"all": list(blend().encoding.columns)}
    sure, unsure = (
        [
            text
            for _, text in change.sentences(
                model, then, now, together, dictionary=DICTIONARY, when="1 May"
            )[0]
        ]
        for model in (
            blend(),
            dataclasses.replace(blend(), resampled=(first, turned, third)),
        )
    )
    assert "Open tickets: 9; 0 on 1 May" in sure
    assert unsure and "Open tickets: 9; 0 on 1 May" not in unsure


def test_without_a_change_there_is_nothing_to_tell():
    then, _ = two_mornings()
    assert told(then, then) == []


def told(then: pd.DataFrame, now: pd.DataFrame, row: int = 0):
    rows = change.sentences(blend(), then, now, FAMILIES, dictionary=DICTIONARY, when="1 May")
    return rows[row]
