"""A ledger of ten million rows: publishing, settling a cycle, reading two years, verifying.

    python -m benchmarks.ledger [--rows 10000000] [--verify] [--url postgresql+psycopg://...]

Monthly mornings; 10,000 renewals fall due in every month, each is asked about on three mornings,
and every cycle is settled once it is over. Filled by the ledger's own methods.
Prints seconds.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from serve.ledger import Ledger
from serve.record import KEY, OUTCOMES, PUBLISHED
from serve.sealing.receipts import Run

T = TypeVar("T")
CYCLE, AHEAD = 10_000, 3
MODEL, BUNDLE = "d85a8c63ad72", "5" * 64


def main() -> None:
    """Fill a ledger, then time what the issue promises."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--url")
    parser.add_argument("--verify", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        ledger = Ledger.open(asked.url or f"sqlite:///{path}")
        runs = max(asked.rows // (CYCLE * AHEAD), 27)
        months = pd.date_range("2000-01-01", periods=runs + AHEAD + 2, freq="MS")
        fill = timed(f"fill with {runs} runs", lambda: filled(ledger, months[: runs + AHEAD]))
        print(f"{'entries':<40} {fill:10}")
        if path.exists():
            print(f"{'GB':<40} {path.stat().st_size / 1e9:10.2f}")
        large = predictions(months, runs, 50_000)
        timed("publish 50,000 rows", lambda: ledger.publish(run(large), large))
        cycle = outcomes(months, runs - 1, months[runs + 2], "churned")
        print(timed("settle a cycle of 10,000 renewals", lambda: ledger.settle(cycle)))
        record = timed(
            "read two years",
            lambda: ledger.read(months[runs - 24].date(), months[runs].date()),
        )
        print(f"{'  predictions, outcomes':<40} {len(record.predictions)} {len(record.outcomes)}")
        timed("renewals of the last year", lambda: ledger.renewals(months[runs].date()))
        timed("history of one account", lambda: ledger.history("acc_000001"))
        if asked.verify:
            said = timed("verify", ledger.verify)
            print(said)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{'peak memory, GB':<40} {peak:10.2f}")


def timed(what: str, job: Callable[[], T]) -> T:
    """Run a job and print its wall seconds, and those of its own processor."""
    start, busy = time.perf_counter(), time.process_time()
    result = job()
    wall, cpu = time.perf_counter() - start, time.process_time() - busy
    print(f"{what:<40} {wall:10.2f} s {cpu:10.2f} s of CPU", flush=True)
    return result


def filled(ledger: Ledger, months: pd.DatetimeIndex) -> int:
    """Publish every morning and settle every cycle that is over; how many entries there are."""
    for number in range(len(months) - AHEAD):
        frame = predictions(months, number, CYCLE * AHEAD)
        ledger.publish(run(frame), frame)
        if number > 1:
            ledger.settle(outcomes(months, number - 2, months[number], "renewed"))
    return int(ledger.anchor["count"])


def predictions(months: pd.DatetimeIndex, number: int, rows: int) -> pd.DataFrame:
    """What a morning says: the columns of PUBLISHED but `sealed`."""
    random = np.random.default_rng(number)
    place = np.arange(rows)
    cycle = number + place // CYCLE % AHEAD
    due = months[cycle] + pd.to_timedelta(place % 28, unit="D")
    frame = pd.DataFrame({"account_id": accounts(place, cycle), "due_date": due})
    frame["prediction_id"] = [f"{value:064x}" for value in place + number * 1_000_000]
    frame = frame.assign(as_of=months[number], model_version=MODEL, bundle_sha256=BUNDLE)
    frame = frame.assign(month_to_month=False, status="scored")
    frame["days_to_due"] = (frame["due_date"] - frame["as_of"]).dt.days
    for name, kind in PUBLISHED.items():
        if name not in frame and name != "sealed":
            texts = random.choice(["Enterprise", "Mid-market", "SMB", "Ines Falk"], rows)
            frame[name] = texts if kind == "VARCHAR" else random.random(rows)
            if kind == "BOOLEAN":
                frame[name] = random.random(rows) < 0.2
    frame["arr_due"] = (frame["arr_due"] * 1e5).round(2)
    return frame[[name for name in PUBLISHED if name != "sealed"]]


def accounts(place: np.ndarray, cycle: np.ndarray) -> list[str]:
    """An account has one renewal a year: its number says in which month of it."""
    numbers = place % CYCLE + place // (CYCLE * AHEAD) * CYCLE * 12 + cycle % 12 * CYCLE
    return [f"acc_{number:06}" for number in numbers]


def run(frame: pd.DataFrame) -> Run:
    """The run that a frame is of."""
    day: date = frame["as_of"].iloc[0].date()
    arr = float(frame["arr_due"].sum())
    return Run(day, 90, MODEL, BUNDLE, "f" * 64, "c" * 64, len(frame), arr)


def outcomes(
    months: pd.DatetimeIndex, cycle: int, known_on: pd.Timestamp, outcome: str
) -> pd.DataFrame:
    """How a cycle ended: the columns of OUTCOMES."""
    asked = predictions(months, cycle, CYCLE)[[*KEY, "arr_due", "month_to_month"]]
    kept = asked["arr_due"] * (outcome != "churned")
    ends = asked.assign(outcome=outcome, arr_kept=kept, arr_renewed=kept, early=False)
    return ends.assign(known_on=known_on)[list(OUTCOMES)]


if __name__ == "__main__":
    main()
