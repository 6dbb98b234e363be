"""Whether a hold-out claims what is not there, and holds what is, over thousands of cycles.

`python -m benchmarks.holdout --worlds 2000` simulates cycles of several sizes, once without an
effect of the treatment and once with one that prevents a half of all churn, and prints in percent:
how often a saving or a loss is claimed in churn and in ARR (with no effect at most 5), and how
often the 95 % intervals hold the truth; and, beside what was claimed, the fall that `detectable`
promised to find in four cycles of five.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd

from models.holdout import HELD_OUT, assign, detectable
from models.holdout_effect import effect

CYCLES = [(60, 0.2), (150, 0.1), (150, 0.3), (500, 0.1), (500, 0.3), (2000, 0.2)]
PREVENTED = 0.5
KEPT_LESS, SHARE_OF_LESS = 0.7, 0.1  # a tenth of the renewals keep seven tenths of their ARR


def company(accounts: int, rng: np.random.Generator) -> pd.DataFrame:
    """Accounts with a churn probability of 17 % on average, and ARR with a long tail."""
    return pd.DataFrame(
        {
            "account_id": [f"acc_{i:05d}" for i in range(accounts)],
            "arr_due": np.exp(rng.normal(9.5, 1.2, accounts)),
            "churn_probability": rng.beta(1.2, 6, accounts),
        }
    )


def cycle(
    accounts: int, share: float, prevented: float, permutations: int, seed: int
) -> dict[str, float]:
    """One cycle with a hold-out: what was claimed, and whether the intervals hold the truth."""
    rng = np.random.default_rng([seed, accounts, round(100 * share)])
    scored = company(accounts, rng)
    assigned = assign(scored, share, f"cycle {seed}")
    held = assigned["group"].eq(HELD_OUT).to_numpy()
    chance = scored["churn_probability"].to_numpy()
    lost = rng.random(accounts) < np.where(held, chance, chance * (1 - prevented))
    kept = np.where(rng.random(accounts) < SHARE_OF_LESS, KEPT_LESS, 1.0)
    outcomes = scored[["account_id", "arr_due"]].assign(
        outcome=np.where(lost, "churned", "renewed"),
        arr_renewed=np.where(lost, 0.0, scored["arr_due"] * kept),
    )
    found = effect(assigned, outcomes, permutations=permutations, seed=seed)
    rows = assigned.assign(held=held, p=chance, arr=scored["arr_due"])
    rows = rows[rows.groupby("stratum")["held"].transform("nunique") == 2]
    each = rows.groupby("stratum").agg(n=("p", "size"), held=("held", "sum"), p=("p", "mean"))
    weight = each["held"] * (each["n"] - each["held"]) / each["n"]
    truth = -prevented * float(np.average(each["p"], weights=weight))
    typical = 1 - SHARE_OF_LESS * (1 - KEPT_LESS)
    money = prevented * typical * float(np.average(rows["p"], weights=rows["arr"]))
    assert found.churn is not None and found.renewed is not None  # both groups are in a stratum
    return {
        "claims": found.churn.sure,
        "holds": found.churn.low <= truth <= found.churn.high,
        "claims of ARR": found.renewed.sure,
        "holds of ARR": found.renewed.low <= money <= found.renewed.high,
        "detectable": detectable(scored, share).churn,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=2000)
    parser.add_argument("--permutations", type=int, default=199)
    given = parser.parse_args(arguments)
    rows = []
    for accounts, share in CYCLES:
        for prevented in (0.0, PREVENTED):
            found = [
                cycle(accounts, share, prevented, given.permutations, seed)
                for seed in range(given.worlds)
            ]
            told = {"accounts": accounts, "held out": share, "prevented": prevented}
            rows.append(told | (100 * pd.DataFrame(found).astype(float).mean()).round(1).to_dict())
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
