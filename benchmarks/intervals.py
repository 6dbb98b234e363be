"""By how much the spread over resampled accounts must be widened, by the number of positives.

`python -m benchmarks.intervals` learns a rich model on blocks of the family `linear` and takes what
it says as the truth: outcomes of small companies of development seeds are drawn anew from it, one a
decision, so that the churn probability given the features is known exactly. The ladder is trained
on what was drawn, and the factor is found with which 80 % intervals hold 80 % of the probabilities
of other accounts; likewise for the sum of a cycle. Where the ladder abstains, there is no spread to
widen: what stands in for it is how far the true log-odds lie from the base rate. Both stand in
params.yaml, block `learning.interval`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, ndtri

from benchmarks import judging, population
from benchmarks.ceiling import COMMON
from benchmarks.worlds import world
from features.feature import families
from models import gradient
from models.blend import Model
from models.encoding import Encoding, encode
from models.ladder import train
from models.rungs import BASE_RATE
from models.target import learnable
from pipeline import files
from pipeline.morning import INDEX
from pipeline.settings import Settings, load

FAMILY, TARGET = "linear", "churn"
BLOCKS, ROUNDS, JUDGED = 2, 160, 4_000
SIZES = {200: 6, 500: 5, 1_000: 4, 5_000: 1, 7_500: 2}
DRAWS = 2  # of outcomes, for each company
LEVEL = 0.8
Truth = tuple[lgb.Booster, Encoding]


def truth(rows: pd.DataFrame, columns: list[str]) -> Truth:
    """A model of many renewals, whose word is taken as the truth."""
    encoding = encode(rows[columns])
    texts = [at for at, column in enumerate(encoding.columns) if column in encoding.categories]
    data = lgb.Dataset(
        encoding.matrix(rows[columns]),
        rows["outcome"].to_numpy(dtype=float),
        weight=rows["weight"].to_numpy(dtype=float),
        categorical_feature=texts,
        params=COMMON,
    )
    shape = {"num_leaves": 8, "min_data_in_leaf": 200, "learning_rate": 0.05}
    return lgb.train({**COMMON, **shape}, data, ROUNDS), encoding


def logit(of: Truth, features: pd.DataFrame) -> np.ndarray:
    """The true log-odds of rows of features."""
    booster, encoding = of
    return gradient.logit(booster, encoding.matrix(features))


def drawn(labels: pd.DataFrame, z: np.ndarray, seed: int) -> pd.DataFrame:
    """Outcomes drawn anew: one number a decision, so that its mornings agree as far as they can."""
    keys = pd.MultiIndex.from_frame(labels[["account_id", "decision"]])
    codes, decisions = pd.factorize(keys, sort=True)
    chance = np.random.default_rng(seed).random(len(decisions))[codes]
    return labels.assign(outcome=chance < expit(z))


def coverage(model: Model, features: pd.DataFrame, z: np.ndarray, factor: float) -> float:
    """The share of true probabilities inside the interval, were it widened by `factor`."""
    ends = replace(model, widen=factor).interval(features, LEVEL)
    p = expit(z)
    return float(((ends["low"] <= p) & (p <= ends["high"])).mean())


def needed(model: Model, features: pd.DataFrame, z: np.ndarray) -> float:
    """The factor at which the share is the level."""
    low, high = 0.05, 20.0
    if coverage(model, features, z, low) > LEVEL:
        return low
    return float(brentq(lambda by: coverage(model, features, z, by) - LEVEL, low, high, xtol=0.02))


def unlearnt(columns: list[str]) -> float:
    """The spread with which an interval around the base rate's log-odds holds as many of the true
    ones as it should: the truth is learnt on one block, and asked on another."""
    learnt, other = (population.rows(FAMILY, TARGET, range(n, n + 1)) for n in range(2))
    single = other.drop_duplicates(["account_id", "decision"])
    rate = single["outcome"].mean()
    apart = np.abs(logit(truth(learnt, columns), single[columns]) - np.log(rate / (1 - rate)))
    return float(np.quantile(apart, LEVEL) / ndtri((1 + LEVEL) / 2))


def company(seed: int, accounts: int, of: Truth, settings: Settings) -> list[dict[str, Any]]:
    """The factors that one company's drawn outcomes ask for."""
    made = world(
        FAMILY,
        seed,
        accounts,
        settings=settings,
        cutoffs=(files.SERVING,),
        targets=(TARGET,),
        known=False,
    )
    target = settings.targets[TARGET]
    labels = learnable(made.labels[TARGET][files.SERVING], target, settings.targets)
    chosen = families(settings.features.families)
    columns = [column for family in chosen.values() for column in family]
    features = made.features.loc[pd.MultiIndex.from_frame(labels[INDEX]), columns]
    judged = population.fresh(FAMILY, TARGET, blocks=1, most=JUDGED).set_index(INDEX)[columns]
    told = judging.training(made, TARGET, settings)
    found = []
    for draw in range(DRAWS):
        rows = drawn(labels, logit(of, features), 100 * seed + draw)
        model = train(features, rows, **told)
        if model.rung == BASE_RATE:
            continue
        z = logit(of, judged)
        error = model.predict(judged).sum() - expit(z).sum()
        once = replace(model, widen=1.0)
        found.append(
            {
                "accounts": accounts,
                "positives": model.report["positives"],
                "factor": needed(model, judged, z),
                "as_shipped": coverage(model, judged, z, model.widen),
                "sum_error": float(error / once.sum_deviation(judged)),
            }
        )
    return found


def main(asked: list[str]) -> None:
    """Print the factor by size: medians over companies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=100, help="only so many companies of a size")
    given = parser.parse_args(asked)
    settings = load()
    for number in range(BLOCKS):
        population.block(FAMILY, number, settings)
    chosen = families(settings.features.families)
    columns = [column for family in chosen.values() for column in family]
    print(f"where nothing is learnt: spread {unlearnt(columns):.2f}", flush=True)
    of = truth(population.rows(FAMILY, TARGET, range(BLOCKS)), columns)
    for accounts, count in SIZES.items():
        found = [
            row
            for seed in range(min(count, given.first))
            for row in company(seed, accounts, of, settings)
        ]
        rows = pd.DataFrame(found)
        spread = float(np.sqrt((rows["sum_error"] ** 2).mean()))
        print(
            f"{accounts} accounts, {len(rows)} draws, {rows['positives'].median():.0f} positives: "
            f"factor {rows['factor'].median():.2f} ({rows['factor'].min():.2f} to "
            f"{rows['factor'].max():.2f}), held as shipped {rows['as_shipped'].mean():.3f}; "
            f"error of the sum {spread:.2f} of its deviation",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
