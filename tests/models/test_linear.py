"""The ridge logit: rank scales, bound signs, common effects, exact terms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from models import linear
from models.encoding import encode
from models.linear import LinearSettings

SETTINGS = LinearSettings(ridge=[1.0], knots=9, missing_share=0.02)


def problem(features, outcome, signs=None, directions=None, families=None):
    encoding = encode(features)
    return linear.problem(
        encoding.matrix(features),
        np.asarray(outcome),
        encoding,
        signs or {},
        directions or signs or {},
        families or {},
        SETTINGS,
    )


def drawn(rows=800, seed=0):
    draw = np.random.default_rng(seed)
    use = draw.normal(size=rows)
    features = pd.DataFrame({"use": np.exp(3 * use), "noise": draw.normal(size=rows)})
    return features, draw.random(rows) < expit(-1 - 1.2 * use)


def test_a_long_tail_and_its_logarithm_give_the_same_fit():
    features, outcome = drawn()
    one, _ = problem(features, outcome).fit(np.ones(800), 1.0)
    logs = features.assign(use=np.log(features["use"]))
    other, _ = problem(logs, outcome).fit(np.ones(800), 1.0)
    assert one.coefficients == pytest.approx(other.coefficients, abs=0.05)


def test_the_signal_is_found_and_the_noise_is_not():
    features, outcome = drawn()
    fitted, _ = problem(features, outcome).fit(np.ones(800), 1.0)
    noise, use = fitted.coefficients
    assert use == pytest.approx(-1.2, abs=0.25)
    assert abs(noise) < 0.2


def test_a_bound_sign_is_kept_even_against_the_data():
    features, outcome = drawn()
    fitted, _ = problem(features, outcome, signs={"use": 1}).fit(np.ones(800), 1.0)
    assert fitted.coefficients[1] == 0.0


def test_a_stronger_penalty_shrinks_towards_the_base_rate():
    features, outcome = drawn()
    task = problem(features, outcome)
    sizes = [
        np.abs(task.fit(np.ones(800), ridge)[0].coefficients).sum() for ridge in (1.0, 1e2, 1e6)
    ]
    assert sizes[0] > sizes[1] > sizes[2]
    assert expit(task.fit(np.ones(800), 1e6)[0].intercept) == pytest.approx(
        outcome.mean(), abs=1e-3
    )


def test_a_warm_start_ends_where_a_cold_one_does():
    features, outcome = drawn()
    task = problem(features, outcome)
    _, end = task.fit(np.ones(800), 100.0)
    warm, cold = task.fit(np.ones(800), 1.0, end)[0], task.fit(np.ones(800), 1.0)[0]
    assert warm.coefficients == pytest.approx(cold.coefficients, abs=1e-3)


def test_a_doubled_weight_is_a_doubled_row():
    features, outcome = drawn(200)
    weight = np.where(np.arange(200) < 50, 2.0, 1.0)
    weighted, _ = problem(features, outcome).fit(weight, 1.0)
    task = problem(features, outcome)
    rows = np.r_[np.arange(200), np.arange(50)]
    doubled = linear.Problem(
        task.scale, task.design[rows], task.spread, task.bounds, task.outcome[rows]
    )
    assert doubled.fit(np.ones(250), 1.0)[0].coefficients == pytest.approx(
        weighted.coefficients, abs=1e-4
    )


def test_terms_and_intercept_add_up_to_the_logit():
    features, outcome = drawn()
    features.loc[::3, "noise"] = np.nan
    fitted, _ = problem(features, outcome).fit(np.ones(800), 1.0)
    matrix = encode(features).matrix(features)
    summed = fitted.intercept + fitted.terms(matrix).sum(axis=1)
    assert fitted.logit(matrix) == pytest.approx(summed, abs=1e-12)


def test_missing_is_its_own_information():
    draw = np.random.default_rng(1)
    missing = draw.random(1000) < 0.4
    features = pd.DataFrame({"nps": np.where(missing, np.nan, draw.normal(size=1000))})
    outcome = draw.random(1000) < np.where(missing, 0.4, 0.1)
    fitted, _ = problem(features, outcome).fit(np.ones(1000), 1.0)
    assert fitted.scale.indicated == (0,)
    assert expit(fitted.logit(np.array([[np.nan]])))[0] == pytest.approx(0.4, abs=0.05)


def test_columns_missing_together_share_one_indicator():
    features, outcome = drawn()
    features.loc[::3, ["use", "noise"]] = np.nan
    assert len(problem(features, outcome).scale.indicated) == 1


def test_a_constant_or_empty_column_takes_no_part():
    features, outcome = drawn()
    task = problem(features.assign(constant=3.0, empty=np.nan), outcome)
    assert set(task.scale.knots) == {2, 3}


def test_a_rare_flag_counts_as_two_deviations():
    values, scores = linear._ranks(np.r_[np.zeros(990), np.ones(10)], np.linspace(0.02, 0.98, 9))
    assert (values, scores) == ([0.0, 1.0], [0.0, 2.0])
    values, scores = linear._ranks(np.r_[np.zeros(10), np.ones(990)], np.linspace(0.02, 0.98, 9))
    assert (values, scores) == ([0.0, 1.0], [-2.0, 0.0])


def test_categories_have_an_effect_each_and_an_unseen_one_none():
    draw = np.random.default_rng(2)
    plan = draw.choice(["basic", "pro"], 1000)
    outcome = draw.random(1000) < np.where(plan == "basic", 0.4, 0.1)
    features = pd.DataFrame({"plan": plan})
    fitted, _ = problem(features, outcome).fit(np.ones(1000), 1.0)
    matrix = encode(features).matrix(pd.DataFrame({"plan": ["basic", "pro", "gold", None]}))
    basic, pro, gold, nothing = fitted.logit(matrix)
    assert basic > gold > pro
    assert gold == nothing == fitted.intercept


def test_a_familys_common_effect_reaches_each_of_its_columns():
    draw = np.random.default_rng(3)
    health = draw.normal(size=300)
    columns = {f"m{number}": health + 2 * draw.normal(size=300) for number in range(6)}
    columns |= {"bad": -health + 2 * draw.normal(size=300)}
    features = pd.DataFrame(columns)
    outcome = draw.random(300) < expit(-1 - health)
    signs = dict.fromkeys(columns, -1) | {"bad": 1}
    alone, _ = problem(features, outcome, signs=signs).fit(np.ones(300), 100.0)
    family, _ = problem(features, outcome, signs=signs, families={"use": list(columns)}).fit(
        np.ones(300), 100.0
    )
    assert np.abs(family.coefficients).sum() > 1.2 * np.abs(alone.coefficients).sum()
    assert family.coefficients[0] > 0 > max(family.coefficients[1:])


def test_a_common_effect_cannot_turn_a_bound_column():
    draw = np.random.default_rng(3)
    health = draw.normal(size=300)
    features = pd.DataFrame({f"m{n}": health + draw.normal(size=300) for n in range(6)})
    outcome = draw.random(300) < expit(-1 - health)
    signs = dict.fromkeys(features.columns, 1)
    against, _ = problem(features, outcome, signs=signs, families={"use": list(signs)}).fit(
        np.ones(300), 1.0
    )
    assert against.coefficients == (0.0,) * 6


def test_fits_of_one_problem_share_its_design_and_give_the_same_bits():
    features, outcome = drawn()
    asked = problem(features, outcome)
    matrix = encode(features).matrix(features)
    design = asked.scale.design(matrix)
    for penalty in (1.0, 100.0):
        fitted, _ = asked.fit(np.ones(800), penalty)
        assert (fitted.logit(matrix, design) == fitted.logit(matrix)).all()
        assert (fitted.logit(matrix, 2 * design) != fitted.logit(matrix)).any()
