"""Do the forecast's intervals hold what they promise?

`python -m benchmarks.portfolio` simulates cycles of small companies with a quick world of its own:
log-odds predicted with an error of each account and one common to all, ARR lognormal, branches of a
tree, and in half of the worlds a shock common to each quarter. From the quarters before, the spread
of the shock is learnt; of the quarter after, the 80 and 95 % intervals of ARR renewed and of logos
are compared with what happens. Beside them stands the naive interval, of chance alone.

Development seeds are 0 to 999; the exam (`--exam`) is 1,000 worlds of seeds from 10,000.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from models import shock
from models.portfolio import LEVELS, ForecastSettings, forecast
from models.shock import EIGHTY, SPREADS, Shock
from pipeline.settings import read

EXAM = 10_000
OWN, COMMON = 0.45, 0.13  # deviation on the logit of an account's error, and of that of all
SHOCKS = (0.15, 0.45)  # from which the spread of a world's shocks is drawn, where there are any


@dataclass(frozen=True)
class World:
    """A company's past quarters (period, probability, churned), the renewals of the next one as
    forecast, what came of them, and the spread of its shocks."""

    cases: pd.DataFrame
    renewals: pd.DataFrame
    lost: int
    renewed: float
    spread: float


def world(seed: int) -> World:
    """Every second world has shocks; 3 to 12 quarters have gone by, of 30 to 300 renewals each."""
    rng = np.random.default_rng(seed)
    spread = float(rng.uniform(*SHOCKS)) if seed % 2 else 0.0
    quarters, size = int(rng.integers(3, 13)), int(rng.integers(30, 301))
    error = rng.normal(0, COMMON)
    parts = []
    for quarter in range(quarters + 1):
        z = rng.normal(-2.0, 0.9, size)
        own = rng.normal(0, OWN, size)
        p = expit(z / np.sqrt(1 + np.pi * (OWN**2 + COMMON**2 + spread**2) / 8))
        true = expit(z + own + error + rng.normal(0, spread))
        parts.append(
            pd.DataFrame({"period": quarter, "probability": p, "churned": rng.random(size) < true})
        )
    last = parts.pop()
    arr, p = np.round(rng.lognormal(9.5, 1.0, size), 2), last["probability"].to_numpy()
    contracted = (1 - p) * rng.beta(2, 30, size)
    shrinks = rng.random(size) < contracted / (1 - p)
    kept = np.where(last["churned"], 0.0, np.where(shrinks, rng.beta(7, 3, size), 1.0))
    reach = EIGHTY * np.hypot(OWN, COMMON)
    renewals = pd.DataFrame(
        {
            "account_id": [f"a{i:04}" for i in range(size)],
            "as_of": pd.Timestamp("2025-01-01"),
            "due_date": pd.Timestamp("2025-02-01"),
            "month_to_month": False,
            "status": "scored",
            "arr_due": arr,
            "churn_probability": p,
            "churn_low": expit(logit(p) - reach),
            "churn_high": expit(logit(p) + reach),
            "p_contracted": contracted,
            "expected_arr_renewed": arr * ((1 - p) - 0.3 * contracted),
        }
    )
    return World(pd.concat(parts), renewals, int(last["churned"].sum()), float(arr @ kept), spread)


def certain() -> Shock:
    """No shock at all: what the naive interval believes."""
    return Shock(np.eye(len(SPREADS))[0], 0)


def judged(seed: int, settings: ForecastSettings) -> list[dict[str, Any]]:
    """Whether each interval of one world's coming quarter held."""
    made = world(seed)
    doubt = shock.common(made.renewals, settings.together)
    learnt = shock.learn(made.cases, settings.prior, doubt)
    found = []
    for name, of, sure in (("forecast", learnt, doubt), ("naive", certain(), 0.0)):
        rows = forecast(made.renewals, {"month": of, "quarter": of}, sure, settings, within=90)
        row = rows[rows["every"].eq("quarter")].iloc[0]
        logos = 1 - made.lost / len(made.renewals)
        told: dict[str, Any] = {"interval": name, "shocks": made.spread > 0}
        for level in LEVELS:
            low, high = row[f"arr_renewed_low_{level}"], row[f"arr_renewed_high_{level}"]
            told[f"arr {level}"] = low <= made.renewed <= high
            low, high = (row[f"logo_renewal_rate_{end}_{level}"] for end in ("low", "high"))
            told[f"logos {level}"] = low - 1e-9 <= logos <= high + 1e-9
        width = row["dollar_renewal_rate_high_80"] - row["dollar_renewal_rate_low_80"]
        likelihood = learnt.belief / np.exp(-((SPREADS / settings.prior) ** 2) / 2)
        found.append(told | {"width": width, "no_spread": int(np.argmax(likelihood)) == 0})
    return found


def main(asked: list[str]) -> None:
    """Print coverage with its Monte-Carlo error (one standard error, in points)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exam", action="store_true", help="the seeds nothing was chosen on")
    parser.add_argument("--worlds", type=int, default=1_000)
    given = parser.parse_args(asked)
    first = EXAM if given.exam else 0
    settings = ForecastSettings.model_validate(read()["forecast"])
    started = time.time()
    seeds = range(first, first + given.worlds)
    rows = pd.DataFrame([row for seed in seeds for row in judged(seed, settings)])
    measured = [f"{of} {level}" for of in ("arr", "logos") for level in LEVELS]
    for name in ("forecast", "naive"):
        mine = rows[rows["interval"].eq(name)]
        for label, part in (
            ("all", mine),
            ("with shocks", mine[mine["shocks"]]),
            ("without", mine[~mine["shocks"]]),
        ):
            said = [
                f"{column} %: {100 * part[column].mean():.1f} ± "
                f"{100 * np.sqrt(part[column].mean() * (1 - part[column].mean()) / len(part)):.1f}"
                for column in measured
            ]
            width = 100 * part["width"].mean()
            print(
                f"{name}, {label} ({len(part)}): {', '.join(said)}; 80 % width {width:.1f} points"
            )
    blind = rows[rows["shocks"] & rows["interval"].eq("forecast")]["no_spread"].mean()
    print(f"the likeliest spread alone would be none in {blind:.0%} of the worlds with shocks")
    print(f"{(time.time() - started) / given.worlds:.3f} s a world")


if __name__ == "__main__":
    main(sys.argv[1:])
