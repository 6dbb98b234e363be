"""The figures of one scorer in every draw of a duel: from its rows, or of many rows from bins.

Both give one figure a draw, the first of the data as they are. On bins of the score the work is the
same however many rows there are: what a draw of binned rows differs from the binned rows themselves
is set around the figure of the rows.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from models import metrics
from models.metrics import SMALLEST, Ranking

CELLS_AT_ONCE = 80_000  # fits the cache, and is small enough for BLAS to stay on one thread
BINS = 400  # of equal numbers of rows; tied rows stay together

Kind = Literal["probability", "rule"]
Floats = NDArray[np.float64]


class Rows(NamedTuple):
    """One entry a row: the unit that is drawn with it, weight, outcome and ARR (maybe NaN)."""

    units: NDArray[np.intp]
    weight: Floats
    happened: NDArray[np.bool_]
    arr: Floats

    def at(self, order: NDArray[np.intp]) -> Rows:
        return Rows(self.units[order], self.weight[order], self.happened[order], self.arr[order])


def of_rows(
    score: Floats, rows: Rows, drawn: Floats, kind: Kind, share: float
) -> dict[str, Floats]:
    """Each draw weighs the rows anew."""
    parts = []
    for some in np.array_split(drawn, max(1, len(drawn) * len(score) // CELLS_AT_ONCE)):
        weight = some[:, rows.units] * rows.weight
        parts.append(_figures_of(score, rows.happened, rows.arr, weight, kind, share))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def of_bins(
    score: Floats, rows: Rows, drawn: Floats, kind: Kind, share: float
) -> dict[str, Floats]:
    """The figure of the rows, and around it what the draws of binned rows differ from their own."""
    order = np.argsort(-score)
    score, rows = score[order], rows.at(order)
    exact = _figures_of(score, rows.happened, rows.arr, rows.weight[None, :], kind, share)
    edges = -score[np.linspace(0, len(score) - 1, BINS + 1).astype(int)[1:-1]]
    bins = np.searchsorted(np.unique(edges), -score)
    number = int(bins[-1]) + 1

    def of_units(amount: Floats, chosen: NDArray[np.bool_]) -> Floats:
        cells = rows.units[chosen] * number + bins[chosen]
        size = drawn.shape[1] * number
        return drawn @ np.bincount(cells, amount[chosen], size).reshape(-1, number)

    everyone, priced = np.ones(len(score), dtype=bool), ~np.isnan(rows.arr)
    weight, outcome = (of_units(rows.weight, of) for of in (everyone, rows.happened))
    money = of_units(rows.weight * rows.arr, rows.happened & priced)
    mass = weight if priced.all() else of_units(rows.weight, priced)
    binned = _ranked(Ranking(weight, outcome), Ranking(mass, money), share)
    if kind == "probability":
        middle = np.bincount(bins, logit(np.clip(score, SMALLEST, 1 - SMALLEST)), number)
        at = np.tile(expit(middle / np.bincount(bins, minlength=number)), 2)
        line = metrics.calibration_line(
            at, np.repeat([True, False], number), np.hstack([outcome, weight - outcome])
        )
        binned |= {
            "log_loss": _mean(metrics.surprise(score, rows.happened), rows, drawn),
            "brier": _mean((score - rows.happened) ** 2, rows, drawn),
            "calibration_intercept": line[0],
            "calibration_slope": line[1],
        }
    return {
        name: np.concatenate([exact[name], exact[name] + values[1:] - values[0]])
        for name, values in binned.items()
    }


def _mean(loss: Floats, rows: Rows, drawn: Floats) -> Floats:
    """The weighted mean over the rows, exactly, in each draw of units."""
    top, bottom = (
        np.bincount(rows.units, of, drawn.shape[1]) for of in (rows.weight * loss, rows.weight)
    )
    return np.asarray((drawn @ top) / (drawn @ bottom), dtype=float)


def _figures_of(
    score: Floats,
    happened: NDArray[np.bool_],
    arr: Floats,
    weight: Floats,
    kind: Kind,
    share: float,
) -> dict[str, Floats]:
    priced = ~np.isnan(arr)
    found = _ranked(
        Ranking.of(score, happened, weight),
        Ranking.of(score[priced], (happened * arr)[priced], weight[:, priced]),
        share,
    )
    if kind == "probability":
        line = metrics.calibration_line(score, happened, weight)
        found |= {
            "log_loss": metrics.log_loss(score, happened, weight),
            "brier": metrics.brier(score, happened, weight),
            "calibration_intercept": line[0],
            "calibration_slope": line[1],
        }
    return found


def _ranked(rows: Ranking, money: Ranking, share: float) -> dict[str, Floats]:
    return {
        "auc": rows.auc(),
        "average_precision": rows.average_precision(),
        "lift": rows.caught_at(share) / share,
        "arr_caught": money.caught_at(share),
    }
