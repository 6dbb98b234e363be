"""The simple models that stand beside every model."""

from __future__ import annotations

import numpy as np
import pytest

from models.baselines import CONTRACT_ONLY, KINDS, PLAIN, RIDGE, baselines
from models.bundle import load, save
from tests.models.panel import FAMILIES, GAP_DAYS, SETTINGS, SIGNS, Churn, panel


def simple(world, **changed):
    given = {
        "name": "churn",
        "target": Churn(),
        "settings": SETTINGS,
        "signs": SIGNS,
        "seed": 1,
        "gap_days": GAP_DAYS,
        "families": FAMILIES,
    }
    return baselines(world.features, world.labels, **(given | changed))


def test_there_are_three_and_none_abstains_even_from_noise():
    models = simple(panel(60, signal=0))
    assert set(models) == set(KINDS)
    rows = panel(50, mornings=1, seed=3).features
    assert all(model.predict(rows).nunique() > 1 for model in models.values())


def test_contract_only_sees_nothing_but_the_contract():
    world = panel(80)
    model = simple(world)[CONTRACT_ONLY]
    assert set(model.encoding.columns) == set(FAMILIES["commercial"])
    busy = world.features.assign(events_28d=0.0, active_users_28d=0.0)
    assert model.predict(busy).equals(model.predict(world.features))


def test_without_a_commercial_family_there_is_no_contract_to_see():
    kinds = simple(panel(60), families={"support": ["open_tickets"]})
    assert set(kinds) == {RIDGE, PLAIN}


def test_one_class_has_no_baseline():
    world = panel(40)
    labels = world.labels.assign(outcome=False)
    assert simple(type(world)(world.features, labels, world.truth)) == {}


def test_plain_trees_are_more_extreme_than_the_ridge_logit():
    world = panel(80)
    models = simple(world)
    spread = {kind: np.std(models[kind].logit(world.features)) for kind in (PLAIN, RIDGE)}
    assert spread[PLAIN] > 1.5 * spread[RIDGE]


@pytest.mark.parametrize("kind", KINDS)
def test_a_baseline_is_a_bundle_like_any_other(tmp_path, kind):
    world = panel(60)
    model = simple(world)[kind]
    save(model, tmp_path / kind, about={})
    assert load(tmp_path / kind).predict(world.features).equals(model.predict(world.features))
