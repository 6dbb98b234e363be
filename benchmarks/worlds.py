"""Simulated companies, ready to be learnt from: the pipeline's own path, without its files.

A world is what a data scientist at that company would have on the last day of the data: features of
every morning of which an outcome is settled, the labels settled at each cutoff, and beside them the
truth that no company has. Everything is recorded on time here, and events carry no ids: matching
versions of a hundred million events would take most of the time and teach nothing about models.
For the same reason the events do not pass through an export and its checks, as the other tables do.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.facts import build_facts
from features.feature import build, longest_window
from features.parts import parts
from features.publication import sha256
from models.target import Target, labels
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.ingest import SOURCE as DESCRIPTION
from pipeline.ingest import ingest
from pipeline.morning import INDEX, with_segment
from pipeline.observe import observed
from pipeline.settings import Settings, load
from simulation.company import SimulationSettings, exports, happen
from simulation.company import World as Happened
from simulation.truth import truth

START, MONTHS = date(2023, 1, 1), 36
ON_TIME = ("lateness",)
SOURCE = Path("sources/simulated")
USAGE = ["account_id", "occurred_at", "feature", "user_id", "count", "minutes", "department"]
CUTOFFS = (files.BACKTEST, files.SERVING)


@dataclass(frozen=True)
class World:
    """One company. `features` is indexed (account_id, as_of) and carries the segment; `labels`
    holds a frame for each target and cutoff, `held` each target's held-out mornings; `truth` has no
    rows where it was not asked for."""

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
    targets: Sequence[str] | None = None,
    known: bool = True,
) -> World:
    """Simulate a company and take it through the pipeline up to where training begins.

    `targets` are those whose outcomes are looked up, all by default; `known`: whether the truth is.
    """
    chosen = settings or load()
    told = SimulationSettings(
        accounts=accounts,
        months=months,
        start=START,
        seed=seed,
        family=family,
        without=(*ON_TIME, *without),
    )
    until = (pd.Timestamp(START) + pd.DateOffset(months=months)).date()
    happened = happen(told)
    with TemporaryDirectory(prefix="world-") as scratch:
        tables, facts = Path(scratch, "tables"), Path(scratch, "facts")
        tickets = tabulated(exports(happened, seed), until, Path(scratch), tables)
        with duckdb.connect(config={"threads": 1}) as con:
            con.execute("SET enable_progress_bar = false")
            build_facts(con, tables, facts, chosen.accounts.static)
            calendar = Calendar.of(facts, longest_window())
            asked, past = observed(con, facts, chosen, calendar.mornings, calendar.data_from)
            found, held = {}, {}
            for name in chosen.targets if targets is None else targets:
                target = chosen.targets[name]
                held[name] = calendar.heldout(target, chosen.heldout, chosen.contracts.grace)
                days = {files.BACKTEST: held[name][0], files.SERVING: calendar.data_until}
                found[name] = {
                    cutoff: _labels(con, asked, facts, target, days[cutoff], chosen, calendar)
                    for cutoff in cutoffs
                }
            features = build(con, _settled(asked, found), facts, past)
    assert features is not None  # without a path to write to, build gives the frame
    full = with_segment(features.set_index(INDEX), asked)
    return World(calendar, asked, full, found, held, _truth(happened, known), tickets)


def tabulated(
    exported: Mapping[str, pd.DataFrame | pa.Table], until: date, scratch: Path, tables: Path
) -> pd.DataFrame:
    """Write a company's exports to the folder `tables`, as ingest would; returns the tickets."""
    raw, source = scratch / "raw", shutil.copytree(SOURCE, scratch / "source")
    raw.mkdir()
    for name, table in exported.items():
        if isinstance(table, pd.DataFrame):
            table.to_csv(raw / f"{name}.csv", index=False, lineterminator="\n")
    (source / "usage.sql").unlink()
    ingest(source, str(raw), START, until, tables)
    described = json.loads((tables / DESCRIPTION).read_text(encoding="utf-8"))
    described["tables"]["usage"] = _events(exported["usage"].select(USAGE), tables / "usage")
    (tables / DESCRIPTION).write_text(json.dumps(described), encoding="utf-8")
    return pd.read_csv(raw / "tickets.csv")


def _events(usage: pa.Table, folder: Path) -> dict[str, Any]:
    """Lay events down in the parts of their days; what source.json says of them."""
    days = usage["occurred_at"].to_numpy().astype("datetime64[D]")
    order = np.argsort(days, kind="stable")
    rows, days = usage.take(order), days[order]
    folder.mkdir()
    found = parts(np.unique(days).tolist(), days[-1].item())
    starts = np.searchsorted(days, np.array([part.first for part in found], dtype=days.dtype))
    texts = [field.name for field in usage.schema if pa.types.is_dictionary(field.type)]
    written = {}
    for part, start, end in zip(found, starts, [*starts[1:], len(days)], strict=True):
        path = folder / f"{part.name}.parquet"
        pq.write_table(
            rows.slice(start, end - start), path, compression="none", use_dictionary=texts
        )
        written[part.name] = sha256(path)
    return {"rows": len(rows), "parts": written}


def _settled(asked: pd.DataFrame, found: Mapping[str, Mapping[str, pd.DataFrame]]) -> pd.DataFrame:
    """All customers of the mornings up to the last one of which any outcome is settled."""
    told = [labels for of_target in found.values() for labels in of_target.values()]
    last = max(labels.loc[labels["outcome"].notna(), "as_of"].max() for labels in told)
    return asked[asked["as_of"] <= last]


def _truth(of: Happened, known: bool) -> pd.DataFrame:
    if not known:
        return pd.DataFrame()
    return truth(of.family, of.accounts, of.hidden, of.contracts, of.clock)


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
