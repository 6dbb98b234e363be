"""A configuration replayed over mornings whose outcomes one can count by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.duel import ComparisonSettings
from models.health_floors import TrialSettings
from models.health_profile import HealthSettings
from models.health_trial import backtest
from models.metrics import NotSettled
from tests.models.test_health_profile import CONFIGURED

HEALTH = HealthSettings(**CONFIGURED)
TRIAL = TrialSettings(
    lead=(60, 91),
    floors={
        "known_share": {"at_least": 0.5},
        "churned_arr_not_green": {"at_least": 0.5},
        "green_to_other_churn": {"at_most": 0.5},
        "smallest_step": {"at_least": 0.0},
    },
)
DRAWING = ComparisonSettings(
    primary="log_loss", rules_primary="arr_caught", draws=200, seed=1, min_outcomes=5, leads=(0, 91)
)
ACTIVE = {"red": 0.0, "yellow": 10.0, "green": 20.0}  # days that put an account in the band


def world(*groups: tuple[str, str, int, int, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Features and labels of groups of accounts: segment, band, accounts, churned, ARR of each."""
    rows = []
    for segment, band, number, churned, arr in groups:
        for i in range(number):
            rows.append(
                {
                    "account_id": f"a{len(rows):04d}",
                    "as_of": pd.Timestamp("2025-01-01"),
                    "segment": segment,
                    "active_days_28d": ACTIVE.get(band, 20.0),
                    "trend": ACTIVE.get(band, 20.0) / 10,
                    "tenure_days": 10.0 if band == "unknown" else 400.0,
                    "events_91d": 50.0,
                    "open_tickets": {"red": 5.0, "yellow": 2.5}.get(band, 0.0),
                    "oldest_urgent": np.nan,
                    "outcome": i < churned,
                    "weight": 1.0,
                    "arr": arr,
                    "days_to_due": 70.0,
                }
            )
    frame = pd.DataFrame(rows)
    labels = ["account_id", "as_of", "segment", "outcome", "weight", "arr", "days_to_due"]
    return frame.set_index(["account_id", "as_of"]).drop(columns=labels[3:]), frame[labels]


def value(trial, figure: str, which: str = "all") -> float:
    found = trial.figures
    asked = found["figure"].eq(figure) & found["slice"].eq(which)
    return float(found.loc[asked, "value"].iloc[0])


SENSIBLE = [
    ("SMB", "red", 20, 10, 1000.0), ("SMB", "yellow", 30, 6, 2000.0),
    ("Mid", "green", 100, 5, 1000.0), ("Mid", "unknown", 10, 2, 500.0),
]  # fmt: skip


def test_churn_by_band_in_logos_and_in_money_counted_by_hand():
    features, labels = world(*SENSIBLE)
    heavier = labels.assign(arr=labels["arr"].where(labels.index != 0, 11_000.0))
    trial = backtest(HEALTH, features, heavier, TRIAL, DRAWING)
    bands = trial.bands[trial.bands["by"].eq("all")].set_index("band")
    assert bands.index.tolist() == ["red", "yellow", "green", "unknown"]
    assert bands["churn"].tolist() == pytest.approx([0.5, 0.2, 0.05, 0.2])
    assert bands["accounts"].tolist() == [20, 30, 100, 10]
    assert bands["churned"].tolist() == [10, 6, 5, 2]
    assert bands.loc["red", "arr_churn"] == pytest.approx(20_000 / 30_000)
    assert (bands["churn_low"] < bands["churn"]).all()
    assert (bands["churn_high"] > bands["churn"]).all()


def test_the_figures_of_a_sensible_configuration_and_its_floors():
    trial = backtest(HEALTH, *world(*SENSIBLE), TRIAL, DRAWING)
    assert value(trial, "known_share") == pytest.approx(150 / 160)
    assert value(trial, "green_share") == pytest.approx(100 / 150)
    assert value(trial, "red_share") == pytest.approx(20 / 150)
    assert value(trial, "churned_arr_not_green") == pytest.approx(22_000 / 27_000)
    assert value(trial, "all_arr_not_green") == pytest.approx(80_000 / 180_000)
    assert value(trial, "churned_arr_unknown") == pytest.approx(1_000 / 28_000)
    assert value(trial, "green_to_other_churn") == pytest.approx(0.05 / (16 / 50))
    assert value(trial, "smallest_step") == pytest.approx(0.15)
    assert trial.passed
    assert trial.steps["difference"].iloc[:2].tolist() == pytest.approx([0.3, 0.15])
    assert trial.steps.loc[0, "order"] == "in order, but these data cannot tell"
    assert trial.about["churned"] == 23


