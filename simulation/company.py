"""A software company with known truth: its tables as raw exports, and what really drove them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PositiveInt

from simulation import accounts, state
from simulation.accounts import Accounts
from simulation.activity import activity, seats_by_week
from simulation.clock import Clock
from simulation.contracts import Contracts, Office
from simulation.families import family
from simulation.family import Family
from simulation.habits import customers, habits
from simulation.papers import subscriptions
from simulation.people import People
from simulation.product import product_features
from simulation.randomness import stream
from simulation.relationship import touchpoints
from simulation.seasons import Seasons
from simulation.sentiment import nps
from simulation.state import Hidden
from simulation.support import tickets
from simulation.truth import truth
from simulation.usage import usage

TRUTH = "truth/truth.parquet"


def by_name(value: object) -> object:
    """A family given by its name."""
    return family(value) if isinstance(value, str) else value


def in_every_month(day: date) -> date:
    """A day that every month has: terms and windows are whole months."""
    if day.day > 28:
        raise ValueError(f"start {day} has no twin in every month: choose one up to the 28th")
    return day


class SimulationSettings(BaseModel):
    """Which world to make; `without` names effects of the family to switch off (family.EFFECTS)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accounts: PositiveInt
    months: PositiveInt
    start: Annotated[date, AfterValidator(in_every_month)]
    seed: int
    family: Annotated[Family, BeforeValidator(by_name)]
    without: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """What really happens: customers, their hidden state, and what became of their contracts."""

    family: Family
    clock: Clock
    accounts: Accounts
    hidden: Hidden
    contracts: Contracts


def happen(settings: SimulationSettings) -> World:
    """Let the world happen, before anybody records any of it."""
    family, seed = settings.family.without(*settings.without), settings.seed
    clock = Clock.of(settings.start, settings.months)
    who = accounts.settle_in(stream(seed, "accounts"), clock, settings.accounts)
    who = customers(stream(seed, "onboarding"), family, who)
    champions = state.departures(stream(seed, "champions"), family, len(who), clock)
    troubles = state.incidents(stream(seed, "incidents"), family, len(who), clock)
    hidden = state.evolve(stream(seed, "state"), family, who, clock, champions, troubles)
    signed = Office(stream(seed, "contracts"), family, who, hidden, clock).run()
    return World(family, clock, who, hidden, signed)


def exports(world: World, seed: int) -> dict[str, pd.DataFrame | pa.Table]:
    """The tables as the company's systems export them at the window's end."""
    family, clock, who = world.family, world.clock, world.accounts
    calendars = Seasons.of(family, clock)
    most = seats_by_week(who, world.contracts, clock).max(axis=1) + 1
    staff = People.of(stream(seed, "people"), who, world.hidden, most, clock)
    own = habits(stream(seed, "habits"), family, len(who), clock)
    active = activity(
        stream(seed, "activity"), family, who, world.hidden, world.contracts, calendars, own, clock
    )
    return {
        "accounts": who.export(),
        "subscriptions": subscriptions(
            stream(seed, "papers"), family, who, world.contracts.rows, clock
        ),
        "usage": usage(stream(seed, "usage"), family, who, active, staff, calendars, clock),
        "product_features": product_features(),
        "tickets": tickets(
            stream(seed, "support"),
            stream(seed, "tone"),
            family,
            who,
            world.hidden,
            active,
            calendars,
            clock,
        ),
        "nps": nps(stream(seed, "sentiment"), family, who, active, staff, clock),
        "touchpoints": touchpoints(
            stream(seed, "relationship"), family, who, active, world.contracts, clock
        ),
    }


def simulate(settings: SimulationSettings, out: Path) -> None:
    """Write a company's raw exports to `out`, and its truth to `out`/truth.

    Small tables are CSV files, usage is Parquet. The same settings give the same bytes.
    """
    world = happen(settings)
    (out / TRUTH).parent.mkdir(parents=True, exist_ok=True)
    for name, table in exports(world, settings.seed).items():
        if isinstance(table, pa.Table):
            pq.write_table(table, out / f"{name}.parquet", compression="zstd")
        else:
            table.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")
    known = truth(world.family, world.accounts, world.hidden, world.contracts, world.clock)
    pq.write_table(
        pa.Table.from_pandas(known, preserve_index=False).replace_schema_metadata(None),
        out / TRUTH,
        compression="zstd",
    )
