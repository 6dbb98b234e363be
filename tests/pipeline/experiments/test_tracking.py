"""One training is one MLflow run, told in full, quietly and without the network."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from models import bundle
from pipeline.experiments import tracking
from pipeline.experiments.cutoffs import Cutoff
from pipeline.experiments.tracking import Data, NotTracked, Training
from tests.models.fitted import small_bundle

SHA = "0123456789abcdef" * 4


def told(folder: Path, **more: object) -> Training:
    """A training with little to tell, and what is given."""
    little = {
        "name": "churn",
        "target": "churn",
        "params": {},
        "metrics": {},
        "tags": {"identity_sha256": SHA},
        "bundles": {"bundle": folder},
    }
    return Training(**(little | more))


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Path:
    return small_bundle(tmp_path_factory.mktemp("bundle") / "serving")


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("store") / "deep" / "mlflow.db"


@pytest.fixture(scope="module")
def full(served, database, tmp_path_factory) -> dict[str, str]:
    """The run of a training that tells of everything, tracked from a folder of its own."""
    folder = tmp_path_factory.mktemp("tracked")
    (folder / "plots").mkdir()
    (folder / "plots" / "lift.svg").write_text("<svg/>")
    (folder / "card.md").write_text("# card")
    (folder / "params.yaml").write_text("seed: 1")
    with contextlib.chdir(folder):
        run = tracking.track(
            told(
                served,
                params={"gradient": {"leaves": 6}, "ridge": [1, 10]}
                | {f"p{number}": number for number in range(150)},
                metrics={"auc": 0.7, "rung": "blend", "loss": {"base rate": 0.3, "beta": None}}
                | {f"m{number}": number for number in range(1100)},
                bundles={"bundle": served, "backtest": served},
                files=[folder / "plots", folder / "card.md"],
                state=[folder / "params.yaml"],
                data=[Data("features", SHA, "data/features", "training")],
                cutoffs=[Cutoff("walked", "2024-07-01", {"auc": 0.6, "auc.low": 0.5})],
            ),
            f"sqlite:///{database}",
        )
        assert not Path("mlflow.db").exists(), "something was written to another store"
    return run


@pytest.fixture
def nowhere(monkeypatch):
    def refuse(*_):
        raise AssertionError("something reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def rows(database: Path, query: str) -> list[tuple]:
    connection = sqlite3.connect(database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_a_run_holds_params_numbers_hashes_and_bundles(full, served, database):
    (run,) = tracking.find_runs(f"sqlite:///{database}", full["run_id"][:6])
    assert run["params"]["gradient.leaves"] == "6" and run["params"]["ridge"] == "[1, 10]"
    assert len(run["params"]) == 152
    assert run["metrics"]["auc"] == 0.7 and run["metrics"]["loss.base_rate"] == 0.3
    assert len(run["metrics"]) == 1102
    assert run["tags"]["bundle_sha256"] == bundle.identity(served)
    assert "mlflow.source.git.commit" not in run["tags"]
    artifacts = Path(full["artifact_uri"].removeprefix("file://"))
    assert artifacts.is_relative_to(database.parent / "mlartifacts")
    for name in ("bundle", "backtest"):
        assert bundle.identity(artifacts / name) == bundle.identity(served)
    assert (artifacts / "features.txt").read_text().splitlines() == bundle.columns(served)
    for name in ("lift.svg", "card.md", "state/params.yaml"):
        assert (artifacts / name).is_file()


def test_the_data_it_read_are_named_by_their_hash(full, database):
    assert rows(database, "SELECT name, digest FROM datasets") == [("features", SHA[:36])]
    assert ("sha256", SHA) in rows(database, "SELECT name, value FROM input_tags")


def test_a_cutoff_is_a_nested_run_and_no_run_of_its_own(full, database):
    (child,) = rows(database, "SELECT run_uuid, status FROM runs WHERE name = 'walked'")
    assert child[1] == "FINISHED"
    tags = dict(rows(database, f"SELECT key, value FROM tags WHERE run_uuid = '{child[0]}'"))
    assert tags["mlflow.parentRunId"] == full["run_id"] and tags["cutoff"] == "2024-07-01"
    store = f"sqlite:///{database}"
    assert tracking.find_runs(store, child[0]) == []
    assert full["run_id"] in {run["run_id"] for run in tracking.find_runs(store, SHA[:10])}


def test_its_model_is_signed_and_the_targets_challenger(full, database):
    (model,) = rows(
        database,
        f"SELECT model_id, status FROM logged_models WHERE source_run_id = '{full['run_id']}'",
    )
    assert model[1] == 2, "not ready"
    found = database.parent / "mlartifacts" / "models" / model[0] / "artifacts" / "MLmodel"
    assert "signature:" in found.read_text()
    named = rows(database, "SELECT name, run_id FROM model_versions WHERE version = 1")
    assert named == [("renewcast-churn", full["run_id"])]


def test_what_a_run_holds_is_copied_and_what_it_does_not_hold_is_said(full, database, tmp_path):
    store = f"sqlite:///{database}"
    found = tracking.downloaded(store, full["run_id"], "state/params.yaml", tmp_path / "new")
    assert found.read_text() == "seed: 1"
    with pytest.raises(NotTracked, match="holds no nothing"):
        tracking.downloaded(store, full["run_id"], "nothing", tmp_path)


def test_a_store_that_is_not_there_holds_no_run_and_is_not_made(tmp_path):
    assert tracking.find_runs(f"sqlite:///{tmp_path / 'none.db'}", "abc") == []
    assert not list(tmp_path.iterdir())


def test_what_cannot_begin_an_id_finds_nothing(full, database):
    assert tracking.find_runs(f"sqlite:///{database}", "%") == []


def test_a_run_that_fails_midway_is_marked_failed_and_challenges_nobody(served, database, tmp_path):
    before = rows(database, "SELECT count(*) FROM model_versions") if database.exists() else [(0,)]
    with pytest.raises(FileNotFoundError):
        tracking.track(
            told(served, name="torn", state=[tmp_path / "none"]), f"sqlite:///{database}"
        )
    assert rows(database, "SELECT status FROM runs WHERE name = 'torn'") == [("FAILED",)]
    assert rows(database, "SELECT count(*) FROM model_versions") == before


def test_a_second_run_joins_the_same_experiment_without_the_network(
    full, served, database, nowhere
):
    second = tracking.track(told(served), f"sqlite:///{database}")
    assert second["experiment_id"] == full["experiment_id"]
    assert second["run_id"] != full["run_id"]


def test_importing_the_module_does_not_import_mlflow():
    code = "import sys, pipeline.experiments.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
