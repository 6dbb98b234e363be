"""One measured task in a process of its own, so that nothing another one did is in its memory.

    python -m benchmarks.tasks build '{"world": ..., "scratch": ..., "threads": 2, ...}'

Prints one line of JSON: `seconds` (wall, from after the imports to the last byte written), the
seconds of its `steps`, `peak` (the greatest resident memory of the process, in MB) and `digest`
(a hash of the features written, where there are any).
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.naive import naive
from benchmarks.pandas_loop import pandas_loop
from features import parts
from features.definition import REGISTER, Aggregate, definitions
from features.facts import build_facts
from features.feature import build
from features.publication import manifest
from features.sets import members

STATIC = ("country", "industry")
TEXTS = ("account_id", "feature", "user_id", "department")


@dataclass
class Task:
    """Where a task finds a world and leaves its results, and what it may use."""

    world: Path
    scratch: Path
    threads: int
    memory: str = ""
    mornings: list[date] = field(default_factory=list)
    steps: dict[str, float] = field(default_factory=dict)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A connection with the task's threads and memory, that spills into its scratch."""
        config: dict[str, str | int] = {"threads": self.threads}
        config["temp_directory"] = str(self.scratch / "spill")
        if self.memory:
            config["memory_limit"] = self.memory
        return duckdb.connect(config=config)  # type: ignore[arg-type]

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Take the time of a part of the task."""
        begun = time.perf_counter()
        yield
        self.steps[name] = time.perf_counter() - begun


def scan(task: Task) -> None:
    """Read every value of the columns that the features need, and do next to nothing with it."""
    with task.connect() as con:
        texts = ", ".join(f"bit_xor(hash({column}))" for column in TEXTS)
        usage = parts.source(task.world / "tables" / "usage")
        con.execute(f"SELECT {texts}, max(occurred_at), sum(minutes) FROM {usage}").fetchall()


def full(task: Task) -> None:
    """From the tables to the features of all mornings, written."""
    _build(task, task.world / "observations.parquet", task.world / "past_renewals.parquet")


def one_step(task: Task) -> None:
    """The same without the features in two steps: those over a value of each person or feature."""
    definitions()
    for key, definition in list(REGISTER.items()):
        if isinstance(definition, Aggregate) and definition.outer and not members(definition):
            del REGISTER[key]
    full(task)


def increment(task: Task) -> None:
    """Facts brought up to a day more, and the features of one morning more."""
    _build(task, task.scratch / "observations.parquet", task.scratch / "past_renewals.parquet")


def _build(task: Task, observations: Path, renewals: Path) -> None:
    tables = task.scratch / "tables"
    tables = tables if tables.exists() else task.world / "tables"
    with task.connect() as con:
        with task.step("facts"):
            build_facts(con, tables, task.scratch / "facts", STATIC)
        with task.step("features"):
            build(con, observations, task.scratch / "facts", renewals, task.scratch / "features")


def joined(task: Task) -> None:
    """The naive join."""
    _naive(task, regrouped=False)


def regrouped(task: Task) -> None:
    """The naive join at its best."""
    _naive(task, regrouped=True)


def _naive(task: Task, *, regrouped: bool) -> None:
    out = task.scratch / "naive.parquet"
    observations = task.world / "observations.parquet"
    with task.connect() as con:
        naive(con, task.world / "tables", observations, out, task.mornings, regrouped=regrouped)


def loop(task: Task) -> None:
    """The loop in pandas."""
    pandas_loop(
        task.world / "tables", task.world / "observations.parquet", task.scratch / "pandas.parquet"
    )


TASKS: dict[str, Callable[[Task], None]] = {
    "scan": scan, "build": full, "one step": one_step, "increment": increment,
    "naive": joined, "regrouped": regrouped, "pandas": loop,
}  # fmt: skip


def peak() -> float:
    """The greatest resident memory of this process so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def digest(folder: Path) -> str:
    """One hash of every file in a folder; empty without one."""
    if not folder.exists():
        return ""
    return hashlib.sha256(json.dumps(manifest(folder)).encode()).hexdigest()


def main() -> None:
    """Run one task and say what it took."""
    name, said = sys.argv[1], json.loads(sys.argv[2])
    task = Task(
        Path(said["world"]), Path(said["scratch"]), said["threads"], said["memory"],
        [date.fromisoformat(morning) for morning in said["mornings"]],
    )  # fmt: skip
    begun = time.perf_counter()
    TASKS[name](task)
    seconds, most = time.perf_counter() - begun, peak()
    print(
        json.dumps({
            "seconds": seconds, "steps": task.steps, "peak": most,
            "digest": digest(task.scratch / "features"),
        })
    )  # fmt: skip


if __name__ == "__main__":
    main()
