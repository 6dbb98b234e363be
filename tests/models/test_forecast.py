"""The number of losses to expect: chance, and the doubt in the probabilities."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import binom

from models import forecast
from tests.models.fitted import blend
from tests.models.panel import panel


def test_equal_chances_give_the_binomial():
    chance = forecast.poisson_binomial(np.full(37, 0.2))
    assert np.allclose(chance, binom.pmf(np.arange(38), 37, 0.2), atol=1e-12)


def test_unequal_chances_have_their_own_mean_and_variance():
    p = np.random.default_rng(1).random(501)
    chance, numbers = forecast.poisson_binomial(p), np.arange(502)
    mean = chance @ numbers
    assert np.isclose(chance.sum(), 1)
    assert np.isclose(mean, p.sum())
    assert np.isclose(chance @ (numbers - mean) ** 2, (p * (1 - p)).sum())


def test_a_common_doubt_widens_the_interval_and_keeps_the_middle():
    p = np.full(200, 0.15)
    sure, unsure = (forecast.chances(p, shift) for shift in (0.0, 0.4))
    (low, high), (lower, higher) = forecast.ends(sure, 0.8), forecast.ends(unsure, 0.8)
    assert lower < low <= 30 <= high < higher


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_the_interval_holds_its_level_on_average_over_many_chances(level):
    draw = np.random.default_rng(2)
    held = []
    for _ in range(60):
        p = draw.uniform(0.02, 0.4, 25)
        chance = forecast.poisson_binomial(p)
        low, high = forecast.ends(chance, level)
        held.append(chance[low : high + 1].sum())
    assert abs(np.mean(held) - level) < 0.03


def test_the_losses_of_a_model_are_expected_as_its_probabilities_add_up():
    rows = panel(120, mornings=1, seed=5).features
    found = forecast.losses(blend(), rows)
    assert found.expected == pytest.approx(blend().predict(rows).sum())
    assert found.low <= found.expected <= found.high


def test_resampled_fits_that_disagree_widen_the_interval_of_the_sum():
    rows = panel(400, mornings=1, seed=5).features
    agreed = dataclasses.replace(blend(), resampled=())
    assert agreed.sum_deviation(rows) < blend().sum_deviation(rows)


def test_without_a_renewal_there_is_no_loss():
    empty = panel(5, mornings=1).features.iloc[:0]
    assert forecast.losses(blend(), empty) == forecast.Losses(0.0, 0, 0)
