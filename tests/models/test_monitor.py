"""Expected against realised: an alarm when performance has moved, and seldom when it has not."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from models import metrics, monitor

RETRAIN = {"on_alarm": True, "positives": 0.25, "days": 180}
SETTINGS = monitor.MonitorSettings(
    every="quarter", periods=8, draws=600, seed=1, alarm=0.05, ordinary=0.2, retrain=RETRAIN
)
CALM = SETTINGS.model_copy(update={"ordinary": 0.0})


def cases(
    seed: int,
    periods: int = 6,
    size: int = 150,
    *,
    rough: float = 0.0,
    shift: float = 0.0,
    blind: bool = False,
    since: int = 0,
) -> pd.DataFrame:
    """From period `since` on, the log-odds are `shift` too low, or the ranking is `blind`."""
    draw = np.random.default_rng(seed)
    parts = []
    for number in range(periods):
        p = expit(draw.normal(-1.5, 1.2, size))
        worse = number >= since
        true = expit(logit(p) + draw.normal(0, rough) + (shift if worse else 0.0))
        if blind and worse:
            true = draw.permutation(true)
        parts.append(
            pd.DataFrame(
                {
                    "period": f"2024Q{number}",
                    "account_id": [f"a{i}" for i in range(size)],
                    "probability": p,
                    "churned": pd.array(draw.random(size) < true, dtype="boolean"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_what_is_expected_follows_from_the_probabilities_alone():
    rows = cases(1, periods=1, size=2_000)
    p = rows["probability"].to_numpy()
    row = monitor.performance(rows, CALM, 0.0).periods.iloc[0]
    entropy = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    assert row["expected_log_loss"] == pytest.approx(entropy.mean(), rel=0.01)
    assert row["expected_churned"] == pytest.approx(p.sum(), rel=0.01)
    spread = np.sqrt((p * (1 - p) * logit(p) ** 2).sum()) / len(p)
    width = row["expected_log_loss_high"] - row["expected_log_loss_low"]
    assert width == pytest.approx(2 * 1.96 * spread, rel=0.12)
    y = rows["churned"].astype(bool)
    assert row["auc"] == pytest.approx(metrics.auc(p, y))
    assert row["log_loss"] == pytest.approx(metrics.log_loss(p, y))


def test_a_model_that_is_right_seldom_raises_an_alarm():
    """Ordinary ups and downs of the periods included: at most the level asked for."""
    raised = [
        monitor.performance(cases(seed, rough=0.2, size=120), SETTINGS, 0.0).alarm.raised
        for seed in range(80)
    ]
    assert np.mean(raised) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 80)


@pytest.mark.parametrize(
    ("worse", "signals"),
    [
        ({"shift": 1.0}, {"more", "log_loss"}),
        ({"shift": -1.2}, {"fewer"}),
        ({"blind": True}, {"auc", "log_loss"}),
    ],
)
def test_a_model_that_became_worse_raises_one_and_says_since_when(worse, signals):
    found = [
        monitor.performance(cases(seed, since=3, size=300, **worse), SETTINGS, 0.1).alarm
        for seed in range(8)
    ]
    assert sum(alarm.raised for alarm in found) >= 7
    assert {alarm.signal for alarm in found if alarm.raised} <= signals
    since = [alarm.since for alarm in found if alarm.raised]
    assert since.count("2024Q3") >= 5
    assert "since 2024Q3" in next(a.reason for a in found if a.since == "2024Q3")


def test_a_model_that_does_better_than_it_says_raises_none():
    rows = cases(9, periods=4, size=400)
    z = logit(rows["probability"].to_numpy())
    draw = np.random.default_rng(9).random(len(rows))
    rows["churned"] = pd.array(draw < expit(2.2 * z + 0.75), dtype="boolean")
    found = monitor.performance(rows, SETTINGS, 0.1)
    assert (found.periods["auc"] > found.periods["expected_auc_high"]).any()
    assert found.periods["p_churned"].gt(0.05).all()
    assert not found.alarm.raised


def test_what_the_levels_error_explains_is_no_alarm():
    rows = cases(3, shift=0.5, size=300)
    assert monitor.performance(rows, CALM, 0.0).alarm.raised
    assert not monitor.performance(rows, CALM, 0.5).alarm.raised


def test_a_period_is_judged_when_all_of_it_is_settled():
    rows = cases(4, periods=2)
    rows.loc[rows.index[-1], "churned"] = pd.NA
    found = monitor.performance(rows, SETTINGS, 0.0)
    assert found.periods["judged"].tolist() == [True, False]
    assert found.periods["open"].tolist() == [0, 1]
    assert np.isnan(found.periods["log_loss"].iloc[1])
    assert found.periods["expected_log_loss"].notna().all()


def test_before_anything_is_settled_there_is_no_alarm():
    rows = cases(5, periods=2).assign(churned=pd.array([pd.NA] * 300, dtype="boolean"))
    alarm = monitor.performance(rows, SETTINGS, 0.0).alarm
    assert (alarm.raised, alarm.p) == (False, None)
    nobody = monitor.performance(rows.iloc[:0], SETTINGS, 0.0)
    assert nobody.periods.empty and not nobody.alarm.raised


def test_a_period_without_a_loss_has_no_auc_and_still_counts():
    rows = cases(6, periods=1, size=40).assign(churned=pd.array([False] * 40, dtype="boolean"))
    row = monitor.performance(rows, SETTINGS, 0.0).periods.iloc[0]
    assert np.isnan(row["auc"]) and np.isnan(row["p_auc"])
    assert row["churned"] == 0 and 0 < row["p_churned"] < 0.05


def test_only_the_last_periods_are_watched():
    rows = cases(7, periods=6, size=200)
    found = monitor.performance(rows, SETTINGS.model_copy(update={"periods": 4}), 0.0)
    assert found.periods["period"].tolist() == [f"2024Q{of}" for of in (2, 3, 4, 5)]


def test_neither_names_nor_the_order_of_rows_count():
    rows = cases(8)
    other = rows.sample(frac=1, random_state=1).assign(account_id="z")
    one, two = (monitor.performance(of, SETTINGS, 0.1) for of in (rows, other))
    pd.testing.assert_frame_equal(one.periods, two.periods)
    assert one.alarm == two.alarm


QUIET = monitor.Alarm(False, 0.5, None, None, "every period is as the model expects")
LOUD = monitor.Alarm(True, 0.01, "auc", "2025Q1", "the AUC is lower")


@pytest.mark.parametrize(
    ("alarm", "today", "new", "reasons"),
    [
        (QUIET, date(2025, 6, 1), 10, []),
        (LOUD, date(2025, 6, 1), 10, ["alarm: the AUC is lower"]),
        (QUIET, date(2025, 6, 1), 25, ["25 outcomes settled since"]),
        (QUIET, date(2025, 7, 1), 10, ["nothing of the last 181 days"]),
        (LOUD, date(2025, 7, 1), 25, ["alarm", "25 outcomes", "181 days"]),
    ],
)
def test_the_rule_gives_every_reason_to_train_again(alarm, today, new, reasons):
    rule = monitor.RetrainSettings.model_validate(RETRAIN)
    found = monitor.decision(alarm, rule, cutoff=date(2025, 1, 1), today=today, learnt=100, new=new)
    assert found.retrain == bool(reasons)
    assert len(found.reasons) == max(1, len(reasons))
    assert all(part in said for part, said in zip(reasons, found.reasons, strict=False))


def test_an_alarm_trains_nothing_where_the_rule_does_not_say_so():
    rule = monitor.RetrainSettings.model_validate(RETRAIN | {"on_alarm": False})
    found = monitor.decision(
        LOUD, rule, cutoff=date(2025, 1, 1), today=date(2025, 2, 1), learnt=100, new=0
    )
    assert not found.retrain
