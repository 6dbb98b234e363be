"""Columns made from outcomes: means by a group, codes, and what was fitted to the rows told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import chi2

from models.evidence import Codes, Evidence, Floats, GateSettings, Told
from models.separation import EVERY, is_text, numbers, separation

EXACT = 1e-9
GROUPS = 8  # values that a column of means must have, for its closeness to be judged
SPREAD = 1.0  # variance of the outcomes among a value's rows, from which it is one of them


def same_value(column: str, told: Told, settings: GateSettings) -> Iterator[Evidence]:
    """A column in which other accounts with the very same value tell the outcome: codes, hashes,
    and means of the outcome that leave out the row itself."""
    codes = pd.factorize(told.features[column])[0]
    lost, kept = told.mass
    known = codes >= 0
    if not known.any():
        return
    pairs = pd.factorize(codes * told.accounts + told.account)[0]
    others = []
    for mass in (lost, lost + kept):
        there = np.where(known, mass, 0)
        by_value = np.bincount(np.where(known, codes, 0), there)
        others.append(by_value[codes] - np.bincount(pairs, there)[pairs])
    base = lost.sum() / (lost + kept).sum()
    mean = (others[0] + base) / (others[1] + 1)
    values: Floats = np.where(known & (others[1] > EXACT), mean, np.nan).astype(np.float64)
    found = separation(values.round(12), told, settings).get(EVERY)
    if found is None:
        return
    figure = found.beyond(settings.errors)
    yield Evidence(
        "same value",
        column,
        figure,
        found.limit,
        figure > found.limit,
        f"accounts that share a value of {column} share the outcome: AUC {found.auc:.2f} ± "
        f"{found.error:.2f} from the others alone, honest columns stay below {found.limit:.2f}. "
        "It was made from outcomes; make it from the past",
    )


def encoded(column: str, told: Told, settings: GateSettings, which: str) -> Iterator[Evidence]:
    """A column that is the mean outcome of the rows with its value: target encoding.

    Either it equals the mean exactly, or a smooth curve through it meets the means of its values
    more closely than chance lets honest ones be met (lower tail of Pearson's chi-squared).
    """
    series = told.features[column]
    if is_text(series):
        return
    values = numbers(series)
    known = np.flatnonzero(~np.isnan(values))
    distinct, place = np.unique(np.round(values[known], 9), return_inverse=True)
    if not 2 <= len(distinct) <= len(known) / 2:
        return
    outcome, weight = told.outcome[known].astype(float), told.weight[known]
    equal = 0.0
    for mass in (weight, np.ones_like(weight)):
        mean = np.bincount(place, mass * outcome) / np.bincount(place, mass)
        telling = (mean > 0) & (mean < 1)
        if telling.sum() >= 2:
            met = np.abs(distinct - mean) < EXACT
            share = weight[(met & telling)[place]].sum() / weight[telling[place]].sum()
            equal = max(equal, float(share))
    action = "Compute it from outcomes settled before each morning, or leave it out"
    yield Evidence(
        "target encoding",
        column,
        equal,
        0.5,
        equal > 0.5,
        f"{column} is the mean outcome of the {which} with its value, in {equal:.0%} of them. "
        f"{action}",
    )
    even = np.ones_like(weight)
    close = [_closeness(distinct, place, outcome, mass) for mass in (weight, even)]
    if any(one is not None for one in close):
        unlikely = max(one for one in close if one is not None)
        limit = -np.log10(settings.chance) * 2
        yield Evidence(
            "target encoding, smoothed",
            column,
            unlikely,
            limit,
            unlikely > limit,
            f"{column} follows the mean outcome of the {which} with its value more closely than "
            f"chance allows (1 in 10^{unlikely:.0f}). {action}",
        )


def _closeness(distinct: Floats, place: Codes, outcome: Floats, weight: Floats) -> float | None:
    """−log10 of the chance that honest values meet the means of their groups so closely."""
    size, count = np.bincount(place, weight), np.bincount(place)
    mean = np.bincount(place, weight * outcome) / size
    spread = np.bincount(place, weight**2) / size**2
    base = float(np.average(outcome, weights=weight))
    enough = (count > 1) & (base * (1 - base) >= SPREAD * spread)
    if enough.sum() < GROUPS:
        return None
    scaled = (distinct - np.average(distinct, weights=size)) / max(np.ptp(distinct), EXACT)
    design = np.vander(scaled, 3)[enough]
    root = np.sqrt(size[enough])[:, None]
    line = np.linalg.lstsq(design * root, mean[enough] * root[:, 0], rcond=None)[0]
    expected = np.clip(design @ line, base / 4, 1 - base / 4)
    spread = expected * (1 - expected) * spread[enough]
    told = float(((mean[enough] - expected) ** 2 / spread).sum())
    return float(-chi2.logcdf(told, enough.sum() - 3) / np.log(10))


def fading(column: str, earlier: Told, later: Told, settings: GateSettings) -> Iterator[Evidence]:
    """A column that ranks the rows it may have been made from far better than later ones."""
    if is_text(earlier.features[column]):
        return
    before, after = (
        separation(numbers(t.features[column]), t, settings).get(EVERY) for t in (earlier, later)
    )
    if before is None or after is None:
        return
    turned = before.auc if before.auc >= 0.5 else 1 - before.auc
    left = after.auc if before.auc >= 0.5 else 1 - after.auc
    drop = turned - max(left, 0.5)  # what was fitted fades to chance; beyond it lies change
    error = float(np.hypot(before.error, after.error))
    figure = drop - settings.errors * error
    yield Evidence(
        "fades on later rows",
        column,
        figure,
        settings.fading,
        figure > settings.fading,
        f"{column} has AUC {turned:.2f} on the rows learnt from and "
        f"{drop:.2f} less on rows settled later (± {error:.2f}). It was fitted to those outcomes: "
        "make it from what was settled before each morning",
    )
