"""Which rows judge a model that never saw them: later mornings, or else other accounts.

Walk forward: a block of mornings is predicted from the rows whose outcome was settled when the
block began. With too few outcomes, or too short a history, the accounts are dealt into groups
instead, each predicted from the others: the earliest blocks would be learnt from a handful of
outcomes, and say nothing of what all of them can teach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

FORWARD = "walk-forward"


class FoldSettings(BaseModel):
    """When walking forward is worth it: from `forward_from` positives on, if each block has
    `train_share` of them behind it and the blocks together judge `test_share` of them. `dealings`:
    how many times accounts are dealt into groups, where they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    blocks: int = Field(ge=1)
    account_groups: int = Field(ge=2)
    dealings: int = Field(ge=1)
    forward_from: int = Field(ge=1)
    train_share: float = Field(gt=0, lt=1)
    test_share: float = Field(gt=0, lt=1)


@dataclass(frozen=True)
class Fold:
    """Positions of the training and of the judged rows; `start` is the block's first morning."""

    train: np.ndarray
    test: np.ndarray
    start: pd.Timestamp | None


def folds(
    index: pd.Index, positives: np.ndarray, settings: FoldSettings, gap_days: int, seed: int
) -> tuple[str, list[Fold]]:
    """The kind of folds, `walk-forward` or `by account`, and the folds.

    `index` is (account_id, as_of), `positives` the weight of each row's positive outcome (else
    0), `gap_days` the days from a morning until its outcome is settled.
    """
    enough = positives.sum() >= settings.forward_from
    forward = walk_forward(index, positives, settings, gap_days) if enough else []
    if forward:
        return FORWARD, forward
    dealings = 1 if enough else settings.dealings
    groups = [account_groups(index, settings.account_groups, seed + n) for n in range(dealings)]
    every = [
        Fold(np.flatnonzero(dealt != group), np.flatnonzero(dealt == group), None)
        for dealt in groups
        for group in range(settings.account_groups)
    ]
    return "by account", [fold for fold in every if len(fold.test) and positives[fold.train].any()]


def account_groups(index: pd.Index, count: int, seed: int) -> np.ndarray:
    """For each row the group, 0 to `count` - 1, that its account was dealt into."""
    codes, accounts = pd.factorize(index.get_level_values("account_id"), sort=True)
    dealt = np.random.default_rng(seed).permutation(len(accounts)) % count
    return dealt[codes]


def walk_forward(
    index: pd.Index, positives: np.ndarray, settings: FoldSettings, gap_days: int
) -> list[Fold]:
    """Blocks of mornings, each with the rows settled before it; none if they judge too little."""
    as_of = pd.DatetimeIndex(index.get_level_values("as_of"))
    settled_on = as_of + pd.Timedelta(days=gap_days)
    behind = settings.train_share * positives.sum()
    starts = [
        morning
        for morning in as_of.unique().sort_values()
        if positives[settled_on <= morning].sum() >= behind
    ]
    blocks = np.array_split(np.array(starts), min(settings.blocks, len(starts))) if starts else []
    found = [
        Fold(
            np.flatnonzero(settled_on <= pd.Timestamp(block[0])),
            np.flatnonzero(as_of.isin(block)),
            pd.Timestamp(block[0]),
        )
        for block in blocks
    ]
    judged = sum(positives[fold.test].sum() for fold in found)
    return found if judged >= settings.test_share * positives.sum() > 0 else []
