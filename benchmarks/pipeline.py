"""Wall time of the pipeline from a clone: everything, and then nothing to do.

    python -m benchmarks.pipeline [--repeats 3]

Prints one row a stage (seconds, median) and the whole; the environment is the one it runs in.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
TARGETS = "targets"


def main() -> None:
    """Clone, reproduce stage by stage, then ask again; print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    runs = [measure() for _ in range(repeats)]
    for name in runs[0]:
        print(f"{name:<22} {statistics.median(run[name] for run in runs):8.2f} s")


def measure() -> dict[str, float]:
    """Seconds of each stage, of all of them, and of the second `dvc repro`, in one fresh clone."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "renewcast"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        seconds = {name: timed(clone, "repro", "-q", "-s", name) for name in stages(clone)}
        seconds["all stages"] = sum(seconds.values())
        for out in ("data", "artifacts"):
            shutil.rmtree(clone / out)
        seconds["one dvc repro, forced"] = timed(clone, "repro", "-q", "--force")
        seconds["nothing to do"] = timed(clone, "repro", "-q")
    return seconds


def stages(clone: Path) -> list[str]:
    """The stages in their order, one a target where a stage has one."""
    targets = yaml.safe_load((clone / "params.yaml").read_text())[TARGETS]
    defined = yaml.safe_load((clone / "dvc.yaml").read_text())["stages"]
    return [
        f"{name}@{target}" if target else name
        for name, stage in defined.items()
        for target in (targets if "foreach" in stage else [""])
    ]


def timed(clone: Path, *command: str) -> float:
    """Wall seconds of one dvc command in the clone."""
    binaries = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    begun = time.perf_counter()
    subprocess.run([binaries / "dvc", *command], cwd=clone, env=environment, check=True)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
