"""How well a family's renewals can be told apart at all, on the fresh ones: three ceilings.

`python -m benchmarks.ceiling thresholds` writes them beside the blocks of benchmarks.population.
*Omniscient* knows the frailty of the renewal and every shock until it is decided. *State at the
morning* knows the hidden state when the question is asked; both come from the simulation, and are
given for contracts (month to month, several decisions fall into one horizon). *Observable* is
learnt from what a company can see: trees of two sizes and a ridge logit on all other blocks, rounds
and blend chosen on a block of its own. It is a lower bound of what could be learnt.
"""

from __future__ import annotations

import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from scipy.special import expit

from benchmarks import population
from features.feature import families
from features.publication import read_frame, write_frame
from models import linear, metrics
from models.encoding import encode
from pipeline.morning import INDEX
from pipeline.settings import Settings, load

LEADS = [0, 31, 61, 91]
SHAPES: list[dict[str, Any]] = [
    {"num_leaves": 8, "min_data_in_leaf": 200, "learning_rate": 0.06},
    {"num_leaves": 24, "min_data_in_leaf": 400, "learning_rate": 0.05},
]
ROUNDS, PATIENCE, RIDGE, LINEAR_ROWS = 1200, 40, 30.0, 250_000
COMMON: dict[str, Any] = {
    "objective": "binary",
    "metric": "binary_logloss",
    "feature_fraction": 0.4,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "max_bin": 127,
    "deterministic": True,
    "num_threads": 1,
    "seed": 1,
    "verbosity": -1,
}


def path(family: str, target: str) -> Path:
    """Where the observable ceiling's probabilities of the fresh renewals lie."""
    return population.folder(family) / f"ceiling-{target}.parquet"


def observable(family: str, target: str, settings: Settings) -> pd.DataFrame:
    """The learner's probability of each fresh renewal."""
    numbers = population.made(family, target)
    judge = numbers[-1]
    train = population.rows(family, target, numbers[population.FRESH_BLOCKS : -1])
    check = population.rows(family, target, [judge])
    fresh = population.fresh(family, target)
    chosen = families(settings.features.families)
    columns = [column for family_ in chosen.values() for column in family_]
    encoding = encode(train[columns])
    matrices = [encoding.matrix(frame[columns]) for frame in (train, check, fresh)]
    outcome, weight = train["outcome"].to_numpy(float), train["weight"].to_numpy(float)
    texts = [at for at, column in enumerate(encoding.columns) if column in encoding.categories]
    data = lgb.Dataset(
        matrices[0], outcome, weight=weight, categorical_feature=texts, params=COMMON,
        free_raw_data=False,
    )  # fmt: skip
    aside = lgb.Dataset(
        matrices[1], check["outcome"].to_numpy(float), weight=check["weight"], reference=data
    )
    logits = []
    for shape in SHAPES:
        booster = lgb.train(
            {**COMMON, **shape}, data, ROUNDS, valid_sets=[aside],
            callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
        )  # fmt: skip
        logits.append([booster.predict(matrix, raw_score=True) for matrix in matrices[1:]])
    some = np.random.default_rng(0).permutation(len(train))[:LINEAR_ROWS]
    ruler = linear.problem(
        matrices[0][some], outcome[some], encoding, {}, {}, chosen, settings.learning.linear
    )
    ridge, _ = ruler.fit(weight[some], RIDGE)
    logits.append([ridge.logit(matrix) for matrix in matrices[1:]])
    shares = _blend([parts[0] for parts in logits], check)
    blended = sum(share * parts[1] for share, parts in zip(shares, logits, strict=True))
    return fresh[INDEX].assign(probability=expit(blended))


def _blend(logits: list[np.ndarray], check: pd.DataFrame) -> tuple[float, ...]:
    """Shares of the learners, in tenths, that sum to one and do best on the block set aside."""
    steps = [share / 10 for share in range(11)]
    grid = [shares for shares in product(steps, repeat=len(logits)) if abs(sum(shares) - 1) < 1e-9]

    def loss(shares: tuple[float, ...]) -> float:
        z = sum(share * part for share, part in zip(shares, logits, strict=True))
        return float(metrics.log_loss(expit(z), check["outcome"], check["weight"]))

    return min(grid, key=loss)


def learnt(family: str, target: str) -> np.ndarray:
    """The observable ceiling's probabilities, in the order of the fresh renewals."""
    return read_frame(path(family, target))["probability"].to_numpy()


def ceilings(family: str, target: str) -> dict[str, Any]:
    """AUC of each ceiling on the fresh renewals, over all of them and by lead."""
    fresh = population.fresh(family, target)
    rows = fresh.assign(observable=learnt(family, target))
    band = pd.cut(rows["days_to_due"].astype(float), LEADS, right=False)
    scores = {"observable": "observable"}
    if target == "churn":
        scores |= {"state": "churn_probability", "omniscient": "omniscient_churn"}
    found: dict[str, Any] = {
        "rows": len(rows),
        "outcomes": int(rows["outcome"].sum()),
        "log_loss": float(metrics.log_loss(rows["observable"], rows["outcome"])),
        "renewals_learnt_from": _renewals(family, target),
    }
    for name, column in scores.items():
        there = rows[rows[column].notna()]
        found[name] = {"all": metrics.auc(there[column], there["outcome"])}
        for lead, part in there.groupby(band, observed=True):
            found[name][f"{lead.left:.0f}-{lead.right - 1:.0f}"] = metrics.auc(
                part[column], part["outcome"]
            )
    contracts = rows[rows["churn_probability"].notna()]
    if len(contracts):
        found["observable"]["contracts"] = metrics.auc(
            contracts["observable"], contracts["outcome"]
        )
    return found


def _renewals(family: str, target: str) -> int:
    numbers = population.made(family, target)[population.FRESH_BLOCKS : -1]
    return sum(
        len(
            pd.read_parquet(
                population.folder(family) / f"{target}-{number:03}.parquet",
                columns=["account_id", "due_date"],
            ).drop_duplicates()
        )
        for number in numbers
    )


def main(asked: list[str]) -> None:
    """Learn what is not learnt yet, and print the ceilings of the families named."""
    settings = load()
    for family, target in product(asked, population.TARGETS):
        if not path(family, target).exists():
            write_frame(observable(family, target, settings), path(family, target), INDEX)
        print(json.dumps({"family": family, "target": target, **ceilings(family, target)}))


if __name__ == "__main__":
    main(sys.argv[1:])
