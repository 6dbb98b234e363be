"""Simulated companies, ready to be learnt from: the pipeline's own path, without its files.

A world is what a data scientist at that company would have on the last day of the data: features of
every morning, the labels settled at each cutoff, and beside them the truth that no company has.
Everything is recorded on time here, and events carry no ids: matching versions of a hundred million
events would take most of the time and teach nothing about models.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd

from features.facts import build_facts
from features.feature import build, longest_window
from models.target import Target, labels
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.ingest import ingest
from pipeline.morning import INDEX, with_segment
from pipeline.observe import observed
from pipeline.settings import Settings, load
from simulation.company import TRUTH, SimulationSettings, simulate

START, MONTHS = date(2023, 1, 1), 36
ON_TIME = ("lateness",)
SOURCE = Path("sources/simulated")
USAGE = """SELECT account_id, user_id, occurred_at, feature, "count", minutes, department
FROM raw_usage
"""
CUTOFFS = (files.BACKTEST, files.SERVING)


@dataclass(frozen=True)
class World:
    """One company. `features` is indexed (account_id, as_of) and carries the segment; `labels`
    holds a frame for each target and cutoff, `held` each target's held-out mornings."""

    calendar: Calendar
    observations: pd.DataFrame
    features: pd.DataFrame
    labels: Mapping[str, Mapping[str, pd.DataFrame]]
    held: Mapping[str, list[date]]
    truth: pd.DataFrame
    tickets: pd.DataFrame


def world(
    family: str,
    seed: int,
    accounts: int,
    *,
    settings: Settings | None = None,
    without: tuple[str, ...] = (),
    months: int = MONTHS,
    cutoffs: tuple[str, ...] = CUTOFFS,
) -> World:
    """Simulate a company and take it through the pipeline up to where training begins."""
    chosen = settings or load()
    told = SimulationSettings(
        accounts=accounts,
        months=months,
        start=START,
        seed=seed,
        family=family,
        without=(*ON_TIME, *without),
    )
    with TemporaryDirectory(prefix="world-") as scratch:
        raw, tables, facts = (Path(scratch, name) for name in ("raw", "tables", "facts"))
        source = shutil.copytree(SOURCE, Path(scratch, "source"))
        (source / "usage.sql").write_text(USAGE, encoding="utf-8")
        simulate(told, raw)
        until = (pd.Timestamp(START) + pd.DateOffset(months=months)).date()
        ingest(source, str(raw), START, until, tables)
        truth, tickets = pd.read_parquet(raw / TRUTH), pd.read_csv(raw / "tickets.csv")
        with duckdb.connect(config={"threads": 1}) as con:
            con.execute("SET enable_progress_bar = false")
            build_facts(con, tables, facts, chosen.accounts.static)
            calendar = Calendar.of(facts, longest_window())
            asked, past = observed(con, facts, chosen, calendar.mornings, calendar.data_from)
            found, held = {}, {}
            for name, target in chosen.targets.items():
                held[name] = calendar.heldout(target, chosen.heldout, chosen.contracts.grace)
                days = {files.BACKTEST: held[name][0], files.SERVING: calendar.data_until}
                found[name] = {
                    cutoff: _labels(con, asked, facts, target, days[cutoff], chosen, calendar)
                    for cutoff in cutoffs
                }
            features = build(con, asked, facts, past)
    assert features is not None  # without a path to write to, build gives the frame
    full = with_segment(features.set_index(INDEX), asked)
    return World(calendar, asked, full, found, held, truth, tickets)


def _labels(
    con: duckdb.DuckDBPyConnection,
    asked: pd.DataFrame,
    facts: Path,
    target: Target,
    day: date,
    settings: Settings,
    calendar: Calendar,
) -> pd.DataFrame:
    grace = settings.contracts.grace
    told = labels(con, asked, facts, target, by=day, grace=grace, delay=calendar.delay)
    return told.assign(by=pd.Timestamp(day))
