"""How long training takes: every target that the exam asks for, with its backtest, on one thread.

`python -m benchmarks.training [--accounts 2000]` makes a company of development and trains it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from benchmarks.exam import ALONE

FAMILY, SEED = "linear", 60


def main(asked: list[str]) -> None:
    """Print the rung, the positives and the seconds of each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=2_000)
    given = parser.parse_args(asked)
    os.environ.update(ALONE)
    from benchmarks import judging, population, worlds  # after the number of threads is set
    from pipeline.settings import load

    settings = load()
    made = worlds.world(FAMILY, SEED, given.accounts, settings=settings)
    whole = 0.0
    for cutoff in worlds.CUTOFFS:
        for target in population.TARGETS:
            started = time.perf_counter()
            model = judging.fitted(made, settings, cutoff, only=(target,))[target]["model"]
            seconds = time.perf_counter() - started
            whole += seconds
            positives = model.report["positives"]
            print(f"{target}, {cutoff}: {model.rung}, {positives:.0f} positives, {seconds:.1f} s")
    print(f"{given.accounts} accounts: {whole:.1f} s on one thread")


if __name__ == "__main__":
    main(sys.argv[1:])
