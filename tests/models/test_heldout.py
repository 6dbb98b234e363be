"""The held-out mornings come after everything that could be learnt."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from models.heldout import HeldoutSettings, NothingHeldOut, heldout
from models.target import Target

CHURN = Target(
    name="churn", eligible="due", outcome="lost", horizon=90, growth=None, given=None, monotone=True
)
FIRSTS = [day.date() for day in pd.date_range("2024-01-01", "2025-01-01", freq="MS")]


def held(count, grace=30, delay=0):
    return heldout(
        FIRSTS, CHURN, HeldoutSettings(mornings=count), until=FIRSTS[-1], grace=grace, delay=delay
    )


def test_only_settled_mornings_are_held_out():
    last = held(2)[-1]
    assert last == date(2024, 9, 1)
    assert (FIRSTS[-1] - last).days >= 120
    assert held(2, delay=3)[-1] == date(2024, 8, 1)


def test_a_shift_of_the_grace_shifts_what_is_settled():
    assert held(2, grace=62)[-1] == date(2024, 8, 1)


def test_if_nothing_was_settled_before_the_cutoff_that_is_said():
    with pytest.raises(NothingHeldOut, match="lower heldout.mornings"):
        held(9)
