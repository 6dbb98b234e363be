"""What was known of some renewals when, from the files: the evidence for misses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from features.cover import known
from features.facts import KEYS
from models.health import HealthScore
from models.misses import Bands, Misses, misses
from models.signals import SignalSettings, first_words, moves, recorded_late, timelines
from pipeline.morning import INDEX
from pipeline.settings import Settings
from serve.record import Record

DATED = ("subscriptions", "tickets", "nps", "touchpoints")
FACT = {"account_id": "VARCHAR", "occurred_at": "TIMESTAMP", "known_at": "TIMESTAMP"}
NOTICE = {"notice_at": "TIMESTAMP"}
COLUMNS = ["account_id", "table", "id", "occurred_at", "known_at"]


@dataclass(frozen=True)
class Hindsight:
    """`misses`: rows (with `moved_first` in words) and counts of models.misses; of its rows with
    the most ARR `timelines`, `moves` and `late`, as models.signals gives them."""

    misses: Misses
    timelines: pd.DataFrame
    moves: pd.DataFrame
    late: pd.DataFrame


def hindsight(
    record: Record,
    settings: Settings,
    signals: SignalSettings,
    features: pd.DataFrame,
    facts: Path,
    *,
    by: date,
    wait: int,
) -> Hindsight:
    """Misses and false alarms of a record, each with what was known when.

    `features`: of the past mornings with the segment (pipeline.rivals.past_features); `by`, `wait`:
    the day as of which the outcomes were read, and the days of grace and delay.
    """
    named = [band.name for band in settings.health.bands]
    bands = {
        "health": Bands("health_band", safe=named[-1], risky=named[0]),
        "model": Bands("risk_band", safe="low", risky="high"),
    }
    found = misses(record.predictions, record.outcomes, touchpoints(facts), bands, by=by, wait=wait)
    accounts = sorted(set(found.rows["account_id"]))
    felt = health(features, settings, accounts)
    told = timelines(found.rows, record.predictions, felt, signals)
    moved = moves(told, signals)
    rows = found.rows.assign(moved_first=first_words(found.rows, moved))
    late = recorded_late(rows, happened(facts, accounts))
    return Hindsight(Misses(rows, found.counts), told, moved, late)


def health(features: pd.DataFrame, settings: Settings, accounts: list[str]) -> pd.DataFrame:
    """The health score of some accounts and its dimensions on every past morning, as known then."""
    chosen = features[features.index.get_level_values(INDEX[0]).isin(accounts)]
    return HealthScore(settings.health).assess(chosen).reset_index()


def touchpoints(facts: Path) -> pd.DataFrame:
    """account_id and occurred_at of every touchpoint in its newest version; empty without any."""
    path = facts / "touchpoints.parquet"
    if not path.exists():
        return pd.DataFrame(columns=["account_id", "occurred_at"]).astype(
            {"account_id": "str", "occurred_at": "datetime64[us]"}
        )
    with duckdb.connect() as con:
        newest = known(con, path, {**FACT, "replaced_at": "TIMESTAMP"})
        return con.sql(
            f"SELECT account_id, occurred_at FROM ({newest}) WHERE replaced_at IS NULL"
        ).df()


def happened(facts: Path, accounts: list[str]) -> pd.DataFrame:
    """Everything that happened to some accounts, and when it was first known: COLUMNS.

    A row is known with its first version; notice, which a later version brings, is a row of its own
    (`subscriptions.notice_at`), and so is each day of use (`usage`).
    """
    parts = []
    with duckdb.connect() as con:
        con.register("asked", pd.DataFrame({"account_id": accounts}, dtype="str"))
        for table in DATED:
            path = facts / f"{table}.parquet"
            if not path.exists():
                continue
            (key,) = KEYS[table]
            if key not in con.read_parquet(str(path)).columns:
                continue
            rows = known(con, path, {**FACT, **NOTICE, key: "VARCHAR"})
            parts.append(_first(rows, table, key, "occurred_at", "known_at"))
            if table == "subscriptions":
                noted = f"SELECT * FROM ({rows}) WHERE notice_at IS NOT NULL"
                when = "greatest(known_at, notice_at)"
                parts.append(_first(noted, "subscriptions.notice_at", key, "notice_at", when))
        days = facts / "account_days"
        if days.exists():
            place = str(days / "*.parquet").replace("'", "''")
            day = "CAST(CAST(day AS DATE) AS VARCHAR)"
            rows = f"SELECT *, {day} AS id FROM read_parquet('{place}')"
            parts.append(_first(rows, "usage", "id", "day", "known_at"))
        found = con.sql(" UNION ALL ".join(parts)).df() if parts else pd.DataFrame(columns=COLUMNS)
    return found.sort_values(COLUMNS, ignore_index=True)


def _first(rows: str, table: str, key: str, occurred: str, when: str) -> str:
    return (
        f"SELECT account_id, '{table}' AS \"table\", {key} AS id, "
        f"CAST(min({occurred}) AS TIMESTAMP) AS occurred_at, "
        f"CAST(min({when}) AS TIMESTAMP) AS known_at "
        f"FROM ({rows}) WHERE account_id IN (SELECT account_id FROM asked) "
        f"GROUP BY account_id, {key}"
    )
