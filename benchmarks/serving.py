"""One row and a thousand over HTTP, against LightGBM in the process and `mlflow models serve`.

`python -m benchmarks.serving [--without-mlflow]` starts a minimal FastAPI route over
models/single.py and MLflow's server over the same models, asks both by the same client, one request
at a time and eight at once, and prints a table in Markdown. MLflow's model answers by the same path
too, so that servers are compared and not models, and once more over frames, as the batch does.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import uvicorn
from fastapi import FastAPI, Request, Response

from benchmarks.bulk import drawn
from pipeline import files
from serve import bundles
from serve.scorer import INDEX, probabilities

ROWS = 1000
TOGETHER = 8
BY_FRAME = "RENEWCAST_BY_FRAME"


class Served:
    """The models as MLflow calls them: a frame in, a frame out, by the fast path or by the batch's
    own way over frames."""

    def __init__(self, artifacts: str) -> None:
        self._loaded = bundles.load(bundles.folders(Path(artifacts)))

    def predict(self, model_input: pd.DataFrame, params: object = None) -> pd.DataFrame:
        if BY_FRAME in os.environ:
            rows = model_input.assign(account_id="a", as_of=pd.Timestamp(0), decided=None)
            features = rows.set_index(INDEX).drop(columns="decided")
            return probabilities(features, rows, self._loaded.models, self._loaded.targets)
        columns = {name: model_input[name].to_numpy() for name in model_input}
        return pd.DataFrame(self._loaded.fast.table(columns))


def _load_pyfunc(artifacts: str) -> Served:
    return Served(artifacts)


def serve(port: int, artifacts: Path) -> None:
    """The minimal service: JSON in, the path, JSON out."""
    fast = bundles.load(bundles.folders(artifacts)).fast
    app = FastAPI()

    @app.post("/v1/score")
    async def score(request: Request, intervals: bool = False) -> Response:
        found = fast.row(json.loads(await request.body()), intervals=intervals)
        return Response(json.dumps(found), media_type="application/json")

    @app.post("/v1/score-table")
    async def score_table(request: Request, intervals: bool = False) -> Response:
        found = fast.table(json.loads(await request.body()), intervals=intervals)
        plain = {name: [None if x != x else x for x in of.tolist()] for name, of in found.items()}
        return Response(json.dumps(plain), media_type="application/json")

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


class Client:
    """One kept connection that does nothing but send bytes and wait for the answer."""

    def __init__(self, port: int, path: str, body: object) -> None:
        content = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        self._request = head.encode() + content
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self) -> bytes:
        self._socket.sendall(self._request)
        answer = self._socket.recv(65536)
        while b"\r\n\r\n" not in answer:
            answer += self._more(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise RuntimeError((head + body).decode()[:2000])
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < size:
            body += self._more(1 << 20)
        return body

    def _more(self, size: int) -> bytes:
        if found := self._socket.recv(size):
            return found
        raise RuntimeError("the server hung up")


def timed(call: Callable[[], object], times: int) -> np.ndarray:
    """Seconds of each call, after a tenth as many to warm up."""
    for _ in range(max(1, times // 10)):
        call()
    taken = np.empty(times)
    for place in range(times):
        before = time.perf_counter()
        call()
        taken[place] = time.perf_counter() - before
    return taken


def throughput(port: int, path: str, body: object, each: int) -> float:
    """Requests a second of several connections at once."""
    clients = [Client(port, path, body) for _ in range(TOGETHER)]

    def go(client: Client) -> None:
        for _ in range(each):
            client.ask()

    before = time.perf_counter()
    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(go, clients))
    return TOGETHER * each / (time.perf_counter() - before)


@contextmanager
def running(command: list[str], port: int, **more: str) -> Iterator[None]:
    """A server, from when it listens until the block ends."""
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONPATH": os.getcwd(),
        "PYTHONWARNINGS": "ignore",
    }
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            env=os.environ | quiet | more,
            stdout=said,
            stderr=said,
            start_new_session=True,  # MLflow's server has a child that outlives it
        )
        try:
            for _ in range(600):
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if process.poll() is not None:
                        said.seek(0)
                        raise RuntimeError(said.read().decode()[-2000:]) from None
                    time.sleep(0.1)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def mlflow_saved(folder: Path, artifacts: Path) -> Path:
    """The models as MLflow keeps them."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import mlflow.pyfunc

    mlflow.pyfunc.save_model(
        folder / "model",
        loader_module="benchmarks.serving",
        data_path=str(artifacts),
        pip_requirements=["lightgbm"],
    )
    return folder / "model"


