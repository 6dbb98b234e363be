"""How a health score is configured: dimensions, measures, bands, overrides and segment profiles.

All of it stands in the block `health` of params.yaml and is checked when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    field_validator,
    model_validator,
)

UNKNOWN = "unknown"
TENURE = "tenure_days"

Points = tuple[tuple[float, float], ...]


class UnknownFeature(ValueError):
    """The configuration names a feature that does not exist."""


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _rising(points: Points | None) -> Points | None:
    if points is None:
        return None
    if len(points) < 2:
        raise ValueError(f"points {list(points)}: a line needs two or more of them")
    for (left, _), (right, _) in pairwise(points):
        if not left < right:
            raise ValueError(f"points: value {right:g} follows {left:g}, values must rise strictly")
    for value, score in points:
        if not (np.isfinite(value) and 0 <= score <= 100):
            raise ValueError(f"points: {score:g} at value {value:g} lies outside 0 to 100")
    return points


class Measure(Settings):
    """One feature in points; `label` is how a CSM would call it."""

    label: str
    weight: PositiveFloat
    points: Points

    _check = field_validator("points")(_rising)


class Dimension(Settings):
    """Measures that speak of one thing, and what it weighs in the whole."""

    weight: PositiveFloat
    measures: dict[str, Measure] = Field(min_length=1)


class MeasureChange(Settings):
    """What a segment changes about a measure; the rest stays as it is for everyone."""

    weight: PositiveFloat | None = None
    points: Points | None = None

    _check = field_validator("points")(_rising)


class DimensionChange(Settings):
    """What a segment changes about a dimension."""

    weight: PositiveFloat | None = None
    measures: dict[str, MeasureChange] = {}


class Band(Settings):
    """A named stretch [from, until) of the score; the last one includes 100."""

    name: str
    edges: tuple[float, float]


class Override(Settings):
    """A cap on the whole score while `feature` is over a limit; `text` says why, with {value}."""

    feature: str
    over: float
    cap: float = Field(ge=0, le=100)
    text: str


class NoUse(Settings):
    """Where `feature` is 0 the customer does not use the product: these dimensions score 0."""

    feature: str
    dimensions: tuple[str, ...]


class HealthSettings(Settings):
    """The health score as configured: the block `health` of params.yaml."""

    onboarding_days: NonNegativeInt
    min_coverage: float = Field(ge=0, le=1)
    bands: tuple[Band, ...] = Field(min_length=1)
    no_use: NoUse
    dimensions: dict[str, Dimension] = Field(min_length=1)
    overrides: tuple[Override, ...]
    segments: dict[str, dict[str, DimensionChange]]
    refit_ridge: PositiveFloat

    @field_validator("bands")
    @classmethod
    def _contiguous(cls, bands: tuple[Band, ...]) -> tuple[Band, ...]:
        reached = 0.0
        for band in bands:
            start, end = band.edges
            if start != reached:
                raise ValueError(
                    f"band {band.name} starts at {start:g}, but {reached:g} is reached: "
                    "bands must follow each other without gap or overlap from 0 to 100"
                )
            if not end > start:
                raise ValueError(f"band {band.name} ends at {end:g}, not after {start:g}")
            reached = end
        if reached != 100:
            raise ValueError(f"the last band ends at {reached:g}: bands must reach 100")
        names = [band.name for band in bands]
        if len({*names, UNKNOWN}) <= len(names):
            raise ValueError(f"bands {names}: names must differ, and `{UNKNOWN}` is taken")
        return bands

    @model_validator(mode="after")
    def _known_names(self) -> HealthSettings:
        for name in self.no_use.dimensions:
            self._dimension(name, "no_use")
        if len({name.casefold() for name in self.segments}) < len(self.segments):
            raise ValueError(f"segments {list(self.segments)} differ in upper and lower case only")
        for segment, changes in self.segments.items():
            for name, change in changes.items():
                measures = self._dimension(name, f"segment {segment}").measures
                for measure in change.measures.keys() - measures.keys():
                    raise ValueError(
                        f"segment {segment} changes {name}.{measure}, which is not among "
                        f"{list(measures)}: add it to the dimension first"
                    )
        return self

    def _dimension(self, name: str, place: str) -> Dimension:
        if name not in self.dimensions:
            raise ValueError(f"{place} names dimension {name}: there are {list(self.dimensions)}")
        return self.dimensions[name]

    def profile(self, segment: str | None) -> Mapping[str, Dimension]:
        """Dimensions for one segment: everyone's, with the segment's changes; None is everyone."""
        changes = self.segments.get(segment, {}) if segment is not None else {}
        return {
            name: _changed(dimension, changes[name]) if name in changes else dimension
            for name, dimension in self.dimensions.items()
        }

    def features(self) -> list[str]:
        """Every feature the configuration reads, once."""
        measures = [name for d in self.dimensions.values() for name in d.measures]
        others = [TENURE, self.no_use.feature, *(o.feature for o in self.overrides)]
        return list(dict.fromkeys([*measures, *others]))


def _changed(dimension: Dimension, change: DimensionChange) -> Dimension:
    measures = {
        name: measure.model_copy(update=change.measures[name].model_dump(exclude_none=True))
        if name in change.measures
        else measure
        for name, measure in dimension.measures.items()
    }
    return Dimension(weight=change.weight or dimension.weight, measures=measures)


def check_names(settings: HealthSettings, known: Iterable[str]) -> None:
    """Raise UnknownFeature unless every feature that the configuration reads is in `known`."""
    names = sorted(known)
    unknown = [name for name in settings.features() if name not in names]
    if unknown:
        raise UnknownFeature(
            f"health reads {', '.join(unknown)}, which {'is' if len(unknown) == 1 else 'are'} not "
            f"among the {len(names)} features: `renewcast features --dictionary` lists them"
        )
