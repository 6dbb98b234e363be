"""Why a score is what it is: contributions that add up, and sentences a CSM understands.

Contributions are on the logit, before calibration. They say what is associated with the score,
never what causes the outcome.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from models.blend import Model
from models.peers import SEGMENT, usual
from models.phrases import phrase
from models.pushes import pushes

LEADS, TIMING = ("days_to_due", "due_within_90d"), "time to the renewal"
WORTH_SAYING = 0.01  # on the logit: less moves a probability by under 0.25 points
OTHER = "other"

Families = Mapping[str, Sequence[str]]


def contributions(model: Model, features: pd.DataFrame, families: Families) -> pd.DataFrame:
    """What each family adds to the blended logit; rows add up to `model.logit`.

    Columns: `base` (the same for everyone), the families in the order given, and `other` for the
    model's columns in none of them.
    """
    found = pushes(model, features).of(groups(model, families))
    frame = pd.DataFrame(found.mean, index=features.index, columns=[*families, OTHER])
    frame.insert(0, "base", found.base)
    return frame


def apart(families: Families) -> dict[str, list[str]]:
    """The families with the time to the renewal in one of its own, last: that it draws nearer is
    nobody's doing, and no reason."""
    others = {
        name: [column for column in of if column not in LEADS] for name, of in families.items()
    }
    return others | {TIMING: list(LEADS)}


def groups(model: Model, families: Families) -> list[list[int]]:
    """The positions of each family's columns in the model, then those of no family."""
    of = {column: name for name, its in families.items() for column in its}
    return [
        [at for at, column in enumerate(model.encoding.columns) if of.get(column, OTHER) == name]
        for name in [*families, OTHER]
    ]


def reasons(
    model: Model,
    features: pd.DataFrame,
    families: Families,
    *,
    dictionary: Mapping[str, str],
    peers: pd.DataFrame | None = None,
    count: int = 3,
    against: bool = False,
) -> pd.DataFrame:
    """`reason_1`, `reason_2`, ...: what pushes each score up, the strongest family first.

    A sentence for each feature of `top`, none said twice; None where nothing more pushes.
    `dictionary` maps a feature to the text that describes it. `peers`: the features and `segment`
    of all customers of the mornings, of which a sentence says what is usual; `features` then carry
    `segment` too.
    """
    chosen = top(model, features, families, count=2 * count, against=against)
    columns = list(model.encoding.columns)
    rows = features.loc[:, columns].to_dict("records")
    known: list[dict[Hashable, Any]] = [{} for _ in rows]
    if peers is not None:
        known = usual(features, peers.loc[:, [*columns, SEGMENT]]).to_dict("records")
    typical = model.encoding.typical
    headings = [f"reason_{number}" for number in range(1, count + 1)]
    full = []
    for names, row, its in zip(chosen.to_numpy(), rows, known, strict=True):
        said = [
            sentence(phrase(name, row, typical.get(name), dictionary.get(name, name), its))
            for name in names
            if name is not None
        ]
        distinct = list(dict.fromkeys(said))[:count]
        full.append([*distinct, *[None] * (count - len(distinct))])
    return pd.DataFrame(full, index=features.index, columns=headings, dtype=object)


def sentence(text: str) -> str:
    """With a capital at the beginning."""
    return text[:1].upper() + text[1:]


def top(
    model: Model,
    features: pd.DataFrame,
    families: Families,
    *,
    count: int = 3,
    against: bool = False,
) -> pd.DataFrame:
    """`top_1`, `top_2`, ...: the features that push each score up, or down if `against`.

    One of each family whose sum pushes that way, the strongest family first, then a second one of
    each, and so on; None where nothing more pushes. The fits of the model (models/pushes.py) agree
    on the sign of the family and of the feature. The feature's value is not the typical one and,
    where its sign binds, lies on that side of it. How far off the renewal is, is no reason, and
    counts for no family.
    """
    turn = -1 if against else 1
    found, members = pushes(model, features), groups(model, apart(families))
    shown = (found.sign == turn) & (turn * found.mean > WORTH_SAYING)
    shown &= _off_the_typical(model, features, turn)
    whole = found.of(members)
    names = [
        named(model, members, turn * sums, turn * push, fit, count)
        for sums, push, fit in zip(
            np.where(whole.sign == turn, whole.mean, 0.0), found.mean, shown, strict=True
        )
    ]
    full = [[*its, *[None] * (count - len(its))] for its in names]
    headings = [f"top_{number}" for number in range(1, count + 1)]
    return pd.DataFrame(full, index=features.index, columns=headings, dtype=object)


def named(
    model: Model,
    members: Sequence[Sequence[int]],
    sums: np.ndarray,
    push: np.ndarray,
    shown: np.ndarray,
    count: int,
) -> list[str]:
    """The features to name: the strongest of each group with a positive sum, the strongest group
    first, then the second of each, and so on; of one measure only one window."""
    ranked: list[tuple[int, int, str]] = []
    for rank, group in enumerate(np.argsort(-sums, kind="stable")):
        if sums[group] <= 0:
            break
        strongest = sorted((at for at in members[group] if shown[at]), key=lambda at: -push[at])
        distinct = _distinct([model.encoding.columns[at] for at in strongest])
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


def _off_the_typical(model: Model, features: pd.DataFrame, turn: int) -> np.ndarray:
    """Whether a value may be named as what pushes up (`turn` 1) or down (-1)."""
    matrix = model.encoding.matrix(features)
    allowed = np.ones(matrix.shape, dtype=bool)
    for at, column in enumerate(model.encoding.columns):
        sign = turn * model.signs.get(column, 0)
        if column in model.encoding.typical:
            beyond = matrix[:, at] - model.encoding.typical[column]
            risky = sign * beyond > 0 if sign else beyond != 0
            allowed[:, at] = np.isnan(matrix[:, at]) | risky
        if column in LEADS:
            allowed[:, at] = False
    return allowed
