"""A run is made again from its id alone, or what differs is named."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import urllib.request
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from features.publication import read_frame
from pipeline import files
from pipeline.experiments import tracking
from pipeline.experiments.run_record import UnknownRun
from pipeline.forgetting import Register
from pipeline.reproducing import causes, clones, locks, recorded, reproduction
from tests.pipeline.reproducing import toy


@dataclasses.dataclass(frozen=True)
class Home:
    """The clone in which a run was made, and that run's record."""

    folder: Path
    run: dict


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    folder = tmp_path_factory.mktemp("toy") / "home"
    toy.company(folder, str(folder.parent / "storage"))
    return Home(folder, json.loads((folder / "runs/churn.json").read_text()))


@pytest.fixture
def here(home, tmp_path):
    """A copy of that clone with its cache, to be changed at will: the current folder."""
    copy = tmp_path / "here"
    shutil.copytree(home.folder, copy, symlinks=True)
    with contextlib.chdir(copy):
        yield copy


@pytest.fixture
def storage(monkeypatch):
    """The address of a server on this machine that speaks S3, with an empty bucket `storage`."""
    pytest.importorskip("dvc_s3")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server.start()
    host, port = server.get_host_and_port()
    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/storage", method="PUT"))
    yield f"http://{host}:{port}"
    server.stop()


def again(given: str, publication: Path = files.CYCLE) -> reproduction.Reproduction:
    return reproduction.reproduce(given, publication)


def test_a_run_is_made_again_in_a_fresh_clone_from_its_id_alone(home, tmp_path):
    fresh = toy.clone(home.folder, tmp_path / "fresh")
    shutil.copytree(home.folder / "exports", fresh / "exports")
    with contextlib.chdir(fresh):
        found = again(home.run["run_id"][:8])
    assert found.reproduced and found.to_the_bit
    assert found.identity == home.run["identity"]
    assert found.commit == home.run["commit"]
    assert found.same == {"tables": 1, "bundles": 1, "predictions": 3}
    assert not (found.inputs or found.results or found.followed or found.skipped or found.moved)


def test_one_raw_row_changed_names_the_file_and_the_row(home, here):
    path = here / "exports/accounts.csv"
    path.write_text(path.read_text().replace("Bolt", "Volt"))
    found = again(home.run["run_id"])
    assert not found.reproduced
    assert [(one.kind, one.name) for one in found.inputs] == [("file", "exports/accounts.csv")]
    assert found.rows == [
        "data/tables/accounts.csv: row 2 (account_id bolt): name Bolt became Volt"
    ]


def test_a_prediction_leads_to_its_run_also_when_the_tree_has_moved_on(home, here):
    (given,) = read_frame(here / "data/cycle/record.parquet")["prediction_id"]
    params = here / "params.yaml"
    params.write_text(params.read_text().replace("seed: 20260101", "seed: 7", 1))
    (here / "features/rows.py").write_text("def rows():\n    return 0\n")
    toy.commit(here, "another seed and other code")
    found = again(given)
    assert found.to_the_bit
    assert (found.prediction_id, found.run_id) == (given, home.run["run_id"])
    assert found.same["of the publication"] == 1
    assert {(one.name, one.then, one.now) for one in found.moved} == {
        ("seed", 20260101, 7),
        ("features/rows.py", home.run["commit"][:12], "this tree"),
    }


def test_a_run_of_a_tree_that_was_not_committed_names_the_code(home, here):
    (here / "features/rows.py").write_text("def rows():\n    return 0\n")
    toy.dvc(here, "repro", "-q")
    dirty = json.loads((here / "runs/churn.json").read_text())
    assert dirty["dirty"] == ["features/rows.py"]
    found = again(dirty["run_id"])
    assert not found.reproduced
    assert [(one.name, one.where) for one in found.inputs] == [
        ("features/rows.py", causes.UNCOMMITTED)
    ]
    earlier = recorded.find(home.run["run_id"])  # this tree's lock has forgotten it
    assert earlier is not None and earlier.record == home.run


def test_an_experiment_is_restored_with_its_own_parameters(here):
    toy.dvc(here, "exp", "run", "-q", "-S", "seed=11")
    run = json.loads((here / "runs/churn.json").read_text())
    assert run["dirty"] == []
    toy.run(here, "git", "checkout", "-q", "--", "params.yaml", "dvc.lock")
    shutil.rmtree(here / "runs")
    found = again(run["run_id"])
    assert found.to_the_bit
    assert [(one.name, one.then, one.now) for one in found.moved] == [("seed", 11, 20260101)]


