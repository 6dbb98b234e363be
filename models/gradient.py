"""The boosted trees: LightGBM kept on a short lead, the same bytes on every run.

Reads only plain float64 matrices, never a frame: LightGBM takes columns by position and accepts
them in another order without a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import lightgbm as lgb


class GradientSettings(BaseModel):
    """A leaf holds at least rows / `leaf_divisor` rows, cut to [`leaf_least`, `leaf_most`].

    Rounds are chosen out-of-fold among the multiples of `rounds_step` up to `rounds_most`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    learning_rate: float = Field(gt=0, le=1)
    leaves: int = Field(ge=2)
    depth: int = Field(ge=1)
    leaf_divisor: int = Field(ge=1)
    leaf_least: int = Field(ge=1)
    leaf_most: int = Field(ge=1)
    l2: float = Field(ge=0)
    feature_fraction: float = Field(gt=0, le=1)
    bagging_fraction: float = Field(gt=0, le=1)
    path_smooth: float = Field(ge=0)
    bins: int = Field(ge=2, le=255)
    rounds_step: int = Field(ge=1)
    rounds_most: int = Field(ge=1)
    seeds: int = Field(ge=1)
    threads: int = Field(ge=1)

    @property
    def stages(self) -> list[int]:
        """The numbers of rounds among which the folds choose."""
        return list(range(self.rounds_step, self.rounds_most + 1, self.rounds_step))


def parameters(settings: GradientSettings, rows: int, signs: Sequence[int]) -> dict[str, object]:
    """LightGBM's parameters for so many training rows; `signs` is one of -1, 0, 1 a column."""
    constraints: dict[str, object] = {}
    if any(signs):
        constraints = {
            "monotone_constraints": list(signs),
            "monotone_constraints_method": "intermediate",
        }
    return {
        "objective": "binary",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "max_depth": settings.depth,
        "min_data_in_leaf": leaf_rows(settings, rows),
        "lambda_l2": settings.l2,
        "feature_fraction": settings.feature_fraction,
        "bagging_fraction": settings.bagging_fraction,
        "bagging_freq": 1,
        "path_smooth": settings.path_smooth,
        "max_bin": settings.bins,
        "num_threads": settings.threads,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    } | constraints


def leaf_rows(settings: GradientSettings, rows: int) -> int:
    """The least number of rows in a leaf: small data get leaves of a larger share."""
    return int(np.clip(rows // settings.leaf_divisor, settings.leaf_least, settings.leaf_most))


def binned(
    matrix: np.ndarray,
    outcome: np.ndarray,
    weight: np.ndarray,
    text_columns: Sequence[int],
    params: dict[str, object],
) -> lgb.Dataset:
    """The training rows, cut into bins once and shared by every seed and member."""
    import lightgbm as lgb  # takes a second to import: only where it works

    return lgb.Dataset(
        matrix,
        label=outcome,
        weight=weight,
        categorical_feature=list(text_columns),
        params=dict(params),
        free_raw_data=False,
    ).construct()


def fit(data: lgb.Dataset, params: dict[str, object], rounds: int, seed: int) -> lgb.Booster:
    """Train so many rounds; the seed drives bagging and the choice of columns."""
    import lightgbm as lgb

    return lgb.train({**params, "seed": seed}, data, num_boost_round=rounds)


def logit(booster: lgb.Booster, matrix: np.ndarray) -> np.ndarray:
    """The raw score, log p / (1 - p), of each row; an empty matrix gives an empty array."""
    return np.asarray(booster.predict(matrix, raw_score=True, num_threads=1))


def staged_logits(booster: lgb.Booster, matrix: np.ndarray, step: int) -> np.ndarray:
    """Raw scores after `step`, 2 x `step`, ... rounds: one row a stage."""
    starts = range(0, booster.current_iteration(), step)
    added = [
        booster.predict(
            matrix, raw_score=True, start_iteration=start, num_iteration=step, num_threads=1
        )
        for start in starts
    ]
    return np.cumsum(added, axis=0)


def contributions(booster: lgb.Booster, matrix: np.ndarray) -> np.ndarray:
    """TreeSHAP on the raw score: one column a feature, then the expected score; rows add up."""
    width = booster.num_feature() + 1
    if not len(matrix):
        return np.empty((0, width))
    return np.asarray(booster.predict(matrix, pred_contrib=True, num_threads=1))


def text(booster: lgb.Booster) -> str:
    """The model as LightGBM writes it, without the thread count: the only line that differs."""
    return re.sub(r"\[num_threads: \d+\]\n", "", booster.model_to_string(num_iteration=-1))


def from_text(model: str) -> lgb.Booster:
    """Read a model back; only ever give it text whose hash was verified, for LightGBM aborts the
    whole process on a damaged one."""
    import lightgbm as lgb

    return lgb.Booster(model_str=model)
