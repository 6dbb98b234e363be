from __future__ import annotations

import pandas as pd
import pytest

from tests.features.worked import morning
from tests.worlds import table

USAGE = table("""
    account_id  occurred_at  feature  user_id  count
    acme        2025-03-31   reports  ann      6
    acme        2025-03-30   billing  ann      2
    acme        2025-03-30   search   bob      2
    acme        2025-02-10   exports  bob      9   <- age 50: dropped
    acme        2024-11-01   reports  bob      9   <- age 151: reports are not new
    bolt        2025-03-30   search   eve      5
    bolt        2024-11-01   search   eve      5
    zinc        2024-11-01   search   zoe      5
""")
CATALOGUE = table("""
    feature  is_key
    reports  true
    billing  true
    exports  true
    audits   true
    search   false
""")


@pytest.fixture(scope="module")
def on_april_first() -> pd.DataFrame:
    return morning("2025-04-01", usage=USAGE, product_features=CATALOGUE)


def test_features_and_key_features_are_counted(on_april_first):
    acme = on_april_first.loc["acme"]
    assert acme["features_used_28d"] == 3 and acme["features_used_91d"] == 4
    assert acme["key_features_used_28d"] == 2 and acme["key_features_used_91d"] == 3


def test_the_key_share_is_of_the_catalogue(on_april_first):
    assert on_april_first["key_feature_share_28d"].to_dict() == {"acme": 0.5, "bolt": 0, "zinc": 0}


def test_without_a_catalogue_every_feature_is_key():
    frame = morning("2025-04-01", usage=USAGE)
    assert (frame["key_features_used_28d"] == frame["features_used_28d"]).all()
    assert frame.loc["acme", "key_feature_share_28d"] == 3 / 4, "exports are known too"


def test_intensity_is_missing_without_anyone(on_april_first):
    assert on_april_first["events_per_user_28d"].to_dict() == pytest.approx(
        {"acme": 5, "bolt": 5, "zinc": float("nan")}, nan_ok=True
    )
    assert on_april_first.loc["acme", "events_per_active_day_28d"] == 5


def test_evenness_is_the_chance_that_two_events_differ(on_april_first):
    even = on_april_first["feature_evenness_28d"]
    assert even["acme"] == pytest.approx(1 - 0.6**2 - 0.2**2 - 0.2**2)
    assert even["bolt"] == 0 and pd.isna(even["zinc"])


def test_features_are_adopted_and_dropped(on_april_first):
    acme = on_april_first.loc["acme"]
    assert acme["adopted_features_28d"] == 2, "billing and search; reports were used before"
    assert acme["dropped_features_28d"] == 1, "exports"
    assert on_april_first.loc["bolt", "adopted_features_28d"] == 0
