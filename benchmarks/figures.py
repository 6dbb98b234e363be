"""What was measured, and the page it makes: medians, their ratios, growth, and the machine."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from benchmarks.generator import Company
from benchmarks.naive import LONGEST
from features.definition import definitions

MEANINGS = {
    "scan": "scan of the usage columns",
    "build": "build: facts and all features, written",
    "one step": "build without the two-step features",
    "limited": "build under the memory limit",
    "one thread": "build on one thread",
    "increment": "a day of events and a morning more",
    "regrouped": "naive join, counted by person, feature and day once joined",
    "naive": "naive join",
    "pandas": "loop in pandas",
}
RATIOS = [("build", "scan"), ("one step", "scan"), ("naive", "build"), ("regrouped", "build"),
          ("pandas", "build"), ("build", "increment")]  # fmt: skip
JOINS = ("naive", "regrouped")
ALL_JOINED = 10_000_000


@dataclass(frozen=True)
class Run:
    """What one process took: seconds of the work and of the process, CPU seconds, MB."""

    seconds: float
    process: float
    cpu: float
    peak: float
    steps: dict[str, float]
    digest: str = ""


@dataclass
class World:
    """A generated company on disk, the mornings that are joined naively, and what was measured."""

    folder: Path
    company: Company
    joined: Sequence[date]
    runs: dict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))

    def median(self, task: str, figure: str = "seconds") -> float:
        """The median of a figure over the repeats, scaled where only some mornings were joined.

        What a join costs beyond reading the events grows with the days of events it joins.
        """
        found = statistics.median(getattr(run, figure) for run in self.runs[task])
        if task in JOINS and self.sampled and figure in ("seconds", "cpu"):
            read = self.median("scan", figure)
            return read + (found - read) * scale(self.company, self.joined)
        return found

    def step(self, task: str, name: str) -> float:
        """The median seconds of a part of a task."""
        return statistics.median(run.steps[name] for run in self.runs[task])

    @property
    def sampled(self) -> bool:
        """Whether only some mornings were joined naively."""
        return len(self.joined) < len(self.company.mornings)

    @property
    def alike(self) -> bool:
        """Whether all builds of all features, on any threads and memory, wrote the same bytes."""
        built = ("build", "one thread", "limited")
        return len({run.digest for task in built for run in self.runs[task]}) == 1


def sample(company: Company, count: int) -> list[date]:
    """The mornings to join naively: all, but `count` evenly spread ones above 10 million events."""
    mornings = company.mornings
    if company.events <= ALL_JOINED or count >= len(mornings):
        return mornings
    return [mornings[int((n + 0.5) * len(mornings) / count)] for n in range(count)]


def scale(company: Company, mornings: Sequence[date]) -> float:
    """How many times the days of events that `mornings` join are those that all mornings join.

    >>> company = Company.of(10**6)
    >>> scale(company, company.mornings), round(scale(company, company.mornings[-3:]), 2)
    (1.0, 7.17)
    """
    begun = date.fromisoformat(company.first)

    def joined(some: Sequence[date]) -> int:
        return sum(min((morning - begun).days, LONGEST) for morning in some)

    return joined(company.mornings) / joined(mornings)


def page(worlds: Sequence[World], command: str) -> list[str]:
    """The lines of the page, for benchmarks/README.md."""
    tasks = [task for task in MEANINGS if worlds[0].runs[task]]
    asked = [world.company.accounts * len(world.company.mornings) for world in worlds]
    sizes = {
        "events": [f"{_source(world)['tables']['usage']['rows']:,}" for world in worlds],
        "accounts": [f"{world.company.accounts:,}" for world in worlds],
        "observations": [f"{rows:,}" for rows in asked],
        "usage files, MB": [f"{_megabytes(world):,.0f}" for world in worlds],
    }
    took = {MEANINGS[task]: [_three(world, task) for world in worlds] for task in tasks}
    for task in ("build", "increment"):
        for name in ("facts", "features"):
            steps = [f"{world.step(task, name):.3g}" for world in worlds]
            took[f"{MEANINGS[task]}: only {name}"] = steps
        whole = [f"{world.median(task, 'process'):.3g}" for world in worlds]
        took[f"{MEANINGS[task]}: whole process"] = whole
    ratios = {
        f"{above} / {below}": [_ratio(world, above, below) for world in worlds]
        for above, below in RATIOS
        if above in tasks
    }
    lines = [f"    {command}", "", machine(), "", *table(worlds, sizes), ""]
    lines += [f"Seconds, CPU seconds, peak MB; medians; {len(definitions())} features:", ""]
    lines += [*table(worlds, took), "", "Ratios of seconds:", "", *table(worlds, ratios), ""]
    for less, more in pairwise(worlds):
        both = [task for task in tasks if more.runs[task]]
        growth = ", ".join(f"{task} {_exponent(less, more, task):.2f}" for task in both)
        lines += [f"Exponent of growth from {_size(less)} to {_size(more)}: {growth}.", ""]
    some = {len(world.joined) for world in worlds if world.sampled} if "naive" in tasks else ()
    lines += [
        f"\\* {count} mornings joined, scaled to all by the days of events." for count in some
    ]
    alike = "the same bytes" if all(world.alike for world in worlds) else "DIFFERENT BYTES"
    return [*lines, f"All builds wrote {alike}, whatever their threads and memory."]


def table(worlds: Sequence[World], rows: Mapping[str, Sequence[str]]) -> list[str]:
    """A Markdown table with a column a world."""
    head = ["", *(_size(world) for world in worlds)]
    cells = [head, ["---"] * len(head), *([name, *row] for name, row in rows.items())]
    return [f"| {' | '.join(row)} |" for row in cells]


def _three(world: World, task: str) -> str:
    if not world.runs[task]:
        return ""
    seconds, cpu, peak = (world.median(task, name) for name in ("seconds", "cpu", "peak"))
    scaled = "\\*" if task in JOINS and world.sampled else ""
    return f"{seconds:.3g}{scaled} s, {cpu:.3g}{scaled} s, {peak:,.0f} MB"


def _ratio(world: World, above: str, below: str) -> str:
    return f"{world.median(above) / world.median(below):.1f}" if world.runs[above] else ""


def _exponent(less: World, more: World, task: str) -> float:
    size = math.log(more.company.events / less.company.events)
    return math.log(more.median(task) / less.median(task)) / size


def machine() -> str:
    """The machine and the versions, in a sentence."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pandas", "pyarrow"))
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}; {date.today():%d %B %Y}; warm file cache."
    )


def _size(world: World) -> str:
    return f"{world.company.events / 1e6:g}M"


def _source(world: World) -> dict:
    return json.loads((world.folder / "tables" / "source.json").read_text("utf-8"))


def _megabytes(world: World) -> float:
    files = (world.folder / "tables" / "usage").glob("*.parquet")
    return sum(file.stat().st_size for file in files) / 1e6
