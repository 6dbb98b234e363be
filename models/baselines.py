"""What every model must be worth its trouble against: three simple models of the same rows.

`contract_only`: a ridge logit that sees the contract and no behaviour. `ridge`: the ridge logit on
every feature. `plain_lightgbm`: LightGBM as it comes out of the box. None abstains and none is
published; they stand beside the model in the comparison and in its card.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models import calibration
from models.blend import Member, Model
from models.ladder import Learnable, LearnSettings, train
from models.rows import training_rows

if TYPE_CHECKING:
    import lightgbm as lgb

CONTRACT_ONLY, RIDGE, PLAIN = "contract_only", "ridge", "plain_lightgbm"
KINDS = (CONTRACT_ONLY, RIDGE, PLAIN)
CONTRACT = "commercial"  # the family of features that a contract tells
PLAIN_ROUNDS = 100  # LightGBM's own default, as all its other settings here


def baselines(
    features: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    name: str,
    target: Learnable,
    settings: LearnSettings,
    signs: Mapping[str, int],
    seed: int,
    gap_days: int,
    families: Mapping[str, Sequence[str]],
) -> dict[str, Model]:
    """The simple models by name, each learnt from the rows that `ladder.train` would be given.

    The arguments are those of `ladder.train`. Empty where the rows hold one class only.
    """
    outcome = labels["outcome"].astype(bool)
    if outcome.all() or not outcome.any():
        return {}
    told = {"name": name, "target": target, "signs": signs, "seed": seed, "gap_days": gap_days}
    logit = linear_only(settings)
    contract = list(families.get(CONTRACT, []))
    made: dict[str, Callable[[], Model]] = {
        RIDGE: lambda: train(features, labels, settings=logit, families=families, **told),
        PLAIN: lambda: plain(features, labels, name, families),
    }
    if contract:
        made[CONTRACT_ONLY] = lambda: train(
            features[contract], labels, settings=logit, families={CONTRACT: contract}, **told
        )
    return {kind: make() for kind, make in made.items()}


def linear_only(settings: LearnSettings) -> LearnSettings:
    """The same settings, with the ridge logit as the only rung, which is never left."""
    rungs = settings.rungs.model_copy(
        update={
            "linear_from": 2,
            "blend_from": np.inf,
            "least_gain_errors": -np.inf,
            "least_evidence": -np.inf,
        }
    )
    fewest = settings.interval.model_copy(update={"members": 2})  # nobody asks for its interval
    return settings.model_copy(update={"rungs": rungs, "interval": fewest})


def plain(
    features: pd.DataFrame,
    labels: pd.DataFrame,
    name: str,
    families: Mapping[str, Sequence[str]],
) -> Model:
    """LightGBM with its default settings on the same rows and weights, not calibrated."""
    import lightgbm as lgb

    rows = training_rows(features, labels, False, {}, families)
    params = {"objective": "binary", "num_threads": 1, "deterministic": True, "verbosity": -1}
    texts = [
        at for at, column in enumerate(rows.encoding.columns) if column in rows.encoding.categories
    ]
    data = lgb.Dataset(
        rows.matrix, rows.outcome, weight=rows.weight, categorical_feature=texts, params=params
    )
    booster: lgb.Booster = lgb.train(params, data, num_boost_round=PLAIN_ROUNDS)
    nothing = ((0.0,),)
    return Model(
        name=name,
        rung=PLAIN,
        encoding=rows.encoding,
        signs={},
        served=Member((booster,), None),
        trees=1.0,
        calibration=calibration.Calibration("intercept", (0.0,), nothing),
        resampled=(),
        widen=1.0,
        report={
            "rung": PLAIN,
            "rows": len(rows.outcome),
            "base_rate": float(np.average(rows.outcome, weights=rows.weight)),
        },
    )
