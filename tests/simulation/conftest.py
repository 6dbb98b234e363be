"""One small company, written once for all tests of the package."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from pipeline.ingest import ingest
from simulation.company import SimulationSettings, World, happen, simulate
from simulation.families import FAMILIES
from simulation.truth import truth

SETTINGS = SimulationSettings(
    accounts=160, months=18, start=date(2024, 1, 1), seed=3, family="linear", without=()
)
LARGE = SETTINGS.model_copy(update={"accounts": 2000, "months": 36, "seed": 5})
UNTIL = pd.Timestamp("2025-07-01")


@cache
def large(name: str) -> World:
    """A company of a family, large enough for rates, of which nobody records anything."""
    return happen(LARGE.model_copy(update={"family": FAMILIES[name]}))


@cache
def large_truth(name: str) -> pd.DataFrame:
    """The truth of that company."""
    world = large(name)
    return truth(world.family, world.accounts, world.hidden, world.contracts, world.clock)


@pytest.fixture(scope="session")
def raw(tmp_path_factory):
    """The folder of exports."""
    out = tmp_path_factory.mktemp("raw")
    simulate(SETTINGS, out)
    return out


@pytest.fixture(scope="session")
def tables(raw, tmp_path_factory):
    """The folder of tables, as the door lets them in."""
    out = tmp_path_factory.mktemp("ingested") / "tables"
    ingest(Path("sources/simulated"), str(raw), SETTINGS.start, UNTIL.date(), out)
    return out


@pytest.fixture(scope="session")
def exports(raw):
    """The exports as frames, with real dates."""

    def read(name):
        frame = pd.read_csv(raw / f"{name}.csv", low_memory=False)
        moments = [c for c in frame if c.endswith(("_at", "_date", "_end", "_for"))]
        return frame.assign(**{c: pd.to_datetime(frame[c], format="ISO8601") for c in moments})

    names = ("accounts", "subscriptions", "product_features", "tickets", "nps", "touchpoints")
    return {name: read(name) for name in names} | {"usage": pd.read_parquet(raw / "usage.parquet")}


@pytest.fixture(scope="session")
def world() -> World:
    """The large company of family `linear`."""
    return large("linear")
