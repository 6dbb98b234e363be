"""A run is found by the beginning of its name, and is what it was tagged with."""

from __future__ import annotations

import shutil

import pytest

from models import bundle
from pipeline import files
from pipeline.experiments import run_record, tracking
from pipeline.experiments.run_record import UnknownRun
from tests.workspace import ROOT

STORE = "sqlite:///mlflow.db"
ONE, SAME, OTHER = "aaaaaa11", "aaaaaa22", "bbbbbb33"


def told(run_id, identity, status="FINISHED", **tags):
    tags = {"identity_sha256": identity, **tags}
    return {"run_id": run_id, "status": status, "tags": tags, "metrics": {"auc": 0.7}}


@pytest.fixture
def known(monkeypatch):
    """Runs as the store would tell of them, newest first."""
    runs = [told(SAME, "cccccc01"), told(ONE, "cccccc01"), told(OTHER, "cccccc02")]

    def find(store, prefix):
        return [
            run for run in runs
            if run["run_id"].startswith(prefix) or run["tags"]["identity_sha256"].startswith(prefix)
        ]  # fmt: skip

    monkeypatch.setattr(tracking, "find_runs", find)
    return runs


def test_of_runs_with_one_identity_the_newest_is_meant(known):
    assert run_record.one(STORE, "cccccc01")["run_id"] == SAME
    assert run_record.one(STORE, ONE)["run_id"] == ONE


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("aaaaa", "too short"),
        ("dddddd", "no finished run"),
        ("cccccc", f"3 runs: {SAME}, {ONE}, {OTHER}"),
    ],
)
def test_what_names_no_run_or_several_is_refused(known, given, why):
    with pytest.raises(UnknownRun, match=why):
        run_record.one(STORE, given)


def test_a_run_that_broke_off_is_none(known):
    known[:] = [told(ONE, "cccccc01", status="FAILED")]
    with pytest.raises(UnknownRun, match="1 began and did not finish"):
        run_record.one(STORE, ONE)


@pytest.fixture
def logged(known, company, monkeypatch):
    """The artifacts of the one run, as they would be downloaded."""
    folder = company.folder / files.bundle("upsell", files.SERVING)
    known[:] = [told(ONE, "cccccc01", bundle_sha256=bundle.identity(folder))]

    def downloaded(store, run_id, path, to):
        if path.startswith("state"):
            (to / "state").mkdir(parents=True)
            return shutil.copy(ROOT / files.PARAMS, to / path)
        name = files.SERVING if path == "bundle" else path
        source = company.folder / files.bundle("upsell", name)
        return shutil.copytree(source, to / path)

    monkeypatch.setattr(tracking, "downloaded", downloaded)
    return known


def test_a_run_is_read_with_its_target_params_and_both_bundles(logged, tmp_path):
    found = run_record.run(STORE, ONE, tmp_path)
    assert (found.id, found.identity, found.target) == (ONE, "cccccc01", "upsell")
    assert found.params["cycle"]["within"] == 90
    cutoffs = [bundle.manifest(of)["about"]["cutoff"] for of in (found.backtest, found.bundle)]
    assert cutoffs == sorted(cutoffs) and len(set(cutoffs)) == 2


def test_an_exchanged_bundle_is_refused(logged, tmp_path):
    logged[0]["tags"]["bundle_sha256"] = "0" * 64
    with pytest.raises(UnknownRun, match="exchanged"):
        run_record.run(STORE, ONE, tmp_path)


def test_a_run_without_its_bundles_is_refused(logged, tmp_path, monkeypatch):
    def nothing(store, run_id, path, to):
        raise tracking.NotTracked(f"run {run_id} holds no {path}")

    monkeypatch.setattr(tracking, "downloaded", nothing)
    with pytest.raises(UnknownRun, match="holds no bundle; train again"):
        run_record.run(STORE, ONE, tmp_path)
