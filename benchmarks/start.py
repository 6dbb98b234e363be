"""How long a service takes until it is ready, and what it holds in memory then.

`python -m benchmarks.start [--repeats 5] [--python INTERPRETER]` starts `python -m serve` on what
lies in data/cycle, artifacts/ and reports/, asks /readyz until it answers 200, and prints Markdown.
Beside it stands what no service of these three libraries can do without: their import alone. With
another interpreter (of an environment that holds requirements/serve.txt, as the container does) it
measures what is deployed. Machines differ, the ratio less; the seconds of the processor hold on a
busy machine too.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from pipeline import files

FLOOR = "import lightgbm, fastapi, uvicorn"
HOLDS = "import time; print(flush=True); time.sleep(60)"
WAIT = 60.0


def resident(pid: int) -> float:
    """What a process holds, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def worked(pid: int) -> float:
    """The processor's seconds that a process took."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def figures(pid: int, before: float) -> tuple[float, float, float]:
    """Seconds since `before`, the processor's seconds, and MB."""
    return time.perf_counter() - before, worked(pid), resident(pid)


def stopped(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(timeout=30)


def ready(python: str, port: int) -> tuple[float, float, float]:
    """The figures of a service when /readyz first answers 200."""
    places = {
        "PUBLICATION": files.CYCLE, "BUNDLES": files.ARTIFACTS,
        "REPORTS": files.COMPARISON.parent, "PORT": port,
    }  # fmt: skip
    told = {f"RENEWCAST_{name}": str(of) for name, of in places.items()}
    before = time.perf_counter()
    process = subprocess.Popen(
        [python, "-m", "serve"], env=os.environ | told, stderr=subprocess.DEVNULL, text=True
    )
    try:
        while time.perf_counter() - before < WAIT and process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                    return figures(process.pid, before)
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.01)
        raise SystemExit("the service was not ready: start `python -m serve` by hand to see why")
    finally:
        stopped(process)


def floor(python: str) -> tuple[float, float, float]:
    """The figures of the three libraries alone."""
    before = time.perf_counter()
    code = f"{FLOOR}; {HOLDS}"
    process = subprocess.Popen([python, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    found = figures(process.pid, before)
    stopped(process)
    return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--python", default=sys.executable)
    asked = parser.parse_args()
    taken: dict[str, list[tuple[float, float, float]]] = {"service": [], "floor": []}
    ready(asked.python, free_port())  # once before, so that every file was read
    for _ in range(asked.repeats):
        taken["service"].append(ready(asked.python, free_port()))
        taken["floor"].append(floor(asked.python))
    service, bare = (
        [statistics.median(column) for column in zip(*taken[name], strict=True)] for name in taken
    )
    ratios = [of / least for of, least in zip(service, bare, strict=True)]
    print(f"Medians of {asked.repeats}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("| | seconds until ready | of the processor | MB resident |\n|---|---|---|---|")
    for name, (seconds, cpu, mb) in {
        "`python -m serve` (at most 2 s, 250 MB)": service,
        f"`python -c '{FLOOR}'`": bare,
    }.items():
        print(f"| {name} | {seconds:.2f} | {cpu:.2f} | {mb:.0f} |")
    print(f"| ratio | {ratios[0]:.2f} | {ratios[1]:.2f} | {ratios[2]:.2f} |")


if __name__ == "__main__":
    main()
