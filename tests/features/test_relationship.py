from __future__ import annotations

import pandas as pd
import pytest

from tests.features.worked import morning
from tests.worlds import table

TOUCHPOINTS = table("""
    touchpoint_id  account_id  occurred_at  kind    planned_for
    p1             acme        2025-03-20   call    2025-03-13   <- 7 days late: still in time
    p2             acme        2025-02-20   review  2025-02-12   <- 8 days late
    p3             acme        2025-02-10   review  2025-02-20   <- early
    p4             acme        2025-01-10   mail    -
    p5             acme        2025-04-01   call    2025-04-01   <- the future
    p6             bolt        2024-01-10   mail    -
""")


@pytest.fixture(scope="module")
def on_april_first() -> pd.DataFrame:
    return morning("2025-04-01", touchpoints=TOUCHPOINTS)


def test_touchpoints_are_counted_and_dated(on_april_first):
    acme, bolt = on_april_first.loc["acme"], on_april_first.loc["bolt"]
    assert acme["touchpoints_28d"] == 1 and acme["touchpoints_91d"] == 4
    assert acme["days_since_touchpoint"] == 12
    assert bolt["touchpoints_91d"] == 0 and bolt["days_since_touchpoint"] == 447


def test_a_planned_touchpoint_is_late_after_a_week(on_april_first):
    assert on_april_first["planned_touchpoints_182d"].tolist() == [3, 0]
    assert on_april_first["late_touchpoints_182d"].tolist() == [1, 0]


def test_without_a_plan_column_planned_touchpoints_are_unknown():
    frame = morning("2025-04-01", touchpoints=TOUCHPOINTS.drop(columns=["planned_for"]))
    assert frame[["planned_touchpoints_182d", "late_touchpoints_182d"]].isna().all(axis=None)
    assert frame.loc["acme", "touchpoints_28d"] == 1
