"""The boosted trees: parameters by size, constraints, the same text on every run."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest
from scipy.special import expit

from models import gradient
from tests.models.panel import SETTINGS

LEAD = SETTINGS.gradient


def drawn(rows=600, seed=0):
    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(rows, 4))
    matrix[draw.random(rows) < 0.2, 1] = np.nan
    matrix[:, 3] = draw.integers(0, 3, rows)
    return matrix, (draw.random(rows) < expit(-1 + matrix[:, 0])).astype(float)


def fitted(signs=(0, 0, 0, 0), seed=1, rounds=20, threads=1):
    matrix, outcome = drawn()
    settings = LEAD.model_copy(update={"threads": threads})
    params = gradient.parameters(settings, len(matrix), signs)
    data = gradient.binned(matrix, outcome, np.ones(len(outcome)), [3], params)
    return gradient.fit(data, params, rounds, seed)


@pytest.mark.parametrize(("rows", "leaf"), [(100, 20), (3000, 100), (50_000, 200)])
def test_a_leaf_holds_a_thirtieth_of_the_rows_within_bounds(rows, leaf):
    assert gradient.leaf_rows(LEAD, rows) == leaf
    assert gradient.parameters(LEAD, rows, [0])["min_data_in_leaf"] == leaf


def test_no_class_is_weighted_and_no_shape_check_is_disabled():
    given = gradient.parameters(LEAD, 1000, [1, 0])
    assert not {"scale_pos_weight", "is_unbalance", "predict_disable_shape_check"} & set(given)
    assert given["deterministic"] and given["force_col_wise"]


def test_signs_become_constraints_only_where_there_are_any():
    assert gradient.parameters(LEAD, 1000, [1, 0])["monotone_constraints"] == [1, 0]
    assert "monotone_constraints" not in gradient.parameters(LEAD, 1000, [0, 0])


def test_a_constraint_against_the_data_leaves_nothing_to_learn_there():
    matrix, _ = drawn()
    moved = matrix.copy()
    moved[:, 0] += 2
    free, bound = fitted(), fitted(signs=(-1, 0, 0, 0))
    assert (gradient.logit(free, moved) - gradient.logit(free, matrix)).mean() > 0.1
    assert (gradient.logit(bound, moved) <= gradient.logit(bound, matrix) + 1e-12).all()


def test_a_heavier_row_counts_for_more():
    matrix, outcome = drawn()
    params = gradient.parameters(LEAD, len(matrix), [0] * 4)
    means = []
    for heavy in (1.0, 3.0):
        data = gradient.binned(matrix, outcome, np.where(outcome > 0, heavy, 1.0), [3], params)
        means.append(gradient.logit(gradient.fit(data, params, 20, 1), matrix).mean())
    assert means[1] > means[0] + 0.8


def test_stages_are_the_model_stopped_early():
    matrix, _ = drawn()
    booster = fitted(rounds=60)
    staged = gradient.staged_logits(booster, matrix, 20)
    assert staged.shape == (3, len(matrix))
    assert staged[-1] == pytest.approx(gradient.logit(booster, matrix), abs=1e-12)
    assert staged[0] == pytest.approx(gradient.logit(fitted(rounds=20), matrix), abs=1e-12)


def test_contributions_add_up_to_the_raw_score():
    matrix, _ = drawn()
    booster = fitted()
    added = gradient.contributions(booster, matrix).sum(axis=1)
    assert added == pytest.approx(gradient.logit(booster, matrix), abs=1e-9)


def test_the_text_is_the_same_on_every_run_and_for_any_number_of_threads():
    assert gradient.text(fitted()) == gradient.text(fitted()) == gradient.text(fitted(threads=2))
    assert gradient.text(fitted()) != gradient.text(fitted(seed=2))


def test_a_model_read_back_from_its_text_scores_the_same_bits_and_has_the_same_text():
    matrix, _ = drawn()
    again = gradient.from_text(gradient.text(fitted()))
    assert (gradient.logit(again, matrix) == gradient.logit(fitted(), matrix)).all()
    assert gradient.text(again) == gradient.text(fitted())


def test_an_empty_matrix_is_scored_and_explained_as_empty():
    assert gradient.logit(fitted(), np.empty((0, 4))).shape == (0,)
    assert gradient.contributions(fitted(), np.empty((0, 4))).shape == (0, 5)


def test_a_matrix_of_another_width_is_refused():
    with pytest.raises(lgb.basic.LightGBMError, match="number of features"):
        gradient.logit(fitted(), np.zeros((1, 3)))
