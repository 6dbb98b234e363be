"""What stands beside the model at every renewal, as known on the morning: its rivals in the duel.

The refitted health score and the base rate learn from what was settled at the model's own cutoff;
the CSM's call is what somebody wrote down, and learns nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from features import contracts
from features.cover import visible
from features.publication import read_frame
from models.health import HealthScore
from models.health_refit import RefittedHealth
from models.metrics import OneClass
from models.target import learnable
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.morning import INDEX, with_segment
from pipeline.settings import Settings
from serve.batch import RIVALS


@dataclass(frozen=True)
class Learnt:
    """`health`: the configured score with weights learnt from what happened, None where that
    teaches nothing; `base_rate`: the weighted share of losses."""

    health: RefittedHealth | None
    base_rate: float


def learnt(
    settings: Settings, name: str, cutoff: str, features: pd.DataFrame, calendar: Calendar
) -> Learnt:
    """The rivals of a target that learn, from what was settled at a cutoff (its name).

    `features`: of past mornings with the segment, on (account_id, as_of).
    """
    target = settings.targets[name]
    told = read_frame(files.LABELS / name / f"{cutoff}.parquet")
    grace = settings.contracts.grace
    day = calendar.data_until
    if cutoff == files.BACKTEST:
        day = calendar.heldout(target, settings.heldout, grace)[0]
    settled = target.is_settled(told["as_of"], by=day, grace=grace, delay=calendar.delay)
    known = learnable(told[settled], target, settings.targets)
    try:
        health = RefittedHealth.fit(HealthScore(settings.health), features, known)
    except OneClass:
        health = None
    return Learnt(health, base_rate(name, cutoff))


def base_rate(name: str, cutoff: str) -> float:
    """The weighted share of a target's outcomes among the rows that were settled at the cutoff."""
    labels = read_frame(files.LABELS / name / f"{cutoff}.parquet")
    settled = labels[labels["outcome"].notna()]
    return float(np.average(settled["outcome"].astype(float), weights=settled["weight"]))


def past_features() -> pd.DataFrame:
    """The features of every morning of the stages before, with the segment known on each."""
    asked = read_frame(files.OBSERVATIONS)
    return with_segment(read_frame(files.FEATURES).set_index(INDEX), asked)


def beside(
    facts: Path, as_of: date, features: pd.DataFrame, of: Learnt, settings: Settings
) -> pd.DataFrame:
    """One row an account of the morning, the columns of serve.batch.RIVALS; health and call rise
    with the risk."""
    found = pd.DataFrame(index=features.index.get_level_values("account_id"))
    risk = np.full(len(features), np.nan)
    if of.health is not None:
        risk = of.health.score(features).to_numpy(dtype=float)
    found = found.assign(health_refitted=risk, base_rate=of.base_rate)
    with duckdb.connect() as con:
        found = found.join(plans(con, facts, as_of, settings.contracts.grace))
        found = found.join(calls(con, facts, as_of, settings.cycle.calls))
    return found.reset_index()[RIVALS]


def plans(con: duckdb.DuckDBPyConnection, facts: Path, as_of: date, grace: int) -> pd.Series:
    """The plan that brings each account's most ARR on the morning, to group by."""
    rows = contracts.cover(con, facts, [as_of], grace).df()
    day = pd.Timestamp(as_of)
    running = rows["ended_at"].isna() | rows["ended_at"].ge(day)
    there = rows[rows["start_date"].lt(day) & running & rows["plan"].notna()]
    first = there.sort_values(["account_id", "arr", "plan"], ascending=[True, False, True])
    return first.groupby("account_id")["plan"].first()


def calls(con: duckdb.DuckDBPyConnection, facts: Path, as_of: date, days: int) -> pd.Series:
    """The newest call of each account's CSM, written within so many days before the morning."""
    path = facts / "touchpoints.parquet"
    if not path.exists() or "risk_call" not in con.read_parquet(str(path)).columns:
        return pd.Series(dtype=float, name="csm_call", index=pd.Index([], name="account_id"))
    day = f"DATE '{as_of.isoformat()}'"
    found = con.sql(f"""
        SELECT account_id, CAST(arg_max(risk_call, (occurred_at, touchpoint_id)) AS DOUBLE)
            AS csm_call
        FROM read_parquet('{str(path).replace("'", "''")}') f
        WHERE risk_call IS NOT NULL AND {visible("f", day)}
            AND occurred_at >= {day} - INTERVAL {days} DAY
        GROUP BY account_id""").df()
    return found.set_index("account_id")["csm_call"]
