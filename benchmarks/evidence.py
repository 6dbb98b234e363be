"""When a model is believed: what tells a company with something to be learnt from one of noise.

`python -m benchmarks.evidence` (a quarter of an hour) trains churn models that never abstain
on small companies of development seeds: of noise, of the families `linear` and `drift`, and of
`linear` with most effects switched off. Beside the gain out-of-fold and the agreement of the
declared signs, both in standard errors, stands whom either rule would have kept, and what the kept
models are worth on another company of their kind.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import judging
from benchmarks.exam import ALONE, WORKERS
from benchmarks.models import HUGE, told
from benchmarks.worlds import World, world
from models import metrics
from models.rungs import RungSettings
from models.target import learnable
from pipeline import files
from pipeline.morning import INDEX
from pipeline.settings import load
from serve.scorer import LEARNT

TARGET = "churn"
FAINT = ("size", "tenure", "price", "monthly", "slow_support", "incidents")
KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "noise": ("noise", ()),
    "linear": ("linear", ()),
    "drift": ("drift", ()),
    "faint": ("linear", FAINT),
}
COMPANIES = {200: 12, 500: 4}
OF_NOISE = 2  # times as many, for it is rare that they are believed
JUDGE_SEED, JUDGE_ACCOUNTS = 99, 2_500
BELIEVING = told(
    rungs={"least_gain_errors": -HUGE, "least_evidence": -HUGE},
    interval={"members": 2},
    gradient={"seeds": 2},
)


def made(kind: str, seed: int, accounts: int) -> World:
    """A company of a kind."""
    family, without = KINDS[kind]
    return world(
        family,
        seed,
        accounts,
        settings=load(),
        without=without,
        cutoffs=(files.SERVING,),
        targets=(TARGET, "upsell"),
        known=False,
    )


@cache
def judge(kind: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The labels and features of another, larger company of a kind."""
    settings, other = load(), made(kind, JUDGE_SEED, JUDGE_ACCOUNTS)
    target = settings.targets[TARGET]
    rows = learnable(other.labels[TARGET][files.SERVING], target, settings.targets)
    return rows, other.features.loc[pd.MultiIndex.from_frame(rows[INDEX])]


def company(kind: str, seed: int, accounts: int) -> dict[str, Any]:
    """One company's evidence, and what its model gains in log-loss elsewhere."""
    settings = load()
    learning = BELIEVING(settings.learning)
    fitted = judging.fitted(made(kind, seed, accounts), settings, learning=learning, only=(TARGET,))
    model = fitted[TARGET][LEARNT]
    said = model.report
    rows, features = judge(kind)
    outcome, weight = rows["outcome"].astype(bool).to_numpy(), rows["weight"].to_numpy()
    losses = [
        float(metrics.log_loss(p, outcome, weight))
        for p in (np.full(len(rows), said["base_rate"]), model.predict(features).to_numpy())
    ]
    return {
        "kind": kind,
        "accounts": accounts,
        "gain": said["oof_gain"],
        "error": said["oof_gain_error"],
        "declared": said["declared_signs"],
        "holds": settings.learning.rungs.holds(
            said.get("later_gain", 0.0), said.get("later_gain_error", 0.0)
        ),
        "true": losses[0] - losses[1],
    }


def line(rows: pd.DataFrame, rungs: RungSettings) -> str:
    """A kind and size as a row of Markdown."""
    alone = rows["holds"] & (rows["gain"] > rungs.least_gain_errors * rows["error"])
    both = rows["holds"] & np.array(
        [rungs.tells(*one) for one in rows[["gain", "error", "declared"]].to_numpy()]
    )
    errors = rows["gain"] / rows["error"]
    cells = [f"{rows['kind'].iloc[0]}, {rows['accounts'].iloc[0]} accounts", str(len(rows))]
    cells += [
        f"{one.median():.1f} ({one.min():.1f} to {one.max():.1f})"
        for one in (errors, rows["declared"])
    ]
    for kept in (alone, both):
        worth = f"{rows['true'][kept].mean():+.4f}" if kept.any() else "–"
        cells.append(f"{kept.sum()}: {worth}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run the companies, two at a time, and print a table."""
    os.environ.update(ALONE)
    asked = [
        (kind, seed, accounts)
        for kind in KINDS
        for accounts, count in COMPANIES.items()
        for seed in range(count * (OF_NOISE if kind == "noise" else 1))
    ]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        found = pd.DataFrame(pool.map(company, *zip(*asked, strict=True)))
    print("| | companies | gain, errors | signs, errors | kept by gain | kept by both |")
    print("|---|---|---|---|---|---|")
    for _, rows in found.groupby(["kind", "accounts"], sort=False):
        print(line(rows, load().learning.rungs))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
