"""Pushes add up to the logit, and have a sign only where the fits agree on it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from models.blend import Member
from models.pushes import Pushes, pushes
from tests.models.fitted import blend
from tests.models.panel import panel


def fits(*values):
    """One row and one column under so many fits."""
    return np.array(values, dtype=float).reshape(-1, 1, 1)


def test_they_add_up_to_the_logit_of_the_served_model():
    features = panel(40, 1, seed=5).features
    found = pushes(blend(), features)
    assert found.seeds.shape == (2, 40, 6) and found.resampled.shape == (3, 40, 6)
    total = found.base + found.mean.sum(axis=1)
    assert np.abs(total - blend().logit(features)).max() < 1e-9


@pytest.mark.parametrize(
    ("seeds", "resampled", "sign"),
    [
        ([1, 2], [1, 1, 1, 1], 1),
        ([-1, -2], [-1, -1, -1, -1], -1),
        ([1, 2], [1, 1, 1, -1], 1),
        ([1, 2], [1, 1, -1, -1], 0),
        ([-1, -2], [-1, -1, 1, 1], 0),
        ([-1, -2], [1, 1, 1, 1], 0),
        ([1, -0.01], [1, 1, 1, 1], 0),
        ([1, 0], [1, 1, 1, 1], 0),
        ([1, 2], [], 1),
    ],
)
def test_a_sign_needs_every_seed_and_three_quarters_of_the_resampled_fits(seeds, resampled, sign):
    assert Pushes(fits(*seeds), fits(*resampled), 0.0).sign.item() == sign


def test_groups_are_summed_under_each_fit_and_an_empty_one_is_zero():
    found = pushes(blend(), panel(10, 1, seed=5).features)
    grouped = found.of([[0, 2], [], [1, 3, 4, 5]])
    assert np.allclose(grouped.mean[:, 0], found.mean[:, [0, 2]].sum(axis=1))
    assert (grouped.resampled[:, :, 1] == 0).all()
    assert np.allclose(grouped.mean.sum(axis=1), found.mean.sum(axis=1))


def test_a_model_without_fits_pushes_nothing():
    silent = dataclasses.replace(blend(), served=Member((), None), trees=0.0, resampled=())
    found = pushes(silent, panel(10, 1, seed=5).features)
    assert (found.mean == 0).all() and (found.sign == 0).all() and found.base == 0
