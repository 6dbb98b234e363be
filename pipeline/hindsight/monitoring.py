"""The forecast of the coming cycles, and whether the model still performs: from the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from features.publication import read_frame
from models import bundle, drift, hindsight, monitor, portfolio, shock
from models.monitor import MonitorSettings
from models.portfolio import ForecastSettings
from models.target import learnable
from pipeline import cycle, files
from pipeline.calendar import Calendar
from pipeline.settings import Settings
from serve.predictions import Published, of_publication, records

INDEX = ["account_id", "as_of"]
KEPT = {"already_renewed": 1.0, "notice_given": 0.0}  # of the ARR due, by why it is decided
SHOWN = 10  # drifting columns that the report lists


@dataclass(frozen=True)
class Told:
    """`figures` as JSON can hold them, and the `tables` that they are drawn from, by name."""

    figures: dict[str, Any]
    tables: Mapping[str, pd.DataFrame]


def forecast(
    settings: Settings,
    block: ForecastSettings,
    calendar: Calendar,
    coming: Published,
    predictions: pd.DataFrame,
    outcomes: pd.DataFrame,
) -> Told:
    """The coming cycles, and the past ones as they were forecast then.

    `coming`: the newest publication; `predictions` and `outcomes` of serve.record. Tables: coming,
    past and held (how often the ends held).
    """
    rows = renewals(coming)
    within = int(str(coming.manifest["due_within"]))
    lag = settings.contracts.grace + calendar.delay
    as_of = pd.to_datetime(rows["as_of"]).max()
    shocks = hindsight.shocks(predictions, outcomes, as_of, block, lag)
    doubt = common_error(settings, coming, block)
    tables = {
        "coming": portfolio.forecast(rows, shocks, doubt, block, within=within),
        "past": hindsight.past(predictions, outcomes, block, within=within, lag=lag),
    }
    tables["held"] = hindsight.held(tables["past"])
    scored = rows[rows["status"].eq("scored")]
    figures: dict[str, Any] = {name: records(frame) for name, frame in tables.items()}
    at_risk = portfolio.at_risk(scored, shocks["quarter"], doubt, block)
    figures["of"] = of_publication(coming.manifest)
    return Told({**figures, "at_risk": at_risk, "common_error": doubt}, tables)


def renewals(coming: Published) -> pd.DataFrame:
    """A publication as the forecast reads it: its record, with the chance of a contraction, and
    what is kept of the renewals whose decision is known."""
    key = "prediction_id"
    found = coming.record.merge(
        coming.outcomes[[key, "p_contracted"]], on=key, how="left", validate="one_to_one"
    ).merge(coming.predictions[[key, "status_reason"]], on=key, validate="one_to_one")
    ended = found["status_reason"].str.startswith("the account's cover ends").fillna(False)
    share = found["status_reason"].map(KEPT).mask(ended.astype(bool), 0.0).astype(float)
    return found.assign(decided_share=share.where(found["status"].eq("decided")))


def common_error(settings: Settings, coming: Published, block: ForecastSettings) -> float:
    """The deviation, on the logit, of the error that the probabilities of a cycle have in common.

    By the model itself where the stages before built the features of the morning, else by what the
    intervals of the probabilities imply.
    """
    scored = coming.record[coming.record["status"].eq("scored")]
    as_of = pd.to_datetime(coming.record["as_of"]).max()
    features = read_frame(files.FEATURES)
    here = features[pd.to_datetime(features["as_of"]).eq(as_of)].set_index(INDEX)
    here = here[here.index.get_level_values("account_id").isin(scored["account_id"])]
    if scored.empty or len(here) < scored["account_id"].nunique():
        return shock.common(scored, block.together)
    model = cycle.bundles(settings, as_of.date()).models[cycle.loss(settings).name]
    p = model.predict(here).to_numpy(dtype=float)
    steepness = float(np.sum(p * (1 - p)))
    return model.sum_deviation(here) / steepness if steepness > 0 else 0.0


def monitoring(
    settings: Settings,
    block: MonitorSettings,
    together: float,
    calendar: Calendar,
    predictions: pd.DataFrame,
    outcomes: pd.DataFrame,
) -> Told:
    """Drift, expected against realised performance, and whether to train again.

    `predictions` and `outcomes` of serve.record; `together` of ForecastSettings. Contracts only:
    the probability of a month-to-month customer speaks of the whole horizon, not of one due date;
    `month_to_month` says how many predictions that leaves out. Tables: drift, performance.
    """
    name = cycle.loss(settings).name
    cases = shock.cases(predictions, outcomes, block.every)
    told = monitor.performance(cases, block, shock.common(predictions, together))
    folder = files.bundle(name, files.SERVING)
    cutoff = date.fromisoformat(bundle.manifest(folder)["about"]["cutoff"])
    lag = pd.Timedelta(days=settings.contracts.grace + calendar.delay)
    lost = outcomes[outcomes["outcome"].eq("churned")]
    since = pd.to_datetime(lost["due_date"]) + lag > pd.Timestamp(cutoff)
    decided = monitor.decision(
        told.alarm,
        block.retrain,
        cutoff=cutoff,
        today=calendar.data_until,
        learnt=float(bundle.report(folder)["positives"]),
        new=float(lost.loc[since, "account_id"].nunique()),
    )
    moved = drifts(settings, calendar, name, predictions)
    monthly = predictions["status"].eq("scored") & predictions["month_to_month"].eq(True).fillna(
        False
    )
    figures = {
        "performance": records(told.periods),
        "alarm": asdict(told.alarm),
        "retrain": {"now": decided.retrain, "reasons": list(decided.reasons)},
        "drift": {
            "columns": len(moved),
            "beyond": int(moved["beyond"].sum()),
            "by_chance": round((1 - drift.SURE) * len(moved), 2),
            "most": records(moved.head(SHOWN)),
        },
        "month_to_month": int(monthly.sum()),
        "cutoff": str(cutoff),
    }
    return Told(figures, {"performance": told.periods, "drift": moved})


def drifts(
    settings: Settings, calendar: Calendar, name: str, predictions: pd.DataFrame
) -> pd.DataFrame:
    """The drift of every feature, on the last morning against the rows learnt from, among those
    whom the target asks about; and of the published probabilities, on the record's last morning
    against those before it: what the model says of rows it learnt from is no measure."""
    target = settings.targets[name]
    features, asked = read_frame(files.FEATURES), read_frame(files.OBSERVATIONS)
    day = pd.Timestamp(calendar.data_until)
    today = asked[asked["as_of"].eq(day)]
    now = today.loc[target.is_eligible(today), INDEX]
    labels = read_frame(files.LABELS / name / f"{files.SERVING}.parquet")
    then = learnable(labels, target, settings.targets)[INDEX]
    read = bundle.columns(files.bundle(name, files.SERVING))
    frames = [
        rows.merge(features[[*INDEX, *read]], on=INDEX).set_index(INDEX) for rows in (then, now)
    ]
    found = drift.drift(*frames)
    days = pd.to_datetime(predictions["as_of"])
    scored = predictions[predictions["status"].eq("scored")].set_index(INDEX)
    last = pd.to_datetime(scored.index.get_level_values("as_of")) == days.max()
    column = scored[["churn_probability"]].astype(float)
    of_scores = drift.drift(column[~last], column[last])
    rows = [frame for frame in (of_scores, found) if len(frame)]
    return pd.concat(rows, ignore_index=True) if rows else found
