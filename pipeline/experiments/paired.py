"""Two bundles of one target on the same mornings: what each says, and who is right, paired.

Accounts are drawn together, so that a difference has an interval of its own. The targets that a
target is given stand for both as they are in `artifacts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import get_args

import pandas as pd

from features.publication import read_frame
from models import bundle
from models.chain import chain
from models.comparison import INDEX, Comparison, compare_scores
from models.duel import ComparisonSettings, Figure, Kind
from models.target import Target
from pipeline import compare, files, rivals
from pipeline.calendar import Calendar
from pipeline.settings import Settings
from serve.scorer import probabilities

FIRST, SECOND = "first", "second"
Pair = Mapping[str, Path]  # first, second: the folder of a bundle


class NotComparable(ValueError):
    """Two runs cannot be judged by the same outcomes; every reason is named."""


def held_out(
    settings: Settings, target: Target, first: Path, second: Path | None
) -> tuple[Comparison, list[date]]:
    """Two bundles of the held-out cutoff, `first` and `second`, on the held-out mornings that
    neither has seen an outcome of, in `pairs` on every figure; and those mornings. Without a
    `second` the base rate of that time takes its place.

    Raises NotComparable if none is left.
    """
    calendar = Calendar.read(files.CALENDAR)
    folders = {FIRST: first} | ({} if second is None else {SECOND: second})
    given = [files.bundle(one.name, files.BACKTEST) for one in chain(target, settings.targets)[:-1]]
    cutoff = max(_cutoff(folder) for folder in (*folders.values(), *given))
    held = calendar.heldout(target, settings.heldout, settings.contracts.grace)
    days = [day for day in held if day >= cutoff]
    if not days:
        raise NotComparable(
            f"one of the two has learnt what happened until {cutoff}, and the held-out mornings end"
            f" on {held[-1]}: none is left to judge both by; train both on the same data"
        )
    told = said(settings, target, folders, files.BACKTEST, days)
    if second is None:
        told[SECOND] = rivals.base_rate(target.name, files.BACKTEST)
    labels = compare.judged(settings, calendar)
    asked = labels["target"].eq(target.name) & labels["as_of"].isin(pd.to_datetime(days))
    rows = labels[asked].reset_index(drop=True)
    scores = told.reindex(pd.MultiIndex.from_frame(rows[INDEX])).set_axis(rows.index)
    found = {figure: _judged(settings, rows, scores, figure) for figure in get_args(Figure)}
    pairs = pd.concat([one.pairs[one.pairs["primary"]] for one in found.values()])
    pairs = pairs[pairs["by"].eq("all")]
    pairs["primary"] = pairs["metric"].eq(settings.comparison.primary)
    return replace(found[settings.comparison.primary], pairs=pairs.reset_index(drop=True)), days


def _judged(
    settings: Settings, rows: pd.DataFrame, scores: pd.DataFrame, figure: Figure
) -> Comparison:
    """All rows in one slice, decided by one figure; the draws are those of every comparison."""
    told = settings.comparison.model_dump() | {"primary": figure, "leads": (0, 1)}
    kinds: dict[str, Kind] = {FIRST: "probability", SECOND: "probability"}
    return compare_scores(
        rows, scores, kinds, ComparisonSettings(**told), share=settings.cycle.share
    )


def said(
    settings: Settings, target: Target, folders: Pair, cutoff: str, days: Sequence[date]
) -> pd.DataFrame:
    """The probabilities of each on (account_id, as_of): whoever is asked about on the mornings."""
    asked = read_frame(files.OBSERVATIONS)
    asked = asked[asked["as_of"].isin(pd.to_datetime(list(days)))]
    features = read_frame(files.FEATURES).set_index(INDEX)
    features = features[features.index.get_level_values("as_of").isin(pd.to_datetime(list(days)))]
    steps = chain(target, settings.targets)
    given = {one.name: bundle.load(files.bundle(one.name, cutoff)) for one in steps[:-1]}
    found = {}
    for side, folder in folders.items():
        models = given | {target.name: bundle.load(folder)}
        every = probabilities(features, asked, models, steps)
        own = every[every["target"].eq(target.name)]
        found[side] = own.set_index(INDEX)["probability"]
    return pd.DataFrame(found)


def _cutoff(folder: Path) -> date:
    return date.fromisoformat(bundle.manifest(folder)["about"]["cutoff"])