def test_a_configuration_that_has_it_the_wrong_way_round_fails_and_says_by_how_much():
    wrong = [
        ("SMB", "red", 40, 2, 1.0),
        ("SMB", "yellow", 40, 4, 1.0),
        ("SMB", "green", 80, 40, 1.0),
    ]
    trial = backtest(HEALTH, *world(*wrong), TRIAL, DRAWING)
    floors = trial.floors.set_index("figure")
    assert not trial.passed
    assert floors["met"].to_dict() == {
        "known_share": True, "churned_arr_not_green": False, "green_to_other_churn": False,
        "smallest_step": False,
    }  # fmt: skip
    assert floors.loc["churned_arr_not_green", "short"] == pytest.approx(0.5 - 6 / 46)
    assert floors["sure"].all()
    assert trial.steps["order"].tolist()[1] == "not in order, beyond doubt"


def test_only_what_falls_due_within_the_lead_counts_as_seen_ahead():
    features, labels = world(*SENSIBLE)
    near = labels.assign(days_to_due=np.where(labels.index < 50, 91.0, 60.0))
    near.loc[0, "days_to_due"] = 90.0
    trial = backtest(HEALTH, features, near, TRIAL, DRAWING)
    assert value(trial, "churned_arr_not_green") == pytest.approx(1_000 / 6_000)
    assert trial.about["lead_churned"] == 8


def test_renewals_seen_on_several_mornings_weigh_one_and_their_account_is_drawn_whole():
    features, labels = world(*SENSIBLE)
    morning = pd.Timestamp("2025-02-01")
    again = labels.assign(as_of=morning, weight=0.5)
    later = features.reset_index().assign(as_of=morning).set_index(["account_id", "as_of"])
    once = backtest(HEALTH, features, labels, TRIAL, DRAWING)
    both = backtest(
        HEALTH,
        pd.concat([features, later]),
        pd.concat([labels.assign(weight=0.5), again]),
        TRIAL,
        DRAWING,
    )
    pd.testing.assert_frame_equal(once.figures, both.figures)
    pd.testing.assert_frame_equal(once.bands, both.bands)
    assert both.about["mornings"] == 2


def test_neither_row_order_nor_names_move_a_figure():
    features, labels = world(*SENSIBLE)
    names = {name: f"z{9999 - i}" for i, name in enumerate(labels["account_id"])}
    renamed = features.rename(index=names, level="account_id").sample(frac=1, random_state=1)
    other = labels.assign(account_id=labels["account_id"].map(names)).sample(frac=1, random_state=2)
    one, two = (
        backtest(HEALTH, *of, TRIAL, DRAWING) for of in ((features, labels), (renamed, other))
    )
    pd.testing.assert_frame_equal(one.figures, two.figures)
    pd.testing.assert_frame_equal(one.floors, two.floors)


def test_segments_stand_apart_and_a_missing_one_is_called_unknown():
    features, labels = world(*SENSIBLE, (None, "green", 5, 1, 1.0))
    trial = backtest(HEALTH, features, labels, TRIAL, DRAWING)
    slices = trial.figures.loc[trial.figures["by"].eq("segment"), "slice"]
    assert set(slices) == {"Mid", "SMB", "unknown"}
    assert value(trial, "green_share", "SMB") == 0
    low, high = trial.figures.query("figure == 'green_share' and slice == 'SMB'")[
        ["low", "high"]
    ].iloc[0]
    assert low == 0
    assert 0.01 < high < 0.15  # no draw of accounts leaves the edge: Wilson's


def test_without_any_churn_there_is_nothing_to_judge_and_the_floors_are_not_met():
    trial = backtest(HEALTH, *world(("SMB", "green", 30, 0, 1.0)), TRIAL, DRAWING)
    assert np.isnan(value(trial, "churned_arr_not_green"))
    assert np.isnan(value(trial, "smallest_step"))
    assert not trial.passed
    bands = trial.bands[trial.bands["by"].eq("all")].set_index("band")
    assert bands.loc["green", "churn_low"] == 0
    assert bands.loc["green", "churn_high"] == pytest.approx(0.1135, abs=1e-3)  # Wilson, 0 of 30


def test_unknown_arr_has_no_part_in_money_and_is_counted():
    features, labels = world(*SENSIBLE)
    trial = backtest(HEALTH, features, labels.assign(arr=np.nan), TRIAL, DRAWING)
    assert trial.about["arr_unknown"] == 160
    assert np.isnan(value(trial, "churned_arr_not_green"))
    assert value(trial, "green_to_other_churn") > 0


def test_what_is_not_settled_or_stands_there_twice_is_refused():
    features, labels = world(*SENSIBLE)
    for bad in (
        labels.assign(outcome=labels["outcome"].astype("boolean").mask(labels.index == 3)),
        pd.concat([labels, labels.iloc[:1]]),
        labels.iloc[:0],
    ):
        with pytest.raises(NotSettled):
            backtest(HEALTH, features, bad, TRIAL, DRAWING)
