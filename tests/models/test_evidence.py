"""The limits of the gate follow the lead, and rows stand in their lead bands."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from models.evidence import arrange
from tests.models.gated import LEADS, SETTINGS


def test_the_further_off_the_less_an_honest_column_may_tell():
    assert SETTINGS.most_auc(0) == pytest.approx(SETTINGS.auc)
    assert SETTINGS.most_odds(0) == pytest.approx(SETTINGS.odds)
    assert 0.79 < SETTINGS.most_auc(91) < SETTINGS.most_auc(31) < SETTINGS.auc - 0.03
    assert SETTINGS.most_odds(210) == pytest.approx(SETTINGS.odds ** (1 / math.e))


def test_a_row_stands_in_its_lead_band_and_without_a_decision_in_the_last():
    days = [0, 30, 31, 60, 90, 91, 400, None]
    rows = pd.DataFrame(
        {
            "account_id": list("abcdefgh"),
            "as_of": pd.Timestamp("2025-01-01"),
            "outcome": [True, False] * 4,
            "weight": 1.0,
            "days_to_due": days,
        }
    )
    index = pd.MultiIndex.from_frame(rows[["account_id", "as_of"]])
    told = arrange(pd.DataFrame({"x": range(8)}, index=index), rows, LEADS)
    assert told.band.tolist() == [0, 0, 1, 1, 2, 3, 3, 3]
