"""The feature engine against a scan, a naive join and a loop in pandas, and how it grows.

    python -m benchmarks.features --events 1e6 1e7 [--repeats 3] [--threads 2] [--sparse] [--late]
        [--memory 1GB] [--naive-mornings 3] [--skip-naive] [--pandas] [--data DIR]

One run measures everything, each task in a process of its own and in an order that turns from
repeat to repeat. Worlds are made once and kept in `--data`. Seconds are those of the work, from
after the imports to the last byte written. Prints the medians as a page for benchmarks/README.md.

The joins and the loop answer the default features of frequency, breadth and depth, all but one;
the build answers every family, so that what it is compared with does less.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from benchmarks.figures import Run, World, page, sample
from benchmarks.generator import (
    SESSION,
    SPARSE,
    Company,
    append_day,
    generate,
    observations,
    renewals,
)
from features.publication import published

LOOPED = 1_000_000


def main() -> None:
    """Make the worlds, measure, print."""
    asked = arguments()
    asked.data.mkdir(parents=True, exist_ok=True)
    worlds = [made(company, asked) for company in companies(asked)]
    with scratch(asked.data) as bases:
        for world in worlds:
            base = bases / world.folder.name
            base.mkdir()
            child("build", world, base, asked.threads)  # warms the cache, and facts to grow from
        for repeat in range(asked.repeats):
            for world in worlds:
                measure(world, bases / world.folder.name / "facts", asked, repeat)
    print("\n".join(page(worlds, f"python -m benchmarks.features {' '.join(sys.argv[1:])}")))


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=float, nargs="+", default=[1e6, 1e7])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sparse", action="store_true", help="1.5 events a user-day, not 20")
    parser.add_argument("--late", action="store_true", help="with late and corrected rows")
    parser.add_argument("--memory", default="", help="build once more under this limit: 1GB")
    parser.add_argument(
        "--naive-mornings", type=int, default=3, help="joined above 10 million events, and scaled"
    )
    parser.add_argument("--skip-naive", action="store_true")
    parser.add_argument("--pandas", action="store_true", help="a loop in pandas, up to a million")
    cache = Path(tempfile.gettempdir()) / "renewcast-benchmarks"
    parser.add_argument("--data", type=Path, default=cache, help="where the worlds are kept")
    return parser.parse_args()


def companies(asked: argparse.Namespace) -> list[Company]:
    """The companies asked for, by size."""
    per_day = SPARSE if asked.sparse else SESSION
    return [Company.of(int(n), per_day=per_day, late=asked.late) for n in sorted(asked.events)]


def made(company: Company, asked: argparse.Namespace) -> World:
    """The world of a company, made if it is not there."""
    kind = "sparse" if company.per_day == SPARSE else "sessions"
    folder = asked.data / f"{company.events}-{kind}{'-late' if company.late else ''}"
    known, said = folder / "company.txt", f"{company}\n"
    if not known.exists() or known.read_text("utf-8") != said:
        with published(folder) as new:
            generate(company, new / "tables", asked.threads)
            observations(company, new / "observations.parquet")
            renewals(company, new / "past_renewals.parquet")
            (new / known.name).write_text(said, "utf-8")
    return World(folder, company, sample(company, asked.naive_mornings))


@contextmanager
def scratch(data: Path) -> Iterator[Path]:
    """A new folder beside the worlds, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="scratch-", dir=data) as folder:
        yield Path(folder)


def measure(world: World, facts: Path, asked: argparse.Namespace, repeat: int) -> None:
    """Every task once, in an order that the repeat decides."""
    tasks = ["scan", "build", "one step", "increment"]
    tasks += ["pandas"] if asked.pandas and world.company.events <= LOOPED else []
    tasks += [] if asked.skip_naive or asked.late else ["naive", "regrouped"]
    tasks += ["limited"] if asked.memory else []
    tasks += ["one thread"] if repeat == 0 and asked.threads > 1 else []
    turn = repeat % len(tasks)
    for task in [*tasks[turn:], *tasks[:turn]]:
        with scratch(asked.data) as folder:
            if task == "increment":
                grow(world, facts, folder)
            name = "build" if task in ("limited", "one thread") else task
            threads = 1 if task == "one thread" else asked.threads
            run = child(name, world, folder, threads, asked.memory if task == "limited" else "")
        world.runs[task].append(run)
        print(f"{world.folder.name} {task}: {run.seconds:.2f} s", file=sys.stderr)


def child(name: str, world: World, folder: Path, threads: int, memory: str = "") -> Run:
    """One task in a process of its own."""
    said = {
        "world": str(world.folder), "scratch": str(folder), "threads": threads, "memory": memory,
        "mornings": [str(morning) for morning in world.joined],
    }  # fmt: skip
    os.sync()
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.tasks", name, json.dumps(said)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    process, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(process=process, cpu=cpu, **json.loads(done.stdout.splitlines()[-1]))


def grow(world: World, facts: Path, folder: Path) -> None:
    """The world's tables with a day more, its facts as they were, and the morning after the day."""
    shutil.copytree(world.folder / "tables", folder / "tables", copy_function=os.link)
    shutil.copytree(facts, folder / "facts")
    morning = append_day(folder / "tables") + timedelta(1)
    observations(world.company, folder / "observations.parquet", [morning])
    renewals(world.company, folder / "past_renewals.parquet", [morning])


if __name__ == "__main__":
    main()
