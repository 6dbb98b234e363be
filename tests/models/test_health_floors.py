"""A floor is met, missed by so much, or cannot be measured; and the data can tell, or cannot."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from models.health_floors import Limit, TrialSettings, judged


def one(value: float, low: float, high: float, **limit: float) -> pd.Series:
    figures = pd.DataFrame(
        {"figure": ["green_share"], "value": [value], "low": [low], "high": [high]}
    )
    return judged(figures, {"green_share": Limit(**limit)}).iloc[0]


@pytest.mark.parametrize(
    ("value", "low", "high", "limit", "met", "short", "sure"),
    [
        (0.5, 0.4, 0.6, {"at_least": 0.3}, True, 0.0, True),
        (0.5, 0.4, 0.6, {"at_least": 0.5}, True, 0.0, False),
        (0.5, 0.4, 0.6, {"at_least": 0.55}, False, 0.05, False),
        (0.5, 0.4, 0.6, {"at_least": 0.7}, False, 0.2, True),
        (0.5, 0.4, 0.6, {"at_most": 0.7}, True, 0.0, True),
        (0.5, 0.4, 0.6, {"at_most": 0.5}, True, 0.0, False),
        (0.5, 0.4, 0.6, {"at_most": 0.3}, False, 0.2, True),
        (0.5, np.nan, np.nan, {"at_most": 0.3}, False, 0.2, False),
    ],
)
def test_a_figure_is_held_against_its_limit_and_its_interval_says_whether_that_is_sure(
    value, low, high, limit, met, short, sure
):
    found = one(value, low, high, **limit)
    assert (bool(found["met"]), bool(found["sure"])) == (met, sure)
    assert found["short"] == pytest.approx(short)
    assert ("cannot tell" in found["text"]) == (not sure)


def test_what_cannot_be_measured_is_not_met():
    found = one(np.nan, np.nan, np.nan, at_least=0.3)
    assert not found["met"]
    assert np.isnan(found["short"])
    assert "cannot be measured" in found["text"]


def test_both_limits_of_a_figure_are_two_rows():
    figures = pd.DataFrame({"figure": ["green_share"], "value": [0.95], "low": 0.9, "high": 1.0})
    found = judged(figures, {"green_share": Limit(at_least=0.3, at_most=0.9)})
    assert found["met"].tolist() == [True, False]


@pytest.mark.parametrize(
    "block",
    [
        {"lead": [60, 91], "floors": {"green_share": {}}},
        {"lead": [60, 91], "floors": {"orange_share": {"at_least": 0.1}}},
        {"lead": [91, 60], "floors": {"green_share": {"at_least": 0.1}}},
        {"lead": [-1, 60], "floors": {"green_share": {"at_least": 0.1}}},
        {"lead": [60, 91], "floors": {}},
        {"lead": [60, 91], "floors": {"green_share": {"at_least": 0.1, "under": 1}}},
    ],
)
def test_a_block_that_makes_no_sense_is_refused(block):
    with pytest.raises(ValidationError):
        TrialSettings(**block)
