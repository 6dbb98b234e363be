"""What the declared signs alone tell of the outcomes, before anything is fitted."""

from __future__ import annotations

import numpy as np
import pytest

from models.rows import training_rows
from tests.models.panel import FAMILIES, SIGNS, panel


def told(world, signs=SIGNS, monotone=True, families=FAMILIES):
    return training_rows(world.features, world.labels, monotone, signs, families).declared()


def test_declared_signs_agree_with_outcomes_that_they_drive():
    assert told(panel(150)) > 5


def test_in_pure_noise_the_agreement_is_a_normal_deviate():
    # accounts stand or fall together: eight mornings of one account are not eight accounts
    found = np.array([told(panel(80, seed=seed, signal=0)) for seed in range(60)])
    assert abs(found.mean()) < 0.4
    assert 0.75 < found.std() < 1.25


def test_signs_turned_round_disagree_as_much_as_they_agreed():
    world = panel(150)
    assert told(world, {name: -sign for name, sign in SIGNS.items()}) == pytest.approx(-told(world))


def test_without_binding_signs_nothing_is_declared():
    world = panel(60)
    assert told(world, monotone=False) is None
    assert told(world, {}) is None
    assert told(world, families={"commercial": ["arr"]}) is None


def test_the_order_of_rows_and_a_column_without_a_sign_change_nothing():
    world = panel(60)
    other = panel(60)
    other.features.insert(0, "anything", np.arange(len(other.features)))
    shuffled = other.labels.sample(frac=1, random_state=1)
    other = type(other)(other.features.sample(frac=1, random_state=2), shuffled, other.truth)
    assert told(other) == told(world)