def line(name: str, taken: np.ndarray, base: float, rate: float | None = None) -> str:
    p50, p99 = np.quantile(taken, [0.5, 0.99]) * 1e3
    asked = "" if rate is None else f"{rate:,.0f}"
    return f"| {name} | {p50:.3f} | {p99:.3f} | {asked} | {p50 / 1e3 / base:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", type=int, help="be the minimal service on this port")
    parser.add_argument("--without-mlflow", action="store_true")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--artifacts", type=Path, default=files.ARTIFACTS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, asked.artifacts)
        return
    loaded = bundles.load(bundles.folders(asked.artifacts))
    frame = drawn(ROWS).drop(columns=["account_id", "as_of"])
    plain = frame.astype(object).where(frame.notna(), None)
    row, table = plain.iloc[0].to_dict(), {name: plain[name].tolist() for name in plain}
    matrix = frame[list(loaded.fast.columns)].to_numpy()
    boosters = [booster for model in loaded.models.values() for booster in model.served.boosters]
    one = matrix[:1].copy()
    n = asked.requests

    def bare(given: np.ndarray) -> object:
        return [booster.predict(given, num_threads=1) for booster in boosters]

    bare_row = timed(lambda: bare(one), n)
    single = loaded.models["churn"].served.boosters
    bare_churn = timed(lambda: [b.predict(one, num_threads=1) for b in single], n)
    bare_table = timed(lambda: bare(matrix), 20)
    base, base_table = float(np.median(bare_row)), float(np.median(bare_table))
    head = "| | p50 ms | p99 ms | a second | ratio |\n|---|---|---|---|---|"
    print(f"One row, {len(boosters)} boosters of {len(loaded.models)} targets:\n\n{head}")
    print(line("Booster.predict in the process", bare_row, base))
    print(line("the same of churn alone", bare_churn, base))
    print(line("the path in the process", timed(lambda: loaded.fast.row(row), n), base))
    with_ends = timed(lambda: loaded.fast.row(row, intervals=True), n)
    print(line("the path with intervals", with_ends, base))
    port = free_port()
    service = [sys.executable, "-m", "benchmarks.serving", "--serve", str(port)]
    with running([*service, "--artifacts", str(asked.artifacts)], port):
        ours = timed(Client(port, "/v1/score", row).ask, n)
        rate = throughput(port, "/v1/score", row, n // TOGETHER)
        print(line("POST", ours, base, rate))
        path = "/v1/score?intervals=true"
        ends = timed(Client(port, path, row).ask, n)
        print(line("POST with intervals", ends, base, throughput(port, path, row, n // TOGETHER)))
        tables = timed(Client(port, "/v1/score-table", table).ask, 20)
        table_ends = timed(Client(port, "/v1/score-table?intervals=true", table).ask, 10)
    compared: list[str] = []
    if not asked.without_mlflow:
        with tempfile.TemporaryDirectory() as folder:
            model = mlflow_saved(Path(folder), asked.artifacts)
            served = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
            body = {"dataframe_split": json.loads(frame.iloc[:1].to_json(orient="split"))}
            for name, more in (("the fast path", {}), ("the batch's frames", {BY_FRAME: "1"})):
                port = free_port()
                with running([*served, "-m", str(model), "-p", str(port)], port, **more):
                    theirs = timed(Client(port, "/invocations", body).ask, max(20, n // 10))
                    their_rate = throughput(port, "/invocations", body, max(5, n // 80))
                print(line(f"mlflow models serve, {name}", theirs, base, their_rate))
                faster = statistics.median(theirs) / statistics.median(ours)
                compared.append(f"{name}: p50 {faster:.0f} ×, a second {rate / their_rate:.0f} ×")
    print("\nagainst MLflow with " + "; with ".join(compared) if compared else "")
    print(f"\n{ROWS:,} rows by column:\n\n{head}")
    print(line("Booster.predict in the process", bare_table, base_table))
    inside = timed(lambda: loaded.fast.table(table), 20)
    print(line("the path in the process", inside, base_table))
    print(line("POST", tables, base_table))
    print(line("POST with intervals", table_ends, base_table))


if __name__ == "__main__":
    main()
