"""CPU seconds that the duel takes on the record of a large company, from frames to figures.

    python -m benchmarks.duel [--mornings 24] [--renewals 30000]

A record is drawn: so many predictions on each morning, three mornings a renewal, annual contracts
and a tenth of the accounts from month to month. Prints the CPU seconds of each step; set
OPENBLAS_NUM_THREADS=1 for those of one thread.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import date
from typing import TypeVar

import numpy as np
import pandas as pd
from scipy.special import expit

from models.comparison import Comparison
from models.lead_time import LeadTimeSettings, lead_times
from models.misses import Bands, misses
from models.standing import Standing, bands, standing
from models.standing import duel as stand
from pipeline.settings import load

MONTH = 30  # days
BY, WAIT = date(2030, 1, 1), 37
Found = TypeVar("Found")


def record(mornings: int, renewals: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`predictions` and `outcomes` as serve.record has them; a third of the renewals seen on a
    morning falls due before the next."""
    rng = np.random.default_rng(seed)
    each = renewals // 3
    number = each * (mornings + 2)
    due = np.repeat(np.arange(mornings + 2), each) * MONTH + rng.integers(0, MONTH, number)
    accounts = rng.permutation(number) % (12 * each)  # a contract falls due about once a year
    risk = rng.normal(-2.5, 1.0, 12 * each)[accounts]
    left = rng.random(number) < expit(risk)
    arr = np.round(rng.lognormal(9, 1, 12 * each), 2)[accounts]
    start = pd.Timestamp("2024-01-01")
    known = pd.DataFrame(
        {
            "account_id": pd.Series(accounts).map("acc_{:07d}".format),
            "due_date": start + pd.to_timedelta(due, unit="D"),
            "outcome": np.where(left, "churned", "renewed"),
            "arr_due": arr,
            "month_to_month": accounts % 10 == 0,
        }
    )
    first = known.duplicated(["account_id", "due_date"])
    known, risk, due = known[~first], risk[~first], due[~first]
    parts = []
    for morning in range(mornings):
        ahead = due - morning * MONTH
        at = np.flatnonzero((ahead >= 0) & (ahead < 3 * MONTH))
        at = at[~known["account_id"].iloc[at].duplicated().to_numpy()]
        parts.append(_said(known.iloc[at], risk[at], start, morning, ahead[at], rng))
    return pd.concat(parts, ignore_index=True), known.reset_index(drop=True)


def _said(
    due: pd.DataFrame,
    risk: np.ndarray,
    start: pd.Timestamp,
    morning: int,
    ahead: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    noise = rng.normal(0, 1, (4, len(due)))
    health = np.clip(60 - 12 * (risk + 2.5) + 12 * noise[0], 0, 100)
    p = expit(0.8 * risk - 0.5 + 0.4 * noise[1])
    number = due["account_id"].str.slice(4).astype(int)
    return due[["account_id", "due_date", "arr_due"]].assign(
        as_of=start + pd.Timedelta(days=morning * MONTH),
        days_to_due=ahead,
        segment=np.array(["SMB", "Mid-Market", "Enterprise"])[number % 3],
        owner="owner " + (number % 20).astype(str),
        plan=np.array(["Team", "Business", "Enterprise"])[number % 7 % 3],
        status="scored",
        churn_probability=p,
        risk_band=np.select([p < 0.1, p < 0.3], ["low", "medium"], "high"),
        health_score=health,
        health_band=np.select([health < 40, health < 70], ["red", "yellow"], "green"),
        health_refitted=risk + noise[2],
        early_warning=noise[0] < -1,
        csm_call=np.where(rng.random(len(due)) < 0.3, np.round(risk + 3 + noise[3]), np.nan),
        base_rate=0.1,
    )


def timed(what: str, work: Callable[[], Found]) -> Found:
    """Print the CPU seconds that it takes."""
    begun = time.process_time()
    found = work()
    print(f"{what:<42} {time.process_time() - begun:7.2f} s", flush=True)
    return found


def main(asked: list[str]) -> None:
    """Time every step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mornings", type=int, default=24)
    parser.add_argument("--renewals", type=int, default=30_000)
    given = parser.parse_args(asked)
    settings = load()
    predictions, outcomes = record(given.mornings, given.renewals, seed=1)
    print(f"{len(predictions):,} predictions, {predictions['account_id'].nunique():,} accounts")
    begun = time.process_time()
    of: Standing = timed(
        "rows of the duel",
        lambda: standing(
            predictions,
            outcomes,
            target="churn",
            horizon=90,
            by=BY,
            wait=WAIT,
            sizes=settings.rates.sizes,
        ),
    )
    found: Comparison = timed(
        "the duel", lambda: stand(of, settings.comparison, share=settings.cycle.share)
    )
    print(f"{'both':<42} {time.process_time() - begun:7.2f} s, {len(found.counts)} slices")
    timed("bands", lambda: bands(of, settings.comparison.leads))
    ahead = LeadTimeSettings(days=(180, 120, 90, 60, 30))
    worst = {"risk_band": "high", "health_band": "red"}
    timed(
        "lead times",
        lambda: lead_times(
            predictions,
            outcomes,
            ahead,
            by=BY,
            wait=WAIT,
            share=settings.cycle.share,
            worst=worst,
        ),
    )
    names = {
        "health": Bands("health_band", "green", "red"),
        "model": Bands("risk_band", "low", "high"),
    }
    met = outcomes[["account_id"]].assign(occurred_at=outcomes["due_date"] - pd.Timedelta(days=9))
    timed(
        "misses and false alarms",
        lambda: misses(predictions, outcomes, met, names, by=BY, wait=WAIT),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
