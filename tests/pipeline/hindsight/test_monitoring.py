"""The forecast and the monitoring as the report gets them: from files, plain, and adding up."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from models.monitor import MonitorSettings
from models.portfolio import ForecastSettings
from pipeline import files, replay
from pipeline.calendar import Calendar
from pipeline.hindsight import monitoring
from pipeline.settings import load
from serve import predictions
from serve.predictions import Published

FORECAST = ForecastSettings(draws=500, seed=1, prior=0.3, together=0.27)
MONITOR = MonitorSettings(
    every="quarter",
    periods=8,
    draws=400,
    seed=1,
    alarm=0.05,
    ordinary=0.2,
    retrain={"on_alarm": True, "positives": 0.25, "days": 180},
)


@pytest.fixture(scope="module")
def told(company):
    with company.inside():
        settings, calendar = load(), Calendar.read(files.CALENDAR)
        record = replay.replayed(settings, calendar)
        coming = predictions.read(files.CYCLE)
        both = record.predictions, record.outcomes
        return (
            coming,
            monitoring.forecast(settings, FORECAST, calendar, coming, *both),
            monitoring.monitoring(settings, MONITOR, FORECAST.together, calendar, *both),
        )


def test_a_decided_renewal_keeps_all_or_nothing_by_its_reason():
    reasons = [
        "already_renewed",
        "notice_given",
        "the account's cover ends on 2025-02-01",
        None,
        "something new",
    ]
    ids = [f"p{i}" for i in range(5)]
    status = ["decided", "decided", "decided", "scored", "decided"]
    coming = Published(
        predictions=pd.DataFrame({"prediction_id": ids, "status_reason": reasons}),
        outcomes=pd.DataFrame({"prediction_id": ["p3"], "p_contracted": [0.1]}),
        health=pd.DataFrame(),
        record=pd.DataFrame({"prediction_id": ids, "status": status}),
        manifest={},
    )
    found = monitoring.renewals(coming).set_index("prediction_id")
    assert found["decided_share"].fillna(-1).tolist() == [1, 0, 0, -1, -1]
    assert found["p_contracted"].fillna(-1).tolist() == [-1, -1, -1, 0.1, -1]


def test_the_coming_forecast_adds_up_with_the_cycle_that_was_published(told):
    coming, forecast, _ = told
    rows = forecast.tables["coming"]
    window = rows[rows["every"].eq("window")].set_index("terms")
    scored = coming.predictions["status"].isin(["scored", "decided"])
    assert window[["renewals", "decided_unknown"]].sum().sum() == scored.sum() > 20
    months = rows[rows["every"].eq("month")]
    assert months["arr_due"].sum() == pytest.approx(window.loc["contract", "arr_due"])
    expected = coming.outcomes["expected_arr_renewed"].sum()
    decided = monitoring.renewals(coming).query("decided_share == 1")["arr_due"].sum()
    assert window["arr_renewed"].sum() == pytest.approx(expected + decided, rel=0.005)
    at_risk = forecast.figures["at_risk"]
    assert at_risk["expected"] == pytest.approx(coming.predictions["arr_at_risk"].sum())
    assert at_risk["low"] < at_risk["expected"] < at_risk["high"] < at_risk["of"]


def test_the_common_error_is_the_models_own_where_its_features_are_there(told, company, tmp_path):
    coming, forecast, _ = told
    there = company.copy(tmp_path / "elsewhere")
    with there.inside():
        settings = load()
        assert forecast.figures["common_error"] == pytest.approx(
            monitoring.common_error(settings, coming, FORECAST)
        )
        doubled = FORECAST.model_copy(update={"together": 1.0})
        assert monitoring.common_error(settings, coming, doubled) == pytest.approx(
            forecast.figures["common_error"]
        )
        last = f"{pd.to_datetime(coming.record['as_of']).max():%Y-%m-%d}.parquet"
        (files.FEATURES / last).unlink()
        one, other = (monitoring.common_error(settings, coming, of) for of in (FORECAST, doubled))
        assert other == pytest.approx(one / FORECAST.together) and one > 0


def test_all_figures_are_json_and_every_table_has_rows(told):
    for part in told[1:]:
        json.dumps(part.figures, allow_nan=False)
        assert all(len(table) for table in part.tables.values())


def test_every_feature_that_the_model_reads_is_watched_and_the_score(told):
    _, _, watched = told
    columns = watched.tables["drift"]["column"]
    assert columns.is_unique and "churn_probability" in set(columns)
    assert watched.figures["drift"]["columns"] == len(columns) > 50
    assert watched.figures["retrain"]["reasons"]
    assert watched.figures["alarm"]["reason"]
