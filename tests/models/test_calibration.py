"""Calibration mends level and slope, keeps the order, and knows how sure it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit, ndtri

from models import calibration
from models.calibration import Calibration, CalibrationSettings, cross_fitted, fit, permitted

KINDS = ["intercept", "platt", "beta"]


def drawn(rows=4000, level=0.7, slope=0.5, seed=0):
    """Logits that are off by a level and a slope, and outcomes."""
    draw = np.random.default_rng(seed)
    z = draw.normal(-1.5, 1.2, rows)
    return z, (draw.random(rows) < expit(level + slope * z)).astype(float), np.ones(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_after_calibration_the_mean_is_right(kind):
    z, outcome, weight = drawn()
    assert fit(kind, z, outcome, weight).probability(z).mean() == pytest.approx(
        outcome.mean(), abs=0.003
    )


def test_platt_finds_level_and_slope():
    level, slope = fit("platt", *drawn(20000)).parameters
    assert level == pytest.approx(0.7, abs=0.06)
    assert slope == pytest.approx(0.5, abs=0.04)


def test_what_is_calibrated_already_is_left_alone():
    z, outcome, weight = drawn(level=0.0, slope=1.0)
    for kind in KINDS:
        before, after = expit(z), fit(kind, z, outcome, weight).probability(z)
        assert np.abs(before - after).max() < 0.05


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("slope", [-1.0, 0.0, 2.0])
def test_the_order_is_never_turned(kind, slope):
    z, outcome, weight = drawn(slope=slope)
    grid = fit(kind, z, outcome, weight).probability(np.linspace(-6, 6, 50))
    assert (np.diff(grid) >= 0).all()


def test_a_handful_of_outcomes_moves_the_map_only_a_little():
    z, outcome, weight = np.array([-1.0, -1.0, 1.0]), np.array([0.0, 0.0, 1.0]), np.ones(3)
    level, slope = fit("platt", z, outcome, weight).parameters
    assert abs(level) < 0.5 and abs(slope - 1) < 0.5


def test_a_weight_is_a_number_of_rows():
    z, outcome, weight = drawn(300)
    weight[:100] = 3.0
    rows = np.r_[np.arange(300), np.arange(100), np.arange(100)]
    tripled = fit("beta", z[rows], outcome[rows], np.ones(500))
    assert fit("beta", z, outcome, weight).parameters == pytest.approx(tripled.parameters, abs=1e-4)


def test_the_base_rate_is_the_weighted_mean_whatever_the_score():
    z, outcome, weight = drawn(300)
    weight[:100] = 3.0
    p = fit("base rate", z, outcome, weight).probability(z)
    assert p == pytest.approx(np.full(300, np.average(outcome, weights=weight)))


def test_outcomes_of_one_kind_only_still_give_finite_numbers():
    z, _, weight = drawn(50)
    for kind in ["base rate", *KINDS]:
        found = fit(kind, z, np.zeros(50), weight)
        assert np.isfinite(found.covariance).all()
        assert (found.probability(z) < 0.5).all()


def test_the_interval_of_the_base_rate_is_the_binomial_one():
    outcome = np.repeat([1.0, 0.0], [40, 160])
    found = fit("base rate", np.zeros(200), outcome, np.ones(200))
    low, high = found.bounds(np.zeros(1), np.zeros(1), 0.95)
    error = 1 / np.sqrt(200 * 0.2 * 0.8)
    assert low[0] == pytest.approx(expit(np.log(0.25) - 1.96 * error), abs=1e-3)
    assert high[0] == pytest.approx(expit(np.log(0.25) + 1.96 * error), abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_doubtful_logit_widens_the_interval_by_the_maps_slope(kind):
    found = fit(kind, *drawn())
    z, step = np.array([-2.0, 0.0, 2.0]), 1e-5
    slope = (found.logit(z + step) - found.logit(z - step)) / (2 * step)
    assert found._slope(z) == pytest.approx(slope, abs=1e-6)
    sure, doubtful = (found.bounds(z, np.full(3, d), 0.8) for d in (0.0, 1.0))
    assert (doubtful[1] - doubtful[0] > sure[1] - sure[0]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_logit_does_not_know_widens_the_interval_whatever_the_slope(kind):
    found = fit(kind, *drawn())
    z = np.array([-2.0, 0.0, 2.0])
    known, unknown = (found.bounds(z, np.zeros(3), 0.8, unlearnt) for unlearnt in (0.0, 1.0))
    assert (logit(unknown[1]) - found.logit(z) > ndtri(0.9)).all()
    assert (logit(unknown[1]) - logit(unknown[0]) > logit(known[1]) - logit(known[0])).all()


def test_cross_fitting_never_judges_a_row_by_a_map_that_saw_it():
    z, outcome, weight = drawn(200)
    groups = np.arange(200) % 4
    p = cross_fitted("platt", z, outcome, weight, groups)
    flipped = np.where(groups == 2, 1 - outcome, outcome)
    other = cross_fitted("platt", z, flipped, weight, groups)
    assert (p[groups == 2] == other[groups == 2]).all()
    assert (p[groups != 2] != other[groups != 2]).all()


def test_the_size_of_the_data_says_which_maps_may_be_used():
    settings = CalibrationSettings(platt_from=50, beta_from=300)
    assert permitted(49, settings) == ["base rate", "intercept"]
    assert permitted(50, settings)[-1] == "platt"
    assert permitted(300, settings)[-1] == "beta"
    assert set(permitted(1e6, settings)) == set(calibration.BASES)


def test_an_empty_array_stays_empty():
    assert Calibration("platt", (0.0, 1.0), ((0.0, 0.0), (0.0, 0.0))).probability(
        np.empty(0)
    ).shape == (0,)
