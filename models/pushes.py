"""What each column pushes a score by, under every fit of a model: the served seeds, and the fits
on resampled accounts. A push whose sign the fits do not agree on is not worth a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models import gradient
from models.blend import Member, Model

AGREEING = 0.75  # of the resampled fits: six of eight, three of three


@dataclass(frozen=True)
class Pushes:
    """`seeds` and `resampled`: fits x rows x columns, on the logit before calibration; `base`: what
    the served seeds add for everyone, on average."""

    seeds: np.ndarray
    resampled: np.ndarray
    base: float

    @property
    def mean(self) -> np.ndarray:
        """Rows x columns: what the served model pushes by; with `base` rows add up to its logit."""
        return np.asarray(self.seeds.mean(axis=0))

    @property
    def sign(self) -> np.ndarray:
        """Rows x columns: 1 or -1 where every seed and AGREEING of the resampled fits say so, else
        0. A push that is 0 under one seed has no sign."""
        up, down = (
            (turn * self.seeds > 0).all(axis=0) & _most(turn * self.resampled > 0)
            for turn in (1, -1)
        )
        return up.astype(int) - down.astype(int)

    def of(self, groups: Sequence[Sequence[int]]) -> Pushes:
        """The same for groups of columns, given by their positions."""
        summed = [
            np.stack([fits[:, :, list(group)].sum(axis=2) for group in groups], axis=2)
            for fits in (self.seeds, self.resampled)
        ]
        return Pushes(summed[0], summed[1], self.base)

    def since(self, before: Pushes) -> Pushes:
        """How the pushes of the same rows differ from those before, fit by fit."""
        return Pushes(
            self.seeds - before.seeds, self.resampled - before.resampled, self.base - before.base
        )


def pushes(model: Model, features: pd.DataFrame) -> Pushes:
    """TreeSHAP of the trees and the terms of the ridge logit, weighted as they are blended."""
    matrix = model.encoding.matrix(features)
    served = _of_member(model, model.served, matrix)
    others = [_of_member(model, member, matrix).mean(axis=0)[:, :-1] for member in model.resampled]
    resampled = np.stack(others) if others else np.empty((0, *served.shape[1:-1], matrix.shape[1]))
    base = float(served[:, 0, -1].mean()) if len(matrix) else 0.0
    return Pushes(served[:, :, :-1], resampled, base)


def _most(agree: np.ndarray) -> np.ndarray:
    return agree.mean(axis=0) >= AGREEING if len(agree) else np.ones(agree.shape[1:], dtype=bool)


def _of_member(model: Model, member: Member, matrix: np.ndarray) -> np.ndarray:
    """Boosters x rows x columns and the base; without trees, the linear terms as one fit."""
    linear = np.zeros((len(matrix), matrix.shape[1] + 1))
    if member.linear is not None:
        linear[:, :-1] = member.linear.terms(matrix)
        linear[:, -1] = member.linear.intercept
    boosters = member.boosters if model.trees > 0 else ()
    trees = [gradient.contributions(booster, matrix) for booster in boosters]
    if not trees:
        return (1 - model.trees) * linear[np.newaxis]
    return np.stack([model.trees * one + (1 - model.trees) * linear for one in trees])
