"""What is told of a training: runs/<target>.json names the run, and the run holds the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from models import bundle
from pipeline import files
from pipeline.experiments import tracking
from pipeline.identity import inputs

TARGET = "upsell"
PLOTS = ("backtest", "calibration", "importance", "lift", "precision_recall")


@pytest.fixture(scope="module")
def run(company) -> dict:
    return json.loads((company.folder / files.RUNS / f"{TARGET}.json").read_text())


def test_the_file_and_the_tags_of_the_run_say_the_same(company, run):
    (found,) = tracking.find_runs(f"sqlite:///{company.folder / files.TRACKING}", run["run_id"])
    tags = found["tags"]
    for part in ("params", "data", "code", "lock", "identity", "bundle"):
        written = run["bundle_sha256"] if part == "bundle" else run[part]
        assert tags[f"{part}_sha256"] == written
    assert tags["target"] == run["target"] == TARGET
    assert tags["commit"] == (run["commit"] or "")
    assert json.loads(tags["dirty"]) == run["dirty"]
    with company.inside():
        assert run["inputs"] == inputs()
        assert run["bundle_sha256"] == bundle.identity(files.bundle(TARGET, files.SERVING))


def test_the_run_holds_figures_with_intervals_plots_and_the_state(company, run):
    (found,) = tracking.find_runs(f"sqlite:///{company.folder / files.TRACKING}", run["run_id"])
    told = found["metrics"]
    assert told["auc"] == pytest.approx(told["backtest.oof_auc"], abs=1e-12)
    assert told["auc.low"] < told["auc"] < told["auc.high"]
    assert {"target.horizon", "learning.gradient.leaves", "seed", "features.families"} <= set(
        found["params"]
    )
    artifacts = Path(run["artifact_uri"].removeprefix("file://"))
    for plot in PLOTS:
        assert (artifacts / f"{plot}.svg").read_text().startswith('<svg role="img" aria-label=')
    assert (artifacts / "state" / "params.yaml").read_bytes() == (
        company.folder / "params.yaml"
    ).read_bytes()
