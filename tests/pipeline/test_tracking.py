"""One training is one MLflow run, told in full, quietly and without the network."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from models import bundle
from pipeline import tracking
from tests.models.fitted import small_bundle


def _told(database: Path, what: str) -> dict[str, object]:
    connection = sqlite3.connect(database)
    try:
        return dict(connection.execute(f"SELECT key, value FROM {what}").fetchall())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store") / "deep" / "mlflow.db"


@pytest.fixture
def nowhere(monkeypatch):
    def refuse(*_):
        raise AssertionError("something reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_a_run_holds_params_numbers_hashes_the_bundle_and_the_plots(store, tmp_path, nowhere):
    folder = small_bundle(tmp_path / "bundle")
    plots = tmp_path / "plots"
    plots.mkdir()
    (plots / "calibration.svg").write_text("<svg/>")
    (tmp_path / "importance.png").write_bytes(b"png")
    many = {f"p{number}": number for number in range(150)}
    run = tracking.track(
        "churn",
        {"gradient": {"leaves": 6}, "ridge": [1, 10], **many},
        {"auc": 0.7, "rung": "blend", "loss": {"base rate": 0.3, "beta": None}},
        {"params_sha256": "abc", "data_sha256": "def"},
        [plots, tmp_path / "importance.png"],
        folder,
        f"sqlite:///{store}",
    )
    params = _told(store, "params")
    assert params["gradient.leaves"] == "6"
    assert params["ridge"] == "[1, 10]"
    assert len(params) == 152
    assert _told(store, "metrics") == {"auc": 0.7, "loss.base_rate": 0.3}
    tags = _told(store, "tags")
    assert tags["params_sha256"] == "abc"
    assert tags["bundle_sha256"] == bundle.identity(folder)
    assert "mlflow.source.git.commit" not in tags
    artifacts = Path(run["artifact_uri"].removeprefix("file://"))
    assert artifacts.is_relative_to(store.parent / "mlartifacts")
    assert bundle.identity(artifacts / "bundle") == bundle.identity(folder)
    assert (artifacts / "features.txt").read_text().splitlines() == bundle.columns(folder)
    assert (artifacts / "calibration.svg").exists()
    assert (artifacts / "importance.png").exists()


def test_a_run_that_fails_midway_is_marked_failed(store, tmp_path):
    with pytest.raises(bundle.BundleDamaged):
        tracking.track("torn", {}, {}, {}, [], tmp_path / "no-bundle", f"sqlite:///{store}")
    connection = sqlite3.connect(store)
    try:
        found = connection.execute("SELECT status FROM runs WHERE name = 'torn'").fetchall()
    finally:
        connection.close()
    assert found == [("FAILED",)]


def test_a_second_run_joins_the_same_experiment(store, tmp_path):
    folder = small_bundle(tmp_path / "bundle")
    runs = [tracking.track("x", {}, {}, {}, [], folder, f"sqlite:///{store}") for _ in range(2)]
    assert runs[0]["experiment_id"] == runs[1]["experiment_id"]
    assert runs[0]["run_id"] != runs[1]["run_id"]


def test_importing_the_module_does_not_import_mlflow():
    code = "import sys, pipeline.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
