"""The exam of the models: companies of a family and of seeds that nothing was ever tuned on.

`python -m benchmarks.exam` runs what is not yet run, two companies at a time on a thread each,
and appends every result as it ends; stop it whenever you like and start it again. `--only`,
`--first` and `--minutes` run a part. Results are kept by the hash of the code that made them: other
code, other results. `python -m benchmarks.grades` makes the table of them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.population import RESULTS

FAMILY = "thresholds"
FIRST_SEED = 1_000
WORKERS = 2
CODE = ("features/*.py", "models/*.py", "serve/scorer.py", "simulation/*.py")
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}


@dataclass(frozen=True)
class Paper:
    """One part of the exam: `worlds` companies of `accounts` accounts each."""

    name: str
    family: str
    accounts: int
    worlds: int


PAPERS = (
    Paper("share", FAMILY, 200, 100),
    Paper("share", FAMILY, 500, 100),
    Paper("share", FAMILY, 1_000, 40),
    Paper("share", FAMILY, 5_000, 20),
    Paper("heldout", FAMILY, 1_000, 400),
    Paper("noise", "noise", 500, 400),
)


@dataclass(frozen=True)
class Task:
    """One company to be examined."""

    name: str
    family: str
    accounts: int
    seed: int


def tasks(papers: tuple[Paper, ...] = PAPERS) -> list[Task]:
    """All companies, so that whenever the exam is stopped each part is done to the same share."""
    every = [
        (number / paper.worlds, Task(paper.name, paper.family, paper.accounts, FIRST_SEED + number))
        for paper in papers
        for number in range(paper.worlds)
    ]
    return [task for _, task in sorted(every, key=lambda pair: pair[0])]


def code() -> str:
    """Hash of what is examined: code and parameters."""
    found = hashlib.sha256(Path("params.yaml").read_bytes())
    for pattern in CODE:
        for path in sorted(Path().glob(pattern)):
            found.update(path.read_bytes())
    return found.hexdigest()[:12]


def results(version: str | None = None) -> Path:
    """The file to which results are appended, one JSON object a line."""
    return RESULTS / "exam" / f"{version or code()}.jsonl"


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The results in a file; a line that a stop cut short is no result."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def examine(task: Task) -> dict[str, Any]:
    """One company's results; in a process of its own."""
    from benchmarks import papers  # after the number of threads is set

    started = time.time()
    found = papers.PAPERS[task.name](task.family, task.accounts, task.seed)
    return {**asdict(task), "seconds": round(time.time() - started, 1), **found}


def run(todo: list[Task], out: Path, until: float) -> int:
    """Examine companies until none is left or the time is over; the number examined."""
    os.environ.update(ALONE)
    out.parent.mkdir(parents=True, exist_ok=True)
    queue, running, done = list(reversed(todo)), set[Future[dict[str, Any]]](), 0
    context = get_context("spawn")
    with ProcessPoolExecutor(WORKERS, mp_context=context, max_tasks_per_child=20) as pool:
        while running or (queue and time.time() < until):
            while queue and len(running) < WORKERS and time.time() < until:
                running.add(pool.submit(examine, queue.pop()))
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                result = future.result()
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
                done += 1
                label = f"{result['name']} {result['family']} {result['accounts']}"
                print(f"{label} seed {result['seed']}: {result['seconds']} s", flush=True)
    return done


def main(asked: list[str]) -> None:
    """Run what is left of the exam, or of the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", help="parts by name, as share, share-200, noise")
    parser.add_argument("--first", type=int, help="only so many companies of each part")
    parser.add_argument("--minutes", type=float, default=480.0, help="start none after that")
    given = parser.parse_args(asked)
    out = results()
    there = {(r["name"], r["family"], r["accounts"], r["seed"]) for r in read(out)}
    todo = [
        task
        for task in tasks()
        if (task.name, task.family, task.accounts, task.seed) not in there
        and (not given.only or {task.name, f"{task.name}-{task.accounts}"} & set(given.only))
        and (given.first is None or task.seed < FIRST_SEED + given.first)
    ]
    print(f"{len(there)} done, {len(todo)} to do, into {out}", flush=True)
    run(todo, out, time.time() + 60 * given.minutes)


if __name__ == "__main__":
    main(sys.argv[1:])
