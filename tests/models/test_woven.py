"""Several boosters as one: every row meets each of them, to the last bit."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from models import gradient, woven
from models.woven import NotWoven
from tests.models.fitted import blend


def matrix(rows=200, seed=5):
    draw = np.random.default_rng(seed)
    found = draw.normal(size=(rows, 4)).round(1)
    found[draw.random(found.shape) < 0.1] = np.nan
    found[:, 3] = draw.integers(0, 5, rows)
    return found


def booster(rounds, seed, outcome=None, columns=4, **params):
    given = matrix()[:, :columns]
    draw = np.random.default_rng(seed)
    target = draw.random(len(given)) < 0.4 if outcome is None else outcome
    text = [3] if columns > 3 else []
    data = lgb.Dataset(given, label=target, categorical_feature=text)
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}
    return lgb.train({**settings, **params, "seed": seed}, data, num_boost_round=rounds)


@pytest.mark.parametrize("rows", [1, 2, 200])
def test_each_booster_gives_what_it_gives_alone(rows):
    several = [booster(12, seed) for seed in range(3)]
    given = matrix(rows, seed=9)
    found = woven.logits(woven.woven(several), given)
    alone = np.column_stack([gradient.logit(one, given) for one in several])
    np.testing.assert_array_equal(found, alone)


def test_boosters_of_different_length_are_woven():
    several = [booster(7, 1), booster(12, 2), booster(1, 3)]
    found = woven.logits(woven.woven(several), matrix())
    alone = np.column_stack([gradient.logit(one, matrix()) for one in several])
    np.testing.assert_array_equal(found, alone)


def test_a_booster_that_found_nothing_to_split_is_woven():
    flat = booster(3, 1, outcome=np.ones(200))
    found = woven.logits(woven.woven([flat, booster(5, 2)]), matrix())
    np.testing.assert_array_equal(found[:, 0], gradient.logit(flat, matrix()))


def test_one_booster_alone_is_woven_too():
    (one,) = [booster(4, 1)]
    found = woven.logits(woven.woven([one]), matrix())
    np.testing.assert_array_equal(found[:, 0], gradient.logit(one, matrix()))


def test_bound_boosters_of_a_bundle_are_woven():
    model = blend()
    given = np.random.default_rng(1).normal(size=(50, len(model.encoding.columns)))
    found = woven.logits(woven.woven(model.served.boosters), given)
    alone = [gradient.logit(one, given) for one in model.served.boosters]
    np.testing.assert_array_equal(found, np.column_stack(alone))


def test_no_row_gives_no_score_of_each_booster():
    whole = woven.woven([booster(2, seed) for seed in range(3)])
    assert woven.logits(whole, np.empty((0, 4))).shape == (0, 3)


def test_boosters_of_other_columns_or_classes_are_refused():
    with pytest.raises(NotWoven, match="2 sets of columns"):
        woven.woven([booster(2, 1), booster(2, 1, columns=3)])
    kinds = np.arange(200) % 3
    many = booster(2, 1, outcome=kinds, objective="multiclass", num_class=3)
    with pytest.raises(NotWoven, match="several classes"):
        woven.woven([many, many])
