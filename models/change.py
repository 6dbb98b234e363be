"""How a probability came about, and what changed since an earlier morning: shares that add up.

A score is `calibration(base + sum of contributions)`. Going straight from the base to the score,
every contribution moves the probability by its own size times the same mean slope: that is the
integrated gradient along the line (Sundararajan et al. 2017), and nothing is left over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.blend import Model
from models.calibration import Calibration
from models.explain import (
    LEADS,
    OTHER,
    WORTH_SAYING,
    Families,
    contributions,
    groups,
    named,
    sentence,
)
from models.phrases import changed
from models.pushes import pushes

MODEL = "model"
NEAR = 1e-6  # two logits closer than this: the slope is taken around them, not between them


class OtherAccounts(ValueError):
    """Two mornings are compared whose rows are not the same accounts."""


@dataclass(frozen=True)
class Change:
    """What changed for each account, on the logit and in points of probability (0.01 is one).

    One column a family, `other`, and `model`: what another model alone would have changed. Rows
    add up to the later score minus the earlier one.
    """

    logit: pd.DataFrame
    points: pd.DataFrame


def points(model: Model, parts: pd.DataFrame) -> pd.DataFrame:
    """The contributions of `explain.contributions` in probability; rows add up to `predict`.

    `base` becomes the probability of an account that is average in every family. It is not the base
    rate: a mean of logits is not the logit of a mean.
    """
    start = parts["base"].to_numpy(dtype=float)
    shares = parts.drop(columns="base")
    slope = _slope(model.calibration, start, start + shares.sum(axis=1).to_numpy())
    found = shares.mul(slope, axis=0)
    found.insert(0, "base", model.calibration.probability(start))
    return found


def change(
    earlier: Model,
    before: pd.DataFrame,
    later: Model,
    after: pd.DataFrame,
    families: Families,
) -> Change:
    """From what `earlier` said on the features `before` to what `later` says on those `after`.

    Both frames are indexed by (account_id, as_of), one row an account, the same accounts. Where the
    two models are one, only the accounts have changed. Otherwise each model scores both mornings,
    and the shares are the means of the two orders: first the account changes and then the model, or
    the other way round (the Shapley value of the two).
    """
    accounts = after.index.get_level_values("account_id")
    if not before.index.get_level_values("account_id").equals(accounts):
        raise OtherAccounts("two mornings are compared: give one row an account, in one order")
    models = [earlier] if earlier is later else [earlier, later]
    starts = [contributions(model, before, families) for model in models]
    ends = [contributions(model, after, families) for model in models]
    names = [*families, OTHER]
    logit, moved, slopes = [], [], []
    for model, start, end in zip(models, starts, ends, strict=True):
        moved.append(end[names].to_numpy() - start[names].to_numpy())
        logit.append(np.stack([start.sum(axis=1).to_numpy(), end.sum(axis=1).to_numpy()]))
        slopes.append(_slope(model.calibration, *logit[-1])[:, np.newaxis])
    probability = [
        model.calibration.probability(both.ravel()).reshape(both.shape)
        for model, both in zip(models, logit, strict=True)
    ]
    return Change(
        _frame(accounts, names, moved, logit),
        _frame(accounts, names, [a * b for a, b in zip(moved, slopes, strict=True)], probability),
    )


def sentences(
    model: Model,
    before: pd.DataFrame,
    after: pd.DataFrame,
    families: Families,
    *,
    dictionary: Mapping[str, str],
    when: str,
    count: int = 3,
) -> list[list[tuple[int, str]]]:
    """For each row of `after`: what changed most in it since `before`, told with both values.

    Each is (1 if it raises the score or -1, sentence); families in the order of how much they
    moved, and only where the fits of the model agree on the direction (models/pushes.py). `when`
    names the earlier morning. A change that reads the same on both mornings is left out.
    """
    moved = pushes(model, after).since(pushes(model, before))
    members = groups(model, families)
    whole, columns = moved.of(members), list(model.encoding.columns)
    rows = [frame.loc[:, columns].to_dict("records") for frame in (before, after)]
    found = []
    for at, (then, now) in enumerate(zip(*rows, strict=True)):
        of_family = np.zeros(len(columns))
        for place, member in enumerate(members):
            of_family[member] = whole.sign[at, place]
        push, sums = of_family * moved.mean[at], np.abs(whole.mean[at] * whole.sign[at])
        shown = (moved.sign[at] == of_family) & (push > WORTH_SAYING)
        shown &= ~np.isin(columns, LEADS)
        told = [
            (int(of_family[columns.index(name)]), changed(name, then, now, meaning, when))
            for name in named(model, members, sums, push, shown, len(columns))
            for meaning in [dictionary.get(name, name)]
        ]
        found.append([(way, sentence(text)) for way, text in told if text is not None][:count])
    return found


def _frame(
    accounts: pd.Index,
    names: Sequence[str],
    moved: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
) -> pd.DataFrame:
    """The mean of what moved under each model, and what the model alone moved: the mean over the
    two mornings of the last model's score minus the first one's."""
    frame = pd.DataFrame(np.mean(moved, axis=0), index=accounts, columns=list(names))
    return frame.assign(**{MODEL: (scores[-1] - scores[0]).mean(axis=0)})


def _slope(calibration: Calibration, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """How much probability a unit of the logit is worth, on the way from start to end."""
    near = np.abs(end - start) < NEAR
    low, high = np.where(near, start - NEAR, start), np.where(near, end + NEAR, end)
    rise = calibration.probability(high) - calibration.probability(low)
    return np.asarray(rise / (high - low))
