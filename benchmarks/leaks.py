"""The honesty gate against planted leaks, and against clean companies.

    python -m benchmarks.leaks [--accounts 500] [--worlds 3] [--clean 20] [--family linear]

Every leak of `benchmarks.catalogue` is planted into each target of each world; the gate must find
it. On `--clean` further worlds without any it must find nothing. Prints a page for
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.catalogue import INDEX, LEAKS, Case, Leak
from benchmarks.worlds import World, world
from models.gate import Probed, probe
from models.target import learnable
from pipeline import files, gate
from pipeline.settings import Settings, load


@dataclass(frozen=True)
class Clean:
    """One target of a world, as it is."""

    target: str
    case: Case
    by: pd.Timestamp
    gap_days: int


def targets(made: World, settings: Settings) -> Iterator[Clean]:
    """What the gate is shown of each target of a world."""
    features = made.features[[c for c in made.features if c != "segment"]]
    for name, target in settings.targets.items():
        told = made.labels[name]
        by = told[files.SERVING]["by"].max()
        rows, earlier = (
            learnable(told[cutoff], target, settings.targets)
            for cutoff in (files.SERVING, files.BACKTEST)
        )
        grace, every = settings.contracts.grace, made.observations
        due = gate.asked(every, told[files.SERVING], target, settings, made.calendar)
        case = Case(features, told[files.SERVING], rows, earlier, every, due)
        yield Clean(name, case, by, target.horizon + grace + made.calendar.delay)


def probed(clean: Clean, settings: Settings, leak: Leak | None = None, seed: int = 0) -> Probed:
    """The gate's findings, with or without a leak."""
    case = leak.plant(clean.case, np.random.default_rng(seed)) if leak else clean.case

    def rebuild(sample: pd.DataFrame) -> pd.DataFrame:
        return clean.case.features.reindex(pd.MultiIndex.from_frame(sample[INDEX]))

    return probe(
        case.features,
        case.rows,
        case.earlier,
        case.observations,
        case.asked,
        by=clean.by,
        gap_days=clean.gap_days,
        leads=settings.comparison.leads,
        settings=settings.gate,
        rebuild=rebuild if leak and leak.outside else None,
    )


def caught(worlds: Mapping[int, World], settings: Settings) -> pd.DataFrame:
    """One row a leak, world and target: `found`, and the probes that found it."""
    found = []
    for seed, made in worlds.items():
        for clean in targets(made, settings):
            lost = settings.targets[clean.target].outcome == "lost"
            for leak in LEAKS:
                if leak.lost and not lost:
                    continue
                evidence = probed(clean, settings, leak, seed).evidence
                probes = sorted({one.probe for one in evidence})
                found.append(
                    {"leak": leak.name, "meaning": leak.meaning, "seed": seed}
                    | {"target": clean.target, "found": bool(evidence), "probes": probes}
                )
    return pd.DataFrame(found)


def page(found: pd.DataFrame, alarms: list[str], clean: int, asked: argparse.Namespace) -> str:
    """The figures as Markdown."""
    lines = ["| leak | caught | by |", "|---|---|---|"]
    for name, part in found.groupby("leak", sort=False):
        probes = sorted({probe for each in part["probes"] for probe in each})
        meaning = part["meaning"].iloc[0]
        lines.append(
            f"| {name}: {meaning} | {part['found'].sum()} of {len(part)} | {', '.join(probes)} |"
        )
    whole = found.groupby("leak")["found"].all()
    lines.append(
        f"\n{whole.sum()} of {len(whole)} leaks caught in every world and target ({asked.worlds} "
        f"worlds of {asked.accounts} accounts, family {asked.family}); {len(alarms)} false alarms "
        f"in {clean} clean targets."
    )
    return "\n".join([*lines, *alarms])


def main() -> None:
    """Plant, probe, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--worlds", type=int, default=3)
    parser.add_argument("--clean", type=int, default=20)
    parser.add_argument("--family", default="linear")
    asked, settings = parser.parse_args(), load()
    worlds = {seed: world(asked.family, seed, asked.accounts) for seed in range(asked.worlds)}
    found = caught(worlds, settings)
    alarms, clean = [], 0
    for seed in range(asked.worlds, asked.worlds + asked.clean):
        for one in targets(world(asked.family, seed, asked.accounts), settings):
            clean += 1
            alarms += [
                f"- seed {seed}, {one.target}: {e.sentence}" for e in probed(one, settings).evidence
            ]
    print(page(found, alarms, clean, asked))


if __name__ == "__main__":
    main()
