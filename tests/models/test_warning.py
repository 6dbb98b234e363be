"""The early warning on months that one can count by eye."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from models.warning import BLOCKS, EarlyWarning, WarningSettings
from tests.worlds import table

SETTINGS = {"months": 2, "min_active_days": 4, "segments": {"Enterprise": 8}}
WARNING = EarlyWarning(WarningSettings(**SETTINGS))

MONTHS = table("""
    account_id segment    tenure_days b1 b2 b3 b4 b5 b6 streak warned
    acme       -          400         0  3  5  0  0  0  2      yes
    bolt       -          400         3  4  0  0  0  0  1      no      <- 4 is the standard itself
    core       -          400         9  0  0  0  0  0  0      no
    dash       -          400         0  0  0  0  0  0  6      yes
    echo       enterprise 400         7  7  8  0  0  0  2      yes
    fizz       SMB        400         7  7  8  0  0  0  0      no
    gale       -          55          0  0  0  0  0  0  -      -       <- one whole month observed
    hive       -          56          0  0  0  0  0  0  2      yes     <- two, and no further
    iris       -          400         -  0  0  0  0  0  -      -       <- an outage
    jade       -          400         0  0  -  0  0  0  2      yes
    kite       -          -           0  0  0  0  0  0  -      -
""")


def features() -> pd.DataFrame:
    months = MONTHS[[f"b{i}" for i in range(1, 7)]].astype(float).set_axis(BLOCKS, axis=1)
    index = pd.MultiIndex.from_arrays(
        [MONTHS["account_id"], [pd.Timestamp("2025-03-01")] * len(MONTHS)],
        names=["account_id", "as_of"],
    )
    rest = {"segment": MONTHS["segment"], "tenure_days": MONTHS["tenure_days"].astype(float)}
    return months.assign(**rest).set_axis(index)


@pytest.mark.parametrize("account", MONTHS["account_id"])
def test_a_streak_counts_the_months_below_the_standard_from_the_newest_on(account):
    expected = MONTHS.set_index("account_id").loc[account]
    streak = WARNING.score(features()).xs(account, level="account_id").item()
    warned = WARNING.assess(features()).xs(account, level="account_id").item()
    if expected["streak"] is None:
        assert np.isnan(streak)
        assert warned is pd.NA
    else:
        assert (streak, warned) == (float(expected["streak"]), expected["warned"] == "yes")


def test_more_months_asked_for_means_fewer_warnings_and_more_unknown():
    strict = EarlyWarning(WarningSettings(**(SETTINGS | {"months": 6})))
    assert strict.assess(features()).sum() == 1
    assert strict.assess(features()).isna().sum() > WARNING.assess(features()).isna().sum()


@pytest.mark.parametrize(
    ("leaf", "value"), [("months", 0), ("months", 7), ("min_active_days", 0), ("standard", 4)]
)
def test_settings_that_make_no_sense_are_refused(leaf, value):
    with pytest.raises(ValidationError):
        WarningSettings(**(SETTINGS | {leaf: value}))
