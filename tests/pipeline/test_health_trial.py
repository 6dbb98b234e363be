"""The health score of a company on trial: the causes pass, chance fails, and files are checked."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.special import logit

from features.publication import read_frame
from models import health_trial as trials
from models.health_floors import TrialSettings
from models.health_profile import HealthSettings
from pipeline import files, health_trial, health_trial_terminal
from pipeline.calendar import Calendar
from pipeline.morning import INDEX
from pipeline.settings import BadParams, Settings, load

TRIAL = TrialSettings(
    lead=(60, 91),
    floors={
        "known_share": {"at_least": 0.8},
        "green_share": {"at_least": 0.3, "at_most": 0.9},
        "churned_arr_not_green": {"at_least": 0.25},
        "green_to_other_churn": {"at_most": 0.5},
        "smallest_step": {"at_least": 0.0},
    },
)


@pytest.fixture
def inside(company):
    with company.inside() as folder:
        yield folder


@pytest.fixture
def settings(inside) -> Settings:
    return load()


@pytest.fixture
def calendar(inside) -> Calendar:
    return Calendar.read(files.CALENDAR)


def other(path, **changes) -> object:
    """A file with the block `health` of params.yaml, changed."""
    health = yaml.safe_load(files.PARAMS.read_text())["health"] | changes
    path.write_text(yaml.safe_dump({"health": health}))
    return path


def of_drivers(typical: float, edges: dict[str, float]) -> HealthSettings:
    """A configuration of what really moves the churn logit, its bands the edges on the chance."""
    groups = ["usage", "sponsor", "support", "commercial"]
    line = [[-4, 100], [4, 0]]
    score = {name: 50 - 12.5 / len(groups) * (logit(p) - typical) for name, p in edges.items()}
    return HealthSettings(
        onboarding_days=0,
        min_coverage=0.5,
        bands=[
            {"name": "red", "edges": [0, score["high"]]},
            {"name": "yellow", "edges": [score["high"], score["medium"]]},
            {"name": "green", "edges": [score["medium"], 100]},
        ],
        no_use={"feature": "events_91d", "dimensions": []},
        dimensions={
            name: {
                "weight": 1,
                "measures": {f"driver_{name}": {"label": name, "weight": 1, "points": line}},
            }
            for name in groups
        },
        overrides=[],
        segments={},
        refit_ridge=1.0,
    )


def at_random(settings: HealthSettings, seed: int) -> HealthSettings:
    """The same measures with normal weights; a negative one turns its points round."""
    rng, block = np.random.default_rng(seed), settings.model_dump()
    for dimension in block["dimensions"].values():
        dimension["weight"] = rng.exponential()
        for measure in dimension["measures"].values():
            weight = rng.normal()
            measure["weight"] = abs(weight)
            if weight < 0:
                measure["points"] = [(at, 100 - points) for at, points in measure["points"]]
    return HealthSettings(**block | {"segments": {}})


def test_the_simulators_own_drivers_pass(settings, calendar):
    features, asked = health_trial.past()
    labels = health_trial.settled(settings, calendar.mornings, asked)
    truth = read_frame(files.RAW / "truth" / "truth.parquet")
    drivers = [name for name in truth if name.startswith("driver_")]
    typical = float((logit(truth["churn_probability"]) - truth[drivers].sum(axis=1)).median())
    ahead = (np.ceil(labels["days_to_due"] / 30) * 30).astype(int)  # known then, not later
    due = labels["due_date"].astype(truth["due_date"].dtype)
    causes = labels.assign(lead_days=ahead, due_date=due).merge(
        truth[["account_id", "due_date", "lead_days", *drivers]],
        on=["account_id", "due_date", "lead_days"],
        how="left",
    )
    seen = causes.set_index(INDEX)[drivers]
    health = of_drivers(typical, settings.cycle.bands.model_dump())
    found = trials.backtest(
        health, features.reindex(seen.index).join(seen), labels, TRIAL, settings.comparison
    )
    assert found.passed, "\n".join(found.floors["text"])


def test_random_weights_fail_a_floor(settings, calendar):
    features, asked = health_trial.past()
    labels = health_trial.settled(settings, calendar.mornings, asked)
    passed = [
        trials.backtest(
            at_random(settings.health, seed), features, labels, TRIAL, settings.comparison, by=[]
        ).passed
        for seed in range(12)
    ]
    assert sum(passed) == 0


def test_the_replay_uses_every_settled_morning_or_those_after_a_fit(settings, calendar, capsys):
    found = health_trial.backtest(settings, TRIAL, calendar)
    told = read_frame(files.LABELS / "churn" / "serving.parquet")
    settled = told[told["outcome"].notna()]
    assert found.about["rows"] == len(settled)
    assert found.about["renewals"] == pytest.approx(
        settled.groupby(["account_id", "decision"]).ngroups
    )
    middle = calendar.mornings[8]
    later = health_trial.backtest(settings, TRIAL, calendar, learnt_until=middle)
    assert later.about["first"] == str(middle)
    health_trial_terminal.backtest(found)
    shown = capsys.readouterr().out
    assert "Floors" in shown
    assert "green" in shown
    with pytest.raises(health_trial.NoPast, match="none is settled"):
        health_trial.backtest(settings, TRIAL, calendar, learnt_until=calendar.data_until)


def test_another_configuration_is_tried_against_the_floors_of_params(settings, calendar, tmp_path):
    bands = [
        {"name": "red", "edges": [0, 1]}, {"name": "yellow", "edges": [1, 2]},
        {"name": "green", "edges": [2, 100]},
    ]  # fmt: skip
    everyone_green = other(tmp_path / "other.yaml", bands=bands)
    found = health_trial.backtest(settings, TRIAL, calendar, everyone_green)
    missed = found.floors[~found.floors["met"]]
    assert not found.passed
    assert {"green_share", "churned_arr_not_green"} <= set(missed["figure"])
    json.dumps(health_trial.plain(found), allow_nan=False)


def test_the_diff_reads_two_files_and_the_newest_morning(settings, calendar, tmp_path, capsys):
    dimensions = yaml.safe_load(files.PARAMS.read_text())["health"]["dimensions"]
    dimensions["support"]["weight"] = 2.0
    b = other(tmp_path / "b.yaml", dimensions=dimensions)
    found = health_trial.diff(settings, calendar, files.PARAMS, b)
    assert set(found.changed["as_of"]) == {pd.Timestamp(calendar.mornings[-1])}
    assert found.bands["accounts"].sum() > len(found.changed) > 0
    json.dumps(health_trial.plain(found), allow_nan=False)
    health_trial_terminal.diff(found)
    assert found.verdict in capsys.readouterr().out
    same = health_trial.diff(settings, calendar, files.PARAMS, files.PARAMS)
    assert same.changed.empty


def test_every_fault_of_a_configuration_is_said(inside, tmp_path):
    assert health_trial.configuration(files.PARAMS) == load().health
    wrong = other(tmp_path / "wrong.yaml", onboarding=3, min_coverage=2)
    with pytest.raises(BadParams, match=r"(?s)min_coverage.*health\.onboarding"):
        health_trial.configuration(wrong)
    (tmp_path / "none.yaml").write_text("dimensions: {}\n")
    with pytest.raises(BadParams, match="no block `health`"):
        health_trial.configuration(tmp_path / "none.yaml")
    (tmp_path / "extra.yaml").write_text((tmp_path / "wrong.yaml").read_text() + "scoring: {}\n")
    with pytest.raises(BadParams, match="scoring: Extra inputs"):
        health_trial.configuration(tmp_path / "extra.yaml")
    unread = yaml.safe_load(files.PARAMS.read_text())["health"]
    unread["overrides"][0]["feature"] = "moon_phase"
    (tmp_path / "moon.yaml").write_text(yaml.safe_dump({"health": unread}))
    with pytest.raises(BadParams, match="moon_phase"):
        health_trial.configuration(tmp_path / "moon.yaml")
