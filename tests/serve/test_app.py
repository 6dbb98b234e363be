"""The service as a process: up on loopback, asked over a port, and down with what was asked
answered."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.serve.api.served import publish

ROOT = Path(__file__).parents[2]
START = """
import sys
from pathlib import Path
from serve.app import serve
serve(Path(sys.argv[1]), port=int(sys.argv[2]), pages=False)
"""


@pytest.fixture
def running(tmp_path):
    """The URL of a service in another process, and the process."""
    publish(tmp_path / "cycle")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(tmp_path / "cycle"), str(port)],
        cwd=ROOT, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            httpx.get(f"{url}/healthz")
            break
        except httpx.TransportError:
            time.sleep(0.1)
    yield url, process
    process.kill()
    process.wait()
    process.stderr.close()


def test_it_answers_and_ends_well_when_told_to(running, tmp_path):
    url, process = running
    with httpx.Client(base_url=url) as http:
        assert http.get("/healthz").json()["as_of"] == "2025-07-01"
        assert http.get("/v1/accounts/acme").json()["account_id"] == "acme"
        refused = http.get("/healthz", headers={"Host": "evil.example"})
        assert refused.status_code == 400 and "server" not in refused.headers
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) in (0, -signal.SIGTERM)
    lines = process.stderr.read().splitlines()
    events = [json.loads(line) for line in lines]
    assert {"answered"} < {event["event"] for event in events}
    assert not any("acme" in line or str(tmp_path) in line for line in lines)


def test_a_new_publication_is_taken_up_while_it_runs(running, tmp_path):
    url, _ = running
    with httpx.Client(base_url=url) as http:
        assert http.get("/v1/renewals").json()["total"] == 9
        publish(tmp_path / "cycle", within=30)
        for _ in range(100):
            if http.get("/v1/renewals").json()["total"] == 5:
                break
            time.sleep(0.1)
        assert http.get("/v1/renewals").json()["total"] == 5
