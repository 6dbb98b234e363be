"""What it costs to track a training in MLflow, beside the training itself.

`python -m benchmarks.tracking [target …] [--repeats 5]` trains on the clone's own data in a scratch
folder and prints, by the clock and of the processor (which a busy machine distorts less), the
seconds of learning, of the plots and figures with intervals, and of MLflow; then two ratios:
tracked to untracked, and with plots and MLflow to learning alone. MLflow's import and the making of
a new store happen once a process and once a clone; they are timed apart.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from pipeline import train
from pipeline.experiments import store, telling
from pipeline.settings import load

READ = ("data", "reports", "sources", "requirements", "params.yaml", "dvc.yaml", "dvc.lock")


def taken(call: Callable[..., Any], *given: object) -> tuple[Any, tuple[float, float]]:
    """What a call returns, and its seconds by the clock and of the processor, all threads."""
    clock, busy = time.perf_counter(), time.process_time()
    found = call(*given)
    return found, (time.perf_counter() - clock, time.process_time() - busy)


def scratch(folder: Path) -> None:
    """A folder in which a stage reads what the clone holds, and writes beside it."""
    for name in READ:
        if Path(name).exists():
            (folder / name).symlink_to(Path(name).resolve())


def measure(target: str, repeats: int) -> str:
    """One line of a table in Markdown."""
    learning, shown, tracked = [], [], []
    for _ in range(repeats):
        learnt, seconds = taken(train.learn, target)
        learning.append(seconds)
        with mock.patch.object(telling, "track", return_value={}):
            shown.append(taken(telling.tell, learnt)[1])
        tracked.append(taken(telling.tell, learnt)[1])
    cells = []
    for of in range(2):
        alone, drawn, told = (
            statistics.median(one[of] for one in many) for many in (learning, shown, tracked)
        )
        ratios = (alone + told) / (alone + drawn), (alone + told) / alone
        cells += [f"{seconds:.2f}" for seconds in (alone, drawn, told - drawn)]
        cells += [f"{ratio:.3f}" for ratio in ratios]
    return f"| {target} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(load().targets))
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch(Path(name))
        with contextlib.chdir(name), store.quiet():
            made = taken(store.opened, store.address())[1][0]
            print(f"import of MLflow and a new store: {made:.2f} s\n")
            told = "learning s | plots s | MLflow s | tracked ÷ untracked | all ÷ learning"
            print(f"| | {told} | of the processor: {told} |\n|{'---|' * 11}")
            for target in asked.targets:
                print(measure(target, asked.repeats), flush=True)


if __name__ == "__main__":
    main()
