"""When what was learnt is kept: by the gain out-of-fold, and by what the declared signs tell."""

from __future__ import annotations

import math

import pytest

from tests.models.panel import SETTINGS

RUNGS = SETTINGS.rungs.model_copy(update={"least_gain_errors": 0.0, "least_evidence": 2.0})


@pytest.mark.parametrize(
    ("gain", "declared", "kept"),
    [
        (0.004, None, True),  # no sign binds: any gain is enough
        (-0.001, None, False),
        (-0.002, 3.5, True),  # a small loss, but the signs alone tell the outcomes
        (-0.010, 3.5, False),  # what was learnt is far worse than the base rate
        (0.004, 0.3, False),  # a gain of luck: the signs say nothing
        (0.012, -2.5, True),  # clear by itself, whatever the signs say
    ],
)
def test_gain_and_declared_signs_are_weighed_together(gain, declared, kept):
    assert RUNGS.tells(gain, 0.005, declared) is kept


@pytest.mark.parametrize("declared", [None, -9.0])
@pytest.mark.parametrize("error", [0.0, 0.005])
def test_a_ladder_told_never_to_abstain_never_does(declared, error):
    never = {"least_gain_errors": -math.inf, "least_evidence": -math.inf}
    assert RUNGS.model_copy(update=never).tells(-1.0, error, declared)


def test_a_loss_on_later_mornings_within_its_error_is_no_refutation():
    assert RUNGS.holds(0.01, 0.005) and RUNGS.holds(-0.004, 0.005)
    assert not RUNGS.holds(-0.006, 0.005)
    never = RUNGS.model_copy(update={"least_gain_errors": -math.inf})
    assert never.holds(-0.006, 0.005)


def test_nothing_gained_and_nothing_declared_is_nothing_known():
    assert not RUNGS.tells(0.0, 0.0, None)
    assert not RUNGS.tells(0.0, 0.0, 4.0)