def test_a_run_that_no_lock_names_is_restored_from_mlflow_and_its_bundle_compared(
    home, here, monkeypatch
):
    parts = ("params", "data", "code", "lock", "identity")
    tags = {f"{part}_sha256": home.run[part] for part in parts}
    tags |= {"commit": home.run["commit"], "dirty": "[]", "target": "churn", "bundle_sha256": "b"}
    told = {"run_id": "feedface", "status": "FINISHED", "tags": tags}

    def logged(*_):
        shutil.copytree(home.folder, here / "logged", ignore=lambda *_: {".dvc", ".git"})
        return here / "logged"

    monkeypatch.setattr(tracking, "find_runs", lambda *_: [told])
    monkeypatch.setattr(tracking, "downloaded", logged)
    monkeypatch.setattr(reproduction.bundle, "identity", lambda _: "b")
    found = again("feedface")
    assert (found.place, found.run_id, found.to_the_bit) == ("MLflow", "feedface", True)
    assert found.same == {"tables": 1, "bundles": 1}


def test_a_bundle_that_is_not_the_one_a_run_was_tagged_with_is_no_reproduction(monkeypatch):
    monkeypatch.setattr(reproduction.bundle, "identity", lambda _: "c")
    record = {"target": "churn", "bundle_sha256": "b"}
    found = recorded.Recorded(record, "commit", "", "", False, "MLflow")
    seen = locks.Compared({}, [], [], [], [])
    made = clones.Scratch(Path("nowhere"), Path("cache"), "")
    reproduction._hold_bundle(found, made, seen, Counter())
    assert [(one.name, one.then, one.now) for one in seen.results] == [
        ("artifacts/churn/serving", "b", "c")
    ]


def test_accounts_that_were_forgotten_since_are_all_that_may_be_missing(home, here):
    Register().and_also("bolt", date(2026, 11, 22)).write(files.FORGOTTEN)
    path = here / "exports/accounts.csv"
    path.write_text(path.read_text().replace("bolt,Bolt\n", ""))
    found = again(home.run["run_id"])
    assert found.forgotten == 1 and found.all_but_forgotten and found.reproduced
    assert not found.to_the_bit and found.rows == []


def test_from_s3_the_exports_are_restored_and_a_changed_row_here_has_no_part(tmp_path, storage):
    toy.company(tmp_path / "home", "s3://storage/renewcast", endpoint=storage)
    run = json.loads((tmp_path / "home/runs/churn.json").read_text())
    fresh = toy.clone(tmp_path / "home", tmp_path / "fresh")
    (fresh / "exports").mkdir()
    (fresh / "exports/accounts.csv").write_text(toy.ACCOUNTS.replace("Acme", "Acne"))
    with contextlib.chdir(fresh):
        found = again(run["run_id"])
    assert found.to_the_bit
    assert [(one.name, one.where) for one in found.moved] == [
        ("exports/accounts.csv", "row 1 (account_id acme): name Acme became Acne")
    ]


def test_a_result_that_differs_though_all_it_came_from_is_the_same_is_no_reproduction():
    then = {"train": locks.Made("x", deps={"code.py": "1"}, outs={"artifacts/churn": "a"})}
    now = {"train": dataclasses.replace(then["train"], outs={"artifacts/churn": "b"})}
    seen = locks.compared(then, now, ["train"])
    assert [one.name for one in seen.results] == ["artifacts/churn"]
    assert not seen.inputs and not seen.followed and not seen.same


def test_on_another_cpu_scores_are_held_to_1e_9():
    apart = reproduction.Reproduction(
        "run", "identity", "churn", "commit", "dvc.lock", None, same={"features": 3}, inputs=[],
        results=[locks.Difference("result", "artifacts/churn", "a", "b")], followed=[], rows=[],
        skipped=[], moved=[], cpu_then="one", cpu_now="another", apart=1e-10,
    )  # fmt: skip
    assert apart.reproduced and not apart.to_the_bit
    assert not dataclasses.replace(apart, apart=1e-8).reproduced
    assert not dataclasses.replace(apart, apart=None).reproduced
    assert not dataclasses.replace(apart, cpu_now="one").reproduced


@pytest.mark.parametrize("given", ["abc", "ffffffffffff"])
def test_what_names_no_run_is_refused(here, given, monkeypatch):
    monkeypatch.setattr(reproduction.past_prediction, "_sealed", lambda _: None)
    with pytest.raises(UnknownRun, match=given):
        again(given)


def test_outside_a_clone_nothing_can_be_restored(tmp_path):
    with contextlib.chdir(tmp_path), pytest.raises(UnknownRun, match="no git clone"):
        again("123456789")
