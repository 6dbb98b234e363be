"""Two configurations side by side: who moves, what moved them, and who would have been right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.health_diff import BandsDiffer, diff
from models.health_profile import HealthSettings
from models.metrics import NotSettled
from tests.models.test_health_profile import changed
from tests.models.test_health_trial import DRAWING, HEALTH, world

HEAVY_SUPPORT = HealthSettings(**changed("dimensions/support/weight", 3.0))


def company(active_matters: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """600 accounts; who leaves is decided by low activity, or else by open tickets."""
    rng = np.random.default_rng(4)
    features, labels = world(("SMB", "green", 600, 0, 1000.0))
    active, tickets = rng.uniform(0, 20, 600), rng.uniform(0, 5, 600)
    features = features.assign(active_days_28d=active, trend=active / 10, open_tickets=tickets)
    bad = 1 - active / 20 if active_matters else tickets / 5
    return features, labels.assign(outcome=rng.random(600) < 0.5 * bad**2)


@pytest.mark.parametrize(("active_matters", "verdict"), [(True, "worse"), (False, "better")])
def test_the_configuration_that_weighs_what_drives_churn_would_have_been_right(
    active_matters, verdict
):
    features, labels = company(active_matters)
    found = diff(HEALTH, HEAVY_SUPPORT, features, features, labels, DRAWING, share=0.2)
    back = diff(HEAVY_SUPPORT, HEALTH, features, features, labels, DRAWING, share=0.2)
    assert found.verdict == verdict
    assert {found.verdict, back.verdict} == {"better", "worse"}
    past = found.past.set_index("move")
    down_churns_more = past.loc["down", "churn"] > past.loc["up", "churn"]
    assert down_churns_more == (verdict == "better")
    assert (past["churn_low"].dropna() <= past["churn"].dropna()).all()


def test_the_same_configuration_moves_nobody_and_cannot_tell():
    features, labels = company(active_matters=True)
    found = diff(HEALTH, HEALTH, features, features, labels, DRAWING, share=0.2)
    assert found.changed.empty
    assert found.verdict == "cannot tell"
    assert found.past.set_index("move")["accounts"].to_dict() == {
        "down": 0, "up": 0, "same": 600, "unknown": 0,
    }  # fmt: skip
    assert found.bands["old_band"].equals(found.bands["new_band"])


def test_what_moved_a_score_is_named_and_adds_up_to_the_change():
    features, labels = world(("SMB", "green", 2, 1, 1.0))
    today = features.iloc[:1].assign(open_tickets=2.5)  # activity gives 100 points, support 50
    row = diff(HEALTH, HEAVY_SUPPORT, today, features, labels, DRAWING, share=0.5).changed.iloc[0]
    assert (row["old_score"], row["new_score"]) == pytest.approx((80, 100 / 6 + 50 * 5 / 6))
    assert (row["old_band"], row["new_band"], row["move"]) == ("green", "yellow", "down")
    # weight · (points − 80): support (.833 − .4) · −30, activity and trend (.167 − .6) · 20
    assert [row[f"reason_{at}"] for at in (1, 2, 3)] == [
        "support, open_tickets: -13.0 (50 points at 40% of the score, now 50 points at 83% of the "
        "score)",
        "frequency, active_days_28d: -6.5 (100 points at 45% of the score, now 100 points at 12% "
        "of the score)",
        "frequency, trend: -2.2 (100 points at 15% of the score, now 100 points at 4% of the "
        "score)",
    ]
    assert row["new_score"] - row["old_score"] == pytest.approx(-13 - 6.5 - 13 / 6)


def test_a_score_that_moves_by_a_cap_says_the_cap():
    features, labels = world(("SMB", "green", 2, 1, 1.0))
    today = features.iloc[:1].assign(oldest_urgent=30.0)
    loose = HealthSettings(**changed("overrides/0/cap", 60))
    row = diff(HEALTH, loose, today, features, labels, DRAWING, share=0.5).changed.iloc[0]
    assert (row["old_band"], row["new_band"], row["move"]) == ("red", "yellow", "up")
    assert row["reason_1"] == "override, oldest_urgent: +21.0 (a cap of 39, now a cap of 60)"


def test_a_band_won_or_lost_is_neither_up_nor_down():
    features, labels = world(("SMB", "unknown", 4, 1, 1.0), ("SMB", "green", 6, 2, 1.0))
    early = HealthSettings(**changed("onboarding_days", 5))
    found = diff(HEALTH, early, features, features, labels, DRAWING, share=0.5)
    assert found.past.set_index("move")["accounts"].to_dict() == {
        "down": 0, "up": 0, "same": 6, "unknown": 4,
    }  # fmt: skip
    assert found.changed["move"].tolist() == ["unknown"] * 4
    same = diff(HEALTH, HEALTH, features, features, labels, DRAWING, share=0.5)
    assert same.past.set_index("move").loc["same", "accounts"] == 10  # unknown in both: not moved


def test_neither_row_order_nor_names_move_a_figure():
    features, labels = company(active_matters=True)
    names = {name: f"z{9999 - i}" for i, name in enumerate(labels["account_id"])}
    renamed = features.rename(index=names, level="account_id").sample(frac=1, random_state=1)
    other = labels.assign(account_id=labels["account_id"].map(names)).sample(frac=1, random_state=2)
    one = diff(HEALTH, HEAVY_SUPPORT, features, features, labels, DRAWING, share=0.2)
    two = diff(HEALTH, HEAVY_SUPPORT, renamed, renamed, other, DRAWING, share=0.2)
    pd.testing.assert_frame_equal(one.past, two.past)
    assert (one.verdict, one.reason) == (two.verdict, two.reason)


def test_bands_of_other_names_and_unsettled_rows_are_refused():
    features, labels = company(active_matters=True)
    other = HealthSettings(**changed("bands/0/name", "critical"))
    with pytest.raises(BandsDiffer, match="critical"):
        diff(HEALTH, other, features, features, labels, DRAWING, share=0.2)
    waiting = labels.assign(outcome=labels["outcome"].astype("boolean").mask(labels.index == 3))
    with pytest.raises(NotSettled):
        diff(HEALTH, HEALTH, features, features, waiting, DRAWING, share=0.2)
