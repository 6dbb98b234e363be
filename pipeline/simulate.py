"""Stage: a sample company with known truth, as raw exports."""

from __future__ import annotations

from pipeline import files
from pipeline.settings import load


def run() -> None:
    """Write the raw exports of the sample company that params.yaml describes."""
    from simulation.company import simulate

    simulate(load().simulation, files.RAW)


if __name__ == "__main__":
    from pipeline.refusal import in_sentences

    with in_sentences():
        run()
