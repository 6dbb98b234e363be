"""Why a score is what it is: contributions that add up, and sentences a CSM understands.

Contributions are on the logit, before calibration. They say what is associated with the score,
never what causes the outcome.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models import gradient
from models.blend import Model
from models.phrases import phrase

LEAD = "days_to_due"
WORTH_SAYING = 0.01  # on the logit: less moves a probability by under 0.25 points
OTHER = "other"


def by_feature(model: Model, features: pd.DataFrame) -> pd.DataFrame:
    """What each feature adds to the blended logit; with `base`, rows add up to `model.logit`."""
    return _frame(model, features, np.mean(_by_seed(model, features), axis=0))


def contributions(
    model: Model, features: pd.DataFrame, families: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """What each family adds to the blended logit; rows add up to `model.logit`.

    Columns: `base` (the same for everyone), the families in the order given, and `other` for the
    model's columns in none of them.
    """
    single = by_feature(model, features)
    family = {column: name for name, columns in families.items() for column in columns}
    sums = {name: pd.Series(0.0, single.index) for name in ["base", *families, OTHER]}
    sums["base"] = single["base"]
    for column in model.encoding.columns:
        name = family.get(column, OTHER)
        sums[name] = sums[name] + single[column]
    return pd.DataFrame(sums, index=features.index)


def reasons(
    model: Model,
    features: pd.DataFrame,
    families: Mapping[str, Sequence[str]],
    *,
    dictionary: Mapping[str, str],
    count: int = 3,
) -> pd.DataFrame:
    """`reason_1`, `reason_2`, ...: what pushes each score up, the strongest family first.

    One sentence for each family whose sum pushes up, then a second one, and so on; None where
    nothing more pushes.
    A feature is named only if every seed of the trees agrees on its sign, if its value is not the
    typical one and, where its sign binds, lies on the risky side of that. How far off the renewal
    is, is no reason. `dictionary` maps a feature to
    the text that describes it.
    """
    seeds = _by_seed(model, features)[:, :, :-1]
    mean = seeds.mean(axis=0)
    shown = (seeds > 0).all(axis=0) & (mean > WORTH_SAYING) & _on_the_risky_side(model, features)
    columns = model.encoding.columns
    of = {column: name for name, its in families.items() for column in its}
    members = [
        [at for at, column in enumerate(columns) if of.get(column, OTHER) == name]
        for name in [*families, OTHER]
    ]
    rows = features.loc[:, list(columns)].to_dict("records")
    said = [
        [
            phrase(column, row, model.encoding.typical.get(column), dictionary.get(column, column))
            for column in _named(columns, members, push, fit, count)
        ]
        for row, push, fit in zip(rows, mean, shown, strict=True)
    ]
    names = [f"reason_{number}" for number in range(1, count + 1)]
    full = [
        [sentence[:1].upper() + sentence[1:] for sentence in sentences]
        + [None] * (count - len(sentences))
        for sentences in said
    ]
    return pd.DataFrame(full, index=features.index, columns=names, dtype=object)


def _named(
    columns: Sequence[str],
    members: Sequence[Sequence[int]],
    push: np.ndarray,
    shown: np.ndarray,
    count: int,
) -> list[str]:
    """The features to name: the strongest of each family, the strongest family first, then the
    second of each, and so on."""
    families = sorted(
        (its for its in members if push[its].sum() > 0), key=lambda its: -push[its].sum()
    )
    ranked: list[tuple[int, int, str]] = []
    for rank, its in enumerate(families):
        strongest = sorted((at for at in its if shown[at]), key=lambda at: -push[at])
        distinct = _distinct([columns[at] for at in strongest])
        ranked += [(turn, rank, column) for turn, column in enumerate(distinct)]
    return [column for _, _, column in sorted(ranked)][:count]


def _distinct(columns: Sequence[str]) -> list[str]:
    """The strongest of each measure: its other windows would say the same again."""
    first: dict[str, str] = {}
    for column in columns:
        first.setdefault(measure(column), column)
    return list(first.values())


def measure(column: str) -> str:
    """A feature's name without its window.

    >>> measure("active_users_trend_28d"), measure("active_users_7d"), measure("active_days_in_3")
    ('active_users', 'active_users', 'active_days')
    """
    return re.sub(r"(_trend|_growth|_in)?_\d+d?(_in_\w+)?$", "", column)


def _on_the_risky_side(model: Model, features: pd.DataFrame) -> np.ndarray:
    matrix = model.encoding.matrix(features)
    allowed = np.ones(matrix.shape, dtype=bool)
    for at, column in enumerate(model.encoding.columns):
        sign = model.signs.get(column, 0)
        if column in model.encoding.typical:
            beyond = matrix[:, at] - model.encoding.typical[column]
            risky = sign * beyond > 0 if sign else beyond != 0
            allowed[:, at] = np.isnan(matrix[:, at]) | risky
        if column == LEAD:
            allowed[:, at] = False
    return allowed


def _by_seed(model: Model, features: pd.DataFrame) -> np.ndarray:
    """Contributions under each seed (seeds x rows x columns + the base), trees and linear terms
    weighted as they are blended."""
    matrix = model.encoding.matrix(features)
    width = matrix.shape[1] + 1
    boosters = model.served.boosters if model.trees > 0 else ()
    trees = [gradient.contributions(booster, matrix) for booster in boosters]
    linear = np.zeros((len(matrix), width))
    if model.served.linear is not None:
        linear[:, :-1] = model.served.linear.terms(matrix)
        linear[:, -1] = model.served.linear.intercept
    if not trees:
        return linear[np.newaxis]
    return np.stack([model.trees * one + (1 - model.trees) * linear for one in trees])


def _frame(model: Model, features: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(values, index=features.index, columns=[*model.encoding.columns, "base"])
