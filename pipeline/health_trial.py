"""The health score on trial: a configuration over the past mornings, and one beside another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.publication import read_frame
from models import health_diff, health_trial
from models.health_diff import HealthDiff
from models.health_floors import TrialSettings
from models.health_profile import HealthSettings
from models.health_trial import Trial
from models.target import weights
from pipeline import cycle, files
from pipeline.calendar import Calendar
from pipeline.morning import INDEX, with_segment
from pipeline.settings import BadParams, Settings, checked, read
from serve.predictions import records


class NoPast(ValueError):
    """No morning is left on which a configuration could be tried."""


def backtest(
    settings: Settings,
    trial: TrialSettings,
    calendar: Calendar,
    config: Path | None = None,
    *,
    learnt_until: date | None = None,
) -> Trial:
    """The configuration of params.yaml, or that of `config`, on every settled morning.

    The floors are always those of params.yaml: a configuration does not bring its own.
    `learnt_until`: the day on which its weights were fitted to outcomes known by then; no earlier
    morning is used.
    """
    health = settings.health if config is None else configuration(config)
    mornings = [day for day in calendar.mornings if learnt_until is None or day >= learnt_until]
    features, asked = past()
    labels = settled(settings, mornings, asked)
    if labels.empty:
        raise NoPast(
            f"of {len(mornings)} mornings"
            + (f" from {learnt_until} on" if learnt_until else "")
            + f" none is settled on {calendar.data_until}: bring a longer history"
        )
    return health_trial.backtest(health, features, labels, trial, settings.comparison)


def diff(settings: Settings, calendar: Calendar, a: Path, b: Path) -> HealthDiff:
    """The configuration of `b` beside that of `a`: on the newest morning, and on the settled."""
    features, asked = past()
    newest = features.index.get_level_values("as_of") == pd.Timestamp(calendar.mornings[-1])
    return health_diff.diff(
        configuration(a),
        configuration(b),
        features[newest],
        features,
        settled(settings, calendar.mornings, asked),
        settings.comparison,
        share=settings.cycle.share,
    )


def configuration(path: Path) -> HealthSettings:
    """The block `health` of a file that holds nothing else, or is a whole params.yaml.

    It is put in the place of the one in params.yaml, so that the whole is checked as it would run;
    raises BadParams with every fault.
    """
    found = read(path)
    if not isinstance(found, Mapping) or "health" not in found:
        raise BadParams(f"{path}: there is no block `health` in it")
    return checked(read() | dict(found), path).health


def plain(found: Trial | HealthDiff) -> dict[str, Any]:
    """As JSON can hold it: frames as lists of records, unknown as null."""
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    return {
        name: records(value.replace([np.inf, -np.inf], np.nan))
        if isinstance(value, pd.DataFrame)
        else value
        for name, value in values.items()
    }


def past() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The features of every observation with its segment, and the observations."""
    asked = read_frame(files.OBSERVATIONS)
    return with_segment(read_frame(files.FEATURES).set_index(INDEX), asked), asked


def settled(settings: Settings, mornings: list[date], asked: pd.DataFrame) -> pd.DataFrame:
    """What became of who was due on the mornings, each renewal weighing one, with the segment."""
    told = read_frame(files.LABELS / cycle.loss(settings).name / f"{files.SERVING}.parquet")
    rows = told[told["as_of"].isin(pd.to_datetime(mornings)) & told["outcome"].notna()]
    weighed = rows.assign(weight=weights(rows))
    return weighed.merge(asked[[*INDEX, "segment"]], on=INDEX, validate="1:1")
