"""What each part of the recipe is worth: the models with one thing changed, on development seeds.

`python -m benchmarks.models` (twenty minutes; `make bench-models` takes the first of each size and
family) trains on small companies of the families `linear` and `drift` and judges on fresh renewals
of the same family; each figure is the mean over companies of the change against the models as
shipped, with its 95 % interval. Log-loss: less is better.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import judging, population
from benchmarks.exam import ALONE, WORKERS
from benchmarks.grades import interval
from benchmarks.population import TARGETS
from benchmarks.worlds import world
from features.feature import families
from models import metrics
from models.blend import Model
from models.ladder import LearnSettings
from models.target import weights
from pipeline import files
from pipeline.morning import INDEX
from pipeline.settings import Settings, load
from serve.scorer import LEARNT

FAMILIES = ("linear", "drift")
COMPANIES = {200: 4, 500: 2}
FRESH = 8_000
HUGE, LOTS = 1e9, 1e12

Change = Callable[[LearnSettings], LearnSettings]


def told(**blocks: Mapping[str, Any]) -> Change:
    """A change of some values of some blocks of the settings."""

    def change(settings: LearnSettings) -> LearnSettings:
        changed = {
            name: getattr(settings, name).model_copy(update=dict(values))
            for name, values in blocks.items()
        }
        return settings.model_copy(update=changed)

    return change


SETTINGS: Mapping[str, Change] = {
    "never abstains": told(rungs={"least_gain_errors": -HUGE, "least_evidence": -HUGE}),
    "one seed": told(gradient={"seeds": 1}),
    "even blend": told(blend={"even_prior": LOTS}),
    "blend as found, not shrunk": told(blend={"even_prior": 0.0}),
    "calibration: level only": told(calibration={"platt_from": int(HUGE)}),
    "calibration: beta at any size": told(calibration={"platt_from": 1, "beta_from": 1}),
    "search at any size (8 trials)": told(rungs={"search_from": 2}, search={"trials": 8}),
    "declared signs do not bind": told(rungs={"unbound_from": 2}),
}


def one_morning(labels: pd.DataFrame) -> pd.DataFrame:
    """Only the last morning before each decision."""
    last = labels.sort_values(INDEX[::-1]).drop_duplicates(["account_id", "decision"], keep="last")
    return last.assign(weight=weights(last))


def balanced(labels: pd.DataFrame) -> pd.DataFrame:
    """Class weights: outcomes together weigh as much as the others."""
    happened = labels["outcome"].astype(bool)
    share = float(np.average(happened, weights=labels["weight"]))
    return labels.assign(
        weight=labels["weight"].where(~happened, labels["weight"] * (1 - share) / share)
    )


def by_arr(labels: pd.DataFrame) -> pd.DataFrame:
    """Weights by ARR, cut at its 95th percentile."""
    arr = labels["arr"].clip(upper=labels["arr"].quantile(0.95)).fillna(labels["arr"].median())
    return labels.assign(weight=labels["weight"] * arr / arr.mean())


ROWS: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "one morning a renewal": one_morning,
    "class weights": balanced,
    "weighted by ARR": by_arr,
}


@cache
def fresh(family: str, target: str) -> pd.DataFrame:
    """The renewals that the companies of a family are judged on."""
    return population.fresh(family, target, blocks=1, most=FRESH)


def company(family: str, seed: int, accounts: int) -> list[dict[str, Any]]:
    """One company's figures under each variant. Nobody asks for an interval here: the refits on
    resampled accounts are as few as can be."""
    loaded = load()
    few = told(interval={"members": 2})(loaded.learning)
    settings = loaded.model_copy(update={"learning": few})
    made = world(family, seed, accounts, settings=settings, cutoffs=(files.SERVING,))
    shipped = judging.fitted(made, settings, beside=True, only=TARGETS)
    variants: dict[str, dict[str, Model]] = {"as shipped": {t: shipped[t][LEARNT] for t in TARGETS}}
    for kind in ("ridge", "plain_lightgbm", "contract_only"):
        variants[f"{kind.replace('_', ' ')} alone"] = {
            t: shipped[t].get(kind, shipped[t][LEARNT]) for t in TARGETS
        }
    variants["trees alone"] = {
        t: replace(m, trees=1.0) if m.served.boosters else m
        for t, m in variants["as shipped"].items()
    }
    for name, change in SETTINGS.items():
        learning = change(settings.learning)
        found = judging.fitted(made, settings, learning=learning, only=TARGETS)
        variants[name] = {t: found[t][LEARNT] for t in TARGETS}
    for name, alter in ROWS.items():
        found = judging.fitted(made, settings, only=TARGETS, rows=alter)
        variants[name] = {t: found[t][LEARNT] for t in TARGETS}
    chosen = families(settings.features.families)
    for name in chosen:
        found = judging.fitted(made, settings, only=TARGETS, leave=name)
        variants[f"without {name}"] = {t: found[t][LEARNT] for t in TARGETS}
    return [
        {"family": family, "accounts": accounts, "seed": seed, "target": t, "variant": name}
        | measured(models, family, t, settings)
        for name, models in variants.items()
        for t in TARGETS
    ]


def measured(
    models: Mapping[str, Model], family: str, target: str, settings: Settings
) -> dict[str, float]:
    """AUC, log-loss and the ARR of outcomes caught, on the fresh renewals."""
    rows = fresh(family, target)
    p = judging.predicted(models, rows, target, settings)["probability"].to_numpy()
    outcome = rows["outcome"].to_numpy(dtype=bool)
    arr = rows["arr"].fillna(0.0)
    return {
        "auc": metrics.auc(p, outcome),
        "log_loss": float(metrics.log_loss(p, outcome)),
        "arr_caught": metrics.arr_caught_at(settings.cycle.share, p, outcome, arr),
    }


def table(found: pd.DataFrame) -> str:
    """The changes as Markdown, a row a target and variant."""
    keys = ["target", "family", "accounts", "seed"]
    shipped = found[found["variant"] == "as shipped"].set_index(keys)
    lines = [
        "| target | variant | log-loss | AUC | ARR caught |",
        "|---|---|---|---|---|",
    ]
    for (target, variant), rows in found.groupby(["target", "variant"], sort=False):
        other = rows.set_index(keys)
        cells = []
        for metric, digits in (("log_loss", 4), ("auc", 3), ("arr_caught", 3)):
            own = variant == "as shipped"
            values = other[metric] if own else other[metric] - shipped[metric].loc[other.index]
            mean, low, high = interval(values.to_list())
            sign = "" if own else "+"
            cells.append(
                f"{mean:{sign}.{digits}f} ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})"
            )
        lines.append(f"| {target} | {variant} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(asked: list[str]) -> None:
    """Run the companies, two at a time, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=100, help="only so many companies of a size")
    given = parser.parse_args(asked)
    started, settings = time.time(), load()
    os.environ.update(ALONE)
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        blocks = [pool.submit(population.block, family, 0, settings) for family in FAMILIES]
        for block in blocks:
            block.result()
        running = [
            pool.submit(company, family, seed, accounts)
            for accounts, count in sorted(COMPANIES.items(), reverse=True)
            for family in FAMILIES
            for seed in range(min(count, given.first))
        ]
        found = pd.DataFrame([row for future in running for row in future.result()])
    print(f"{len(running)} companies, {time.time() - started:.0f} s\n\n{table(found)}")


if __name__ == "__main__":
    main(sys.argv[1:])
