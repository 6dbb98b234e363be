"""Killed at any moment, beside another writer, or on a full disk: all of it or nothing.

RENEWCAST_POINTS: at how many random moments a process is killed; the figure of record is 200.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import time

import pytest

from serve.ledger import Ledger
from serve.sealing.store import LedgerUnavailable
from tests.serve.ledgers import AUGUST, ENDS, ended, many, run, said

POINTS = int(os.environ.get("RENEWCAST_POINTS", "20"))
ROWS = 600


@pytest.fixture(scope="module")
def processes():
    """Children that have everything imported and nothing opened."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["serve.ledger", "tests.serve.ledgers"])
    return context


def ends(frame, outcome):
    rows = frame.assign(outcome=outcome, arr_kept=None, arr_renewed=None, known_on="2025-09-01")
    return ended(rows)


def write(url, number, started=None):
    """Publish one more run of ROWS predictions, then settle all of them."""
    ledger = Ledger.open(url)
    frame = many(ROWS).assign(base_rate=float(number))
    if started is not None:
        started.send(True)
    ledger.publish(run(frame), frame)
    ledger.settle(ends(frame, f"renewed {number}"))


def test_a_process_killed_at_any_moment_leaves_all_or_nothing(url, processes):
    chance = random.Random(11)
    ledger = Ledger.open(url)
    start = time.monotonic()
    write(url, -1)
    whole = time.monotonic() - start
    left = dict.fromkeys((0, 1 + ROWS, 1 + 2 * ROWS), 0)
    for number in range(POINTS):
        before = ledger.anchor["count"]
        listening, started = processes.Pipe(duplex=False)
        child = processes.Process(target=write, args=(url, number, started))
        child.start()
        listening.recv()
        time.sleep(chance.uniform(0, whole))
        child.kill()
        child.join()
        left[ledger.anchor["count"] - before] += 1  # a KeyError is a part of something
        if number % 20 == 0:  # nothing written later can mend what a kill broke
            assert ledger.verify(ledger.anchor).intact
        write(url, number)
        assert ledger.anchor["count"] == before + 1 + 2 * ROWS
    assert len(ledger.runs()) == POINTS + 1 and len(ledger.read().predictions) == ROWS
    found = ledger.verify(ledger.anchor)
    assert found.intact and found.checked == (POINTS + 1) * (1 + 2 * ROWS), str(found.fault)
    print("entries found after the kill -> how often:", left)


def publish(url, go, done):
    """Publish the same run as everybody else, at the same moment."""
    go.wait()
    frame = many(ROWS)
    receipt = Ledger.open(url).publish(run(frame), frame)
    done.put((receipt.run_id, receipt.head, receipt.count, receipt.new))


def test_writers_of_the_same_run_at_once_leave_one(url, processes):
    go, done = processes.Event(), processes.Queue()
    writers = [processes.Process(target=publish, args=(url, go, done)) for _ in range(4)]
    for writer in writers:
        writer.start()
    time.sleep(0.2)
    go.set()  # the ledger does not exist yet: all of them may have to create it
    receipts = [done.get(timeout=60) for _ in writers]
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert sorted(new for *_, new in receipts) == [False, False, False, True]
    assert len({tuple(receipt[:3]) for receipt in receipts}) == 1
    ledger = Ledger.open(url, create=False)
    assert len(ledger.runs()) == 1 and ledger.verify().checked == 1 + ROWS


def crowded(url, room, done):
    """Publish where no file may grow beyond `room` bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    frame = many(20 * ROWS)
    try:
        Ledger.open(url).publish(run(frame), frame)
    except LedgerUnavailable as error:
        done.put(str(error))
    else:
        done.put("published")


def test_a_full_disk_leaves_the_old_state(tmp_path, processes):
    path = tmp_path / "ledger.db"
    ledger = Ledger.open(f"sqlite:///{path}")
    frame = said(AUGUST)
    ledger.publish(run(frame), frame)
    ledger.settle(ended(ENDS.iloc[:1]))
    before, size = ledger.anchor, path.stat().st_size
    done = processes.Queue()
    for room in (size, size + 300_000, size + 1_000_000):
        child = processes.Process(target=crowded, args=(f"sqlite:///{path}", room, done))
        child.start()
        told = done.get(timeout=60)
        child.join()
        assert told.endswith("nothing was changed"), told
        assert ledger.anchor == before
        assert ledger.verify(before).intact
    large = many(20 * ROWS)
    assert ledger.publish(run(large), large).new
