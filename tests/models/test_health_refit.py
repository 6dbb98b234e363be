"""Weights learnt from what happened find the dimension that matters, and never turn one round."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.health import HealthScore
from models.health_profile import HealthSettings
from models.health_refit import RefittedHealth
from models.metrics import NotSettled, OneClass, auc
from tests.models.test_health import NUMBERS
from tests.models.test_health_profile import CONFIGURED

HEALTH = HealthScore(HealthSettings(**CONFIGURED))


def company(seed: int, matters: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """500 customers; low activity raises the odds of leaving by `matters`, tickets do nothing."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"a{i:03d}" for i in range(500)], [pd.Timestamp("2025-03-01")]],
        names=["account_id", "as_of"],
    )
    features = pd.DataFrame(rng.uniform(0, 20, (500, len(NUMBERS))), index=index, columns=NUMBERS)
    features = features.assign(
        tenure_days=400.0, events_91d=9.0, oldest_urgent=0.0, segment=None, trend=np.nan,
        open_tickets=features["open_tickets"] / 4,
    )  # fmt: skip
    low = 1 - features["active_days_28d"] / 20
    odds = np.exp(matters * (low.to_numpy() - 0.5) - 1.5)
    left = rng.random(500) < odds / (1 + odds)
    labels = index.to_frame(index=False).assign(outcome=left, weight=1.0)
    return features, labels


def test_the_dimension_that_drives_churn_gets_nearly_all_the_weight():
    features, labels = company(1, matters=6)
    refitted = RefittedHealth.fit(HEALTH, features, labels)
    assert refitted.weights["frequency"] > 0.8
    assert sum(refitted.weights.values()) == pytest.approx(1)
    new, old = refitted.score(features), HEALTH.score(features)
    assert auc(new, labels["outcome"]) > auc(old, labels["outcome"]) + 0.02


def test_a_dimension_that_would_need_a_negative_weight_gets_none():
    features, labels = company(2, matters=-6)
    assert RefittedHealth.fit(HEALTH, features, labels).weights["frequency"] == 0


def test_unknown_health_is_neither_learnt_from_nor_scored():
    features, labels = company(3, matters=6)
    young = features["tenure_days"].mask(labels["outcome"].to_numpy(), 5.0)
    scored = RefittedHealth.fit(HEALTH, features, labels).score(features.assign(tenure_days=young))
    assert scored.isna().to_numpy().tolist() == labels["outcome"].tolist()
    with pytest.raises(OneClass, match="one outcome"):
        RefittedHealth.fit(HEALTH, features.assign(tenure_days=young), labels)


def test_a_row_without_an_outcome_is_refused():
    features, labels = company(4, matters=6)
    open_ = labels.assign(outcome=labels["outcome"].astype("boolean").where(labels.index > 2))
    with pytest.raises(NotSettled, match="3 rows have no outcome"):
        RefittedHealth.fit(HEALTH, features, open_)
