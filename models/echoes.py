"""Columns that know the outcome: too good for their lead, or almost the outcome itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaincinv, logit

from models.evidence import Evidence, GateSettings, Told
from models.separation import EVERY, is_text, numbers, separation

TAILS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
FREQUENT = 12  # values of a column that are looked at one by one, the most frequent
EXACT = 1e-9
FAR = 2  # the lead band from which a column is judged by itself once more
Rows = NDArray[np.bool_]


def too_good(column: str, told: Told, settings: GateSettings) -> Iterator[Evidence]:
    """A single column that ranks outcomes better than any may at its lead: in all bands together,
    and in each alone."""
    series = told.features[column]
    if is_text(series):
        return
    values = numbers(series)
    for band, found in separation(values, told, settings).items():
        turned = max(found.auc, 1 - found.auc)
        figure = turned - settings.errors * found.error
        where = "" if band == EVERY else f" {_days(told, band)}"
        yield Evidence(
            "too good for its lead",
            column,
            figure,
            found.limit,
            figure > found.limit,
            f"{column} alone has AUC {turned:.2f} ± {found.error:.2f}{where}; no honest column has "
            f"more than {found.limit:.2f} there. Look where it comes from: a value written or "
            "overwritten after the decision is no feature",
        )


def echo(column: str, told: Told, settings: GateSettings) -> Iterator[Evidence]:
    """A value, a tail or the missingness of a column among which the outcome is almost certain.

    Each account counts once, in parts where only some of its rows have the outcome; elsewhere means
    as many rows at each lead: an outcome may fall due in some of them only. The odds ratio must be
    beyond its limit even at the lower end of its interval, among all rows or among those far off,
    where an honest column tells less.
    """
    found: list[tuple[float, float, str]] = []
    groups = list(_groups(told.features[column]))
    ahead = told.band >= FAR
    for where, part in (("", np.ones_like(ahead)), (f" from {told.leads[FAR]:.0f} days on", ahead)):
        if part.sum() < settings.least:
            continue
        for said, group in groups:
            measured = _odds(group & part, part & ~group, told, settings)
            if measured:
                figure, limit, lost, kept = measured
                text = f"{said}{where}: {lost:.0f} accounts with the outcome and {kept:.0f} without"
                found.append((figure, limit, text))
    if not found:
        return
    figure, limit, said = max(found, key=lambda one: one[0] / one[1])
    yield Evidence(
        "label echo",
        column,
        figure,
        limit,
        figure > limit,
        f"{column} {said}, at least {figure:.0f} times the odds elsewhere; honest columns stay "
        f"below {limit:.0f}. Look who writes it, and when: it knows what happened",
    )


def _odds(
    group: Rows, rest: Rows, told: Told, settings: GateSettings
) -> tuple[float, float, float, float] | None:
    """The certain odds ratio of a group against the rest, its limit, and the accounts in the group
    with and without the outcome; None of too few.

    The interval of the ratio combines those of the two shares (Clopper and Pearson 1934) by the
    squares of their half-widths on the logit (MOVER, Donner and Zou 2012).
    """
    weight, outcome = told.weight[group], told.outcome[group]
    whole = np.bincount(told.account[group], weight)
    mine = np.bincount(told.account[group], weight * outcome)[whole > 0] / whole[whole > 0]
    lost, kept = float(mine.sum()), float((1 - mine).sum())
    if lost < settings.least / 2:
        return None
    share = np.bincount(told.band[group], weight, len(told.leads))
    share = share / share.sum()
    gone, there = (np.bincount(told.band[rest], m[rest], len(share)) for m in told.mass)
    if (gone + there)[share > 0].min() == 0 or there.sum() == 0:
        return None
    most = np.array([settings.most_odds(lead) for lead in told.leads])
    outside = _logit(float(share @ ((gone + 0.5) / (gone + there + 1))))
    a, b = float(gone.sum()), float(there.sum())
    up = _logit(betaincinv(a + 1, b, 1 - settings.chance)) - _logit((a + 0.5) / (a + b + 1))
    inside = _logit((lost + 0.5) / (lost + kept + 1))
    down = inside - _logit(betaincinv(lost, kept + 1, settings.chance))
    figure = float(np.exp(inside - outside - np.hypot(up, down)))
    return figure, float(np.exp(share @ np.log(most))), lost, kept


def _logit(share: float) -> float:
    return float(logit(np.clip(share, EXACT, 1 - EXACT)))


def _groups(series: pd.Series) -> Iterator[tuple[str, Rows]]:
    """Groups of rows by a column, outcomes unseen: missing or not, frequent values, and tails."""
    missing = series.isna().to_numpy()
    if missing.any():
        yield "is missing", missing
        yield "is known", ~missing
    for value in series.value_counts().index[:FREQUENT]:
        yield f"is {value}", series.eq(value).fillna(False).to_numpy(dtype=bool)
    if is_text(series):
        return
    values = numbers(series)
    known = values[~np.isnan(values)]
    if not len(known):
        return
    for tail in TAILS:
        low, high = np.quantile(known, [tail, 1 - tail])
        yield f"is at most {low:.4g}", values <= low
        yield f"is at least {high:.4g}", values >= high


def _days(told: Told, band: int) -> str:
    if band + 1 == len(told.leads):
        return f"{told.leads[band]:.0f} days and more before the due date, or without one"
    return f"{told.leads[band]:.0f}–{told.leads[band + 1] - 1:.0f} days before the due date"
