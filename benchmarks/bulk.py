"""How long a batch takes against nothing but LightGBM on the same numbers.

`python -m benchmarks.bulk [--rows 1000000] [--threads 2] [--intervals]` draws accounts from the
features that lie in data/, has every target ask about each, and prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.publication import read_frame
from pipeline import files
from serve import bundles
from serve.bulk import score_bulk

DUE = 90


def drawn(rows: int, seed: int = 1) -> pd.DataFrame:
    """So many accounts on one morning, each a known one's features with some days until it is
    due."""
    draw = np.random.default_rng(seed)
    known = read_frame(files.FEATURES).drop(columns=["account_id", "as_of"])
    known = known[known["arr"].notna()]
    found = known.iloc[draw.integers(0, len(known), rows)].reset_index(drop=True)
    found["days_to_due"] = draw.integers(0, DUE, rows).astype(float)
    found.insert(0, "account_id", [f"a{number:08}" for number in range(rows)])
    found.insert(1, "as_of", pd.Timestamp("2026-01-01"))
    return found


def batch(
    artifacts: Path, given: Path, out: Path, threads: int, intervals: bool
) -> tuple[float, float]:
    """Seconds of one batch, and the process's peak memory in MB."""
    loaded = bundles.load(bundles.folders(artifacts))
    before = time.perf_counter()
    score_bulk(given, loaded, out, threads=threads, intervals=intervals)
    seconds = time.perf_counter() - before
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def bare(artifacts: Path, given: Path, threads: int) -> tuple[float, float]:
    """Seconds that the served boosters of all targets take on the matrix, and the peak in MB."""
    loaded = bundles.load(bundles.folders(artifacts))
    columns = loaded.fast.columns
    matrix = np.empty((pq.read_metadata(given).num_rows, len(columns)))
    for place, column in enumerate(columns):
        matrix[:, place] = pq.read_table(given, columns=[column])[column].to_numpy()
    before = time.perf_counter()
    for model in loaded.models.values():
        for booster in model.served.boosters:
            booster.predict(matrix, raw_score=True, num_threads=threads)
    seconds = time.perf_counter() - before
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(work, *args):
    """The result of a call in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--intervals", action="store_true")
    parser.add_argument("--artifacts", type=Path, default=files.ARTIFACTS)
    asked = parser.parse_args()
    lies = asked.artifacts
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "features.parquet", Path(folder) / "out"
        table = pa.Table.from_pandas(drawn(asked.rows), preserve_index=False)
        pq.write_table(table, given, row_group_size=122_880)
        del table
        taken: dict[str, list[tuple[float, float]]] = {"batch": [], "bare": []}
        for _ in range(asked.repeats):
            taken["batch"].append(apart(batch, lies, given, out, asked.threads, asked.intervals))
            taken["bare"].append(apart(bare, lies, given, asked.threads))
    seconds = {name: statistics.median(s for s, _ in of) for name, of in taken.items()}
    peak = {name: max(mb for _, mb in of) for name, of in taken.items()}
    ends = " with intervals" if asked.intervals else ""
    print(f"{asked.rows:,} accounts, {asked.threads} threads, medians of {asked.repeats}:\n")
    print("| | seconds | peak MB |\n|---|---|---|")
    print(f"| batch{ends}: Parquet in, published | {seconds['batch']:.1f} | {peak['batch']:,.0f} |")
    print(f"| bare Booster.predict on the matrix | {seconds['bare']:.1f} | {peak['bare']:,.0f} |")
    print(f"| ratio (at most 2, aim 1.2) | {seconds['batch'] / seconds['bare']:.2f} | |")


if __name__ == "__main__":
    main()
