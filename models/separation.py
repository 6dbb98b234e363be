"""How well one column tells lost from kept at the same lead, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from models.evidence import Codes, Floats, GateSettings, Told

EVERY = -1  # the key of all lead bands together


@dataclass(frozen=True)
class Separation:
    """AUC of a column within the lead bands, the standard error over accounts, and the limit.

    `auc` is the mean over bands, each weighted by what it can tell; `limit` the same mean of the
    bands' limits.
    """

    auc: float
    error: float
    limit: float

    def beyond(self, errors: float) -> float:
        """The AUC that is certain by so many standard errors."""
        return self.auc - errors * self.error


def separation(values: Floats, told: Told, settings: GateSettings) -> dict[int, Separation]:
    """How well a column ranks outcomes among the rows of one lead band: in all bands together
    (`EVERY`) and by the band's position. Missing values have no part; a band, or all, in which a
    class has fewer than `least` accounts is left out.

    The standard error is the larger of DeLong's, summed by account, and Hanley and McNeil's (1982)
    for the limit at that many accounts: an AUC of 1 among few is no certainty.
    """
    known = ~np.isnan(values)
    lost, kept = told.mass
    found: dict[int, Separation] = {}
    worths, means, limits = [], [], []
    influence = np.zeros(told.accounts)
    accounts = []
    for band, lead in enumerate(told.leads):
        at = np.flatnonzero(known & (told.band == band))
        w1, w0 = lost[at], kept[at]
        s1, s0 = w1.sum(), w0.sum()
        if s1 == 0 or s0 == 0:
            continue
        place = rankdata(values[at], method="dense") - 1
        g1, g0 = np.bincount(place, w1), np.bincount(place, w0)
        above = 1 - ((np.cumsum(g1) - g1 / 2) / s1)[place]
        below = ((np.cumsum(g0) - g0 / 2) / s0)[place]
        auc = float((w1 * below).sum() / s1)
        worth = s1 * s0 / (s1 + s0)
        moved = w1 / s1 * (below - auc) + w0 / s0 * (above - auc)
        mine = np.bincount(told.account[at], moved, told.accounts).astype(np.float64)
        there = told.account[at]
        accounts.append((there[w1 > 0], there[w0 > 0]))
        if measured := _separation(auc, mine, settings.most_auc(lead), accounts[-1:], settings):
            found[band] = measured
        influence += worth * mine
        worths.append(worth)
        means.append(auc)
        limits.append(settings.most_auc(lead))
    if worths:
        auc, limit = (float(np.average(each, weights=worths)) for each in (means, limits))
        whole = _separation(auc, influence / sum(worths), limit, accounts, settings)
        if whole:
            found[EVERY] = whole
    return found


def _separation(
    auc: float,
    influence: Floats,
    limit: float,
    accounts: Sequence[tuple[Codes, Codes]],
    settings: GateSettings,
) -> Separation | None:
    n1, n0 = (len(np.unique(np.concatenate(each))) for each in zip(*accounts, strict=True))
    if min(n1, n0) < settings.least:
        return None
    error = max(float(np.sqrt((influence**2).sum())), hanley_mcneil(limit, n1, n0))
    return Separation(auc, error, limit)


def hanley_mcneil(auc: float, positives: float, negatives: float) -> float:
    """Standard error of an AUC (Hanley and McNeil 1982, exponential scores).

    >>> round(hanley_mcneil(0.75, 50, 450), 3)
    0.041
    """
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return float(np.sqrt((auc * (1 - auc) + spread) / (positives * negatives)))


def is_text(values: pd.Series) -> bool:
    """Whether a column holds no numbers."""
    return not pd.api.types.is_numeric_dtype(values)


def numbers(values: pd.Series) -> Floats:
    """As floats, missing and infinite as NaN."""
    found = values.to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(found), found, np.nan)
