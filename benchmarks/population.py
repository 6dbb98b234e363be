"""Many renewals of one family of worlds: what models are judged on, and how far one could get.

`python -m benchmarks.population thresholds` makes companies of 5,000 accounts one after another and
keeps their settled rows. The first blocks are the *fresh* renewals on which every model of every
small company is judged, one row a decision; from the others a learner without any scruple of size
learns the *observable ceiling*, on at least 300,000 renewals. It is a lower bound: more rows or a
better learner could only raise it. Blocks lie in a folder named by the hash of the code that made
them, and are not made again.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.worlds import World, world
from features.publication import write_frame
from models.target import learnable, weights
from pipeline import files
from pipeline.morning import INDEX
from pipeline.settings import Settings, load

RESULTS = Path("benchmarks/results")
TARGETS = ("churn", "upsell")  # that models are examined in
ACCOUNTS = 5_000  # a block
FIRST_SEED = 500_000  # of the blocks: far from the seeds of development (0–99) and exam (1000–1099)
FRESH_BLOCKS = 5
FRESH_ROWS = 40_000
RENEWALS = 300_000
ROWS_A_DECISION = 3
TRUTHS = ("churn_probability", "omniscient_churn")
DRIVERS = ("driver_usage", "driver_sponsor", "driver_support", "driver_commercial")


def code() -> str:
    """Hash of the code that says what a world is, and what is known of it."""
    found = hashlib.sha256()
    for folder in ("simulation", "features"):
        for path in sorted(Path(folder).glob("*.py")):
            found.update(path.read_bytes())
    found.update(Path("models/target.py").read_bytes())
    return found.hexdigest()[:12]


def folder(family: str) -> Path:
    """Where the blocks of a family lie."""
    return RESULTS / "population" / f"{family}-{code()}"


def block(family: str, number: int, settings: Settings) -> None:
    """Make one block, unless it is there: a file of settled rows for each target."""
    out = folder(family)
    paths = {name: out / f"{name}-{number:03}.parquet" for name in TARGETS}
    if all(path.exists() for path in paths.values()):
        return
    made = world(family, FIRST_SEED + number, ACCOUNTS, settings=settings, cutoffs=(files.SERVING,))
    out.mkdir(parents=True, exist_ok=True)
    for name, path in paths.items():
        rows = settled(made, name, settings, np.random.default_rng(number))
        rows["account_id"] = f"{number:03}-" + rows["account_id"]
        write_frame(rows, path, INDEX[::-1])


def settled(made: World, target: str, settings: Settings, rng: np.random.Generator) -> pd.DataFrame:
    """Settled, eligible rows, at most three a decision: labels, the truth, and the features.

    The truth of a row is that of its renewal, between the leads for which it was worked out; month
    to month it is unknown, for there several decisions fall into one horizon. `given_met` says
    whether the outcome that the target is conditioned on was escaped.
    """
    told = made.labels[target][files.SERVING]
    rows = told[told["outcome"].notna()]
    shuffled = rows.iloc[rng.permutation(len(rows))]
    kept = shuffled[shuffled.groupby(["account_id", "decision"]).cumcount() < ROWS_A_DECISION]
    kept = kept.sort_values(INDEX)
    learnt = learnable(told, settings.targets[target], settings.targets)
    at = pd.MultiIndex.from_frame(kept[INDEX])
    escaped = at.isin(pd.MultiIndex.from_frame(learnt[INDEX]))
    kept = kept.assign(weight=weights(kept), escaped=escaped, outcome=kept["outcome"].astype(bool))
    kept = with_truth(kept, made.truth)
    features = made.features.loc[at].reset_index(drop=True)
    numbers = features.select_dtypes("number").columns
    features = features.astype({column: "float32" for column in numbers})
    apart = [column for column in features.columns if column in kept.columns]
    return pd.concat([kept.reset_index(drop=True), features.drop(columns=apart)], axis=1)


def with_truth(rows: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Each row with its renewal's truth at the next larger and smaller lead, by days between."""
    there = [column for column in (*TRUTHS, *DRIVERS) if column in truth.columns]
    contract = ~rows["month_to_month"].fillna(True).astype(bool) & rows["days_to_due"].le(90)
    lead = rows["days_to_due"].astype("float64")
    found = rows.copy()
    ends = []
    for bound in (np.floor(lead / 30) * 30, np.ceil(lead / 30) * 30):
        asked = rows[["account_id", "due_date"]].assign(lead_days=bound)
        ends.append(
            asked.merge(truth, on=["account_id", "due_date", "lead_days"], how="left")[there]
        )
    share = (lead % 30 / 30).to_numpy()[:, None]
    near, far = (end.to_numpy(dtype=float) for end in ends)
    far = np.where(np.isnan(far), near, far)
    between = near * (1 - share) + far * share
    found[there] = np.where(contract.to_numpy()[:, None], between, np.nan)
    return found


def rows(
    family: str,
    target: str,
    blocks: Iterator[int] | range,
    mornings: Sequence[pd.Timestamp] | None = None,
) -> pd.DataFrame:
    """The rows of some blocks of a target, one after the other; of some mornings only if named."""
    paths = [folder(family) / f"{target}-{number:03}.parquet" for number in blocks]
    only = None if mornings is None else [("as_of", "in", list(mornings))]
    return pd.concat([pd.read_parquet(path, filters=only) for path in paths], ignore_index=True)


def fresh(
    family: str, target: str, blocks: int = FRESH_BLOCKS, most: int = FRESH_ROWS
) -> pd.DataFrame:
    """The renewals that models are judged on: one row a decision, each lead as likely."""
    return single(rows(family, target, range(blocks)), most)


def single(rows: pd.DataFrame, most: int | None = None) -> pd.DataFrame:
    """One row of each decision, any of its mornings as likely; of `most` decisions if there are
    more."""
    shuffled = rows.iloc[np.random.default_rng(0).permutation(len(rows))]
    kept = shuffled.drop_duplicates(["account_id", "decision"]).iloc[:most]
    return kept.sort_values(INDEX, ignore_index=True)


def made(family: str, target: str) -> range:
    """The numbers of the blocks that are there, without a gap."""
    number = 0
    while (folder(family) / f"{target}-{number:03}.parquet").exists():
        number += 1
    return range(number)


def main(asked: list[str]) -> None:
    """Make blocks until there are enough renewals, or `--blocks`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("family")
    parser.add_argument("--blocks", type=int, help="stop after so many, whatever they hold")
    given = parser.parse_args(asked)
    settings = load()
    number, renewals = 0, 0
    while (number < given.blocks) if given.blocks else (renewals < RENEWALS):
        block(given.family, number, settings)
        if number >= FRESH_BLOCKS:
            found = rows(given.family, "churn", range(number, number + 1))
            renewals += len(found.drop_duplicates(["account_id", "due_date"]))
        number += 1
        print(f"{given.family}: {number} blocks, {renewals} renewals to learn from", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
