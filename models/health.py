"""The rule-based health score: 0 to 100, high is good. A model that learns nothing.

Each dimension is a weighted mean of measures, each measure a feature read through straight lines
between stated points. What is missing drops out and its weight is spread over the rest of its
dimension; a missing dimension likewise; `coverage` is the share of weight that was there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.health_profile import (
    TENURE,
    UNKNOWN,
    Dimension,
    HealthSettings,
    Measure,
    Points,
    UnknownFeature,
)

INDEX = ["account_id", "as_of"]
OVERRIDE = "override"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Reading:
    """One measure on every row of one profile; `share` is its part of the whole score there."""

    dimension: str
    feature: str
    measure: Measure
    value: Floats
    points: Floats
    share: Floats
    unused: NDArray[np.bool_]


class HealthScore:
    """The health score of a configuration; as a scorer it enters as 100 − health."""

    name = "health"

    def __init__(self, settings: HealthSettings) -> None:
        self.settings = settings

    def assess(self, features: pd.DataFrame) -> pd.DataFrame:
        """health_score (0–100), health_band, health_coverage (0–1) and one <dimension>_score each.

        `features` is indexed by (account_id, as_of) and carries `segment` (any case; NULL and
        segments without a profile get everyone's). Below `min_coverage` the score is NaN and the
        band `unknown`; in onboarding the score is shown and the band `unknown`.
        """
        rows, names = len(features), list(self.settings.dimensions)
        total, coverage = np.full(rows, np.nan), np.zeros(rows)
        scores = {name: np.full(rows, np.nan) for name in names}
        for at, profile, readings in self._profiles(features):
            shares = np.zeros((len(names), len(at)))
            points, there = np.zeros_like(shares), np.zeros_like(shares)
            for r in readings:
                d = names.index(r.dimension)
                shares[d] += r.share
                points[d] += r.share * np.nan_to_num(r.points)
                there[d] += r.measure.weight * ~np.isnan(r.points)
            weight = np.array([profile[name].weight for name in names])
            full = [sum(m.weight for m in profile[name].measures.values()) for name in names]
            coverage[at] = weight @ (there / np.array(full)[:, None]) / weight.sum()
            known = shares.sum(0) > 0
            total[at] = np.where(known, points.sum(0), np.nan)
            for d, name in enumerate(names):
                scores[name][at] = divided(points[d], shares[d])
        for override in self.settings.overrides:
            over = _column(features, override.feature) > override.over
            total = np.where(over, np.minimum(total, override.cap), total)
        coverage = np.round(coverage, 9)
        total = np.where(coverage < self.settings.min_coverage, np.nan, np.round(total, 6))
        young = _column(features, TENURE) < self.settings.onboarding_days
        return pd.DataFrame(
            {
                "health_score": total,
                "health_band": np.where(young, UNKNOWN, self._band(total)),
                "health_coverage": coverage,
            }
            | {f"{name}_score": np.round(score, 6) for name, score in scores.items()},
            index=features.index,
        )

    def score(self, features: pd.DataFrame) -> pd.Series:
        """100 − health, so that it rises with churn; NaN where the band is unknown."""
        return self.risk(self.assess(features))

    def risk(self, assessed: pd.DataFrame) -> pd.Series:
        """The same from what `assess` gave."""
        known = assessed["health_band"] != UNKNOWN
        return (100 - assessed["health_score"]).where(known).rename(self.name)

    def rules(self, features: pd.DataFrame) -> pd.DataFrame:
        """The rules that fired, one row each: what was measured, the cut-offs and what it gave.

        Columns: account_id, as_of, dimension, measure, value, points, weight, cutoffs, text; an
        account's costliest first. Over a row's measures Σ weight · points is the score before caps;
        an override that held has dimension `override`, the cap as its points and no weight.
        """
        found = [self._capped(features)]
        for at, _, readings in self._profiles(features):
            found += [self._fired(features.index[at], reading) for reading in readings]
        rules = pd.concat([frame for frame in found if len(frame)] or found, ignore_index=True)
        lost = rules["weight"].fillna(np.inf) * (100 - rules["points"] + 1e-9)
        ordered = rules.assign(lost=lost.round(9)).sort_values(
            ["as_of", "account_id", "lost", "measure"], ascending=[True, True, False, True]
        )
        numbers = dict.fromkeys(["value", "points", "weight"], float)
        return ordered.drop(columns="lost").astype(numbers).reset_index(drop=True)

    def _profiles(
        self, features: pd.DataFrame
    ) -> Iterator[tuple[NDArray[np.intp], Mapping[str, Dimension], list[_Reading]]]:
        """For each profile: the rows it applies to, its dimensions, and its measures read there."""
        asked = features["segment"].astype("string").str.casefold()
        for segment in [*self.settings.segments, None]:
            others = [name.casefold() for name in self.settings.segments]
            own = ~asked.isin(others) if segment is None else asked == segment.casefold()
            at = np.flatnonzero(own.fillna(False).to_numpy(dtype=bool))
            if len(at):
                profile = self.settings.profile(segment)
                yield at, profile, list(self._read(profile, features.iloc[at]))

    def _read(self, profile: Mapping[str, Dimension], features: pd.DataFrame) -> Iterator[_Reading]:
        unused = _column(features, self.settings.no_use.feature) == 0
        nowhere = np.zeros(len(features), dtype=bool)
        found, whole = [], np.zeros(len(features))
        for name, dimension in profile.items():
            idle = unused if name in self.settings.no_use.dimensions else nowhere
            values = {f: _column(features, f) for f in dimension.measures}
            points = {
                f: np.where(idle, 0.0, _interpolated(values[f], measure.points))
                for f, measure in dimension.measures.items()
            }
            there = np.zeros(len(features))
            for f, measure in dimension.measures.items():
                there += measure.weight * ~np.isnan(points[f])
            whole = whole + dimension.weight * (there > 0)
            for f, measure in dimension.measures.items():
                part = np.where(np.isnan(points[f]), 0.0, measure.weight)
                share = dimension.weight * divided(part, there, empty=0.0)
                found.append((name, f, measure, values[f], points[f], share, idle))
        for name, f, measure, value, score, share, idle in found:
            part = divided(share, whole, empty=0.0)
            yield _Reading(name, f, measure, value, score, part, idle)

    def _fired(self, index: pd.Index, r: _Reading) -> pd.DataFrame:
        cutoffs = ", ".join(f"{value:g} → {score:g}" for value, score in r.measure.points)
        nothing = f"{r.measure.label}: 0 of 100 points, the product was not used at all"
        frame = pd.DataFrame(
            {
                "dimension": r.dimension,
                "measure": r.feature,
                "value": r.value,
                "points": r.points,
                "weight": r.share,
                "cutoffs": cutoffs,
                "text": [
                    nothing
                    if idle
                    else f"{r.measure.label}: {value:.4g} gives {score:.0f} of 100 points"
                    for value, score, idle in zip(r.value, r.points, r.unused, strict=True)
                ],
            },
            index=index,
        )
        return frame[r.share > 0].reset_index()

    def _capped(self, features: pd.DataFrame) -> pd.DataFrame:
        found = []
        for o in self.settings.overrides:
            value = _column(features, o.feature)
            held = features.index[value > o.over]
            said = [
                o.text.replace("{value}", f"{v:.4g}")
                + f": the score is at most {o.cap:g} (limit {o.over:g})"
                for v in value[value > o.over]
            ]
            fixed = {"dimension": OVERRIDE, "measure": o.feature}
            frame = pd.DataFrame({"value": value[value > o.over], "text": said}, index=held)
            frame = frame.assign(
                **fixed, points=float(o.cap), weight=np.nan, cutoffs=f"over {o.over:g} → {o.cap:g}"
            )
            found.append(frame.reset_index())
        columns = [*INDEX, "dimension", "measure", "value", "points", "weight", "cutoffs", "text"]
        found = [frame for frame in found if len(frame)]
        return pd.concat(found)[columns] if found else pd.DataFrame(columns=columns)

    def _band(self, score: Floats) -> NDArray[np.object_]:
        starts = [band.edges[0] for band in self.settings.bands]
        names = np.array([band.name for band in self.settings.bands], dtype=object)
        at = np.searchsorted(starts, np.nan_to_num(score), side="right") - 1
        return np.where(np.isnan(score), UNKNOWN, names[at])


def _column(features: pd.DataFrame, name: str) -> Floats:
    if name not in features.columns:
        raise UnknownFeature(f"health reads {name}, which is not among the columns it was given")
    return features[name].to_numpy(dtype=float, na_value=np.nan)


def _interpolated(values: Floats, points: Points) -> Floats:
    at, score = zip(*points, strict=True)
    return np.interp(values, at, score)


def divided(top: Floats, bottom: Floats, empty: float = np.nan) -> Floats:
    """top / bottom where bottom is positive, `empty` elsewhere."""
    return np.divide(top, bottom, out=np.full(np.shape(top), empty), where=bottom > 0)
