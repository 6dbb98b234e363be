"""How long the notebooks take from clean, one after the other: `python -m benchmarks.notebooks`.

They read what `make run` wrote in this clone, and change nothing.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]


def seconds(path: Path) -> float:
    """The wall time of one notebook, its kernel's start included."""
    client = NotebookClient(
        nbformat.read(path, as_version=4),
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": os.fspath(ROOT)}},
    )
    started = time.perf_counter()
    client.execute()
    return time.perf_counter() - started


def main() -> None:
    """Print the seconds of each notebook and of all."""
    taken = {path.stem: seconds(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    for name, of in taken.items():
        print(f"{name:28}{of:7.1f} s")
    print(f"{'together':28}{sum(taken.values()):7.1f} s")


if __name__ == "__main__":
    main()
