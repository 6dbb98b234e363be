"""The stage writes what it probed, passes the sample company, and stops the run on a leak."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

from features.feature import definitions
from models.gate import LeakFound
from pipeline import files, gate
from pipeline.calendar import Calendar
from pipeline.settings import load
from tests.workspace import ROOT


def known_outcomes() -> None:
    """Overwrite a feature with what became of the account."""
    told = pd.read_parquet(files.LABELS / "churn" / "serving.parquet")
    lost = told.set_index(["account_id", "as_of"])["outcome"].astype(float).fillna(0.0)
    for path in sorted(files.FEATURES.glob("*.parquet")):
        features = pd.read_parquet(path)
        at = pd.MultiIndex.from_frame(features[["account_id", "as_of"]])
        features["seats"] = lost.reindex(at).to_numpy()
        path.unlink()
        features.to_parquet(path)


def test_rows_that_a_target_leaves_out_on_purpose_are_not_asked_for(company):
    with company.inside():
        settings, calendar = load(), Calendar.read(files.CALENDAR)
        observations = pd.read_parquet(files.OBSERVATIONS)
        labels = pd.read_parquet(files.LABELS / "downsell" / "serving.parquet")
        due = gate.asked(observations, labels, settings.targets["downsell"], settings, calendar)
        told = due.merge(labels[["account_id", "as_of", "result"]], how="left")
        given = labels.loc[labels["settled"], "result"].isin(["churned", "expanded"])
    assert given.any() and not told["result"].isin(["churned", "expanded"]).any()
    assert told["result"].notna().any() and len(due) < len(observations)


@pytest.fixture
def leaky(company, tmp_path):
    with company.copy(tmp_path / "leaky").inside() as folder:
        known_outcomes()
        yield folder


def test_the_sample_company_passes_and_every_probe_is_reported(company, tmp_path):
    with company.copy(tmp_path / "clean").inside():
        for target in ("churn", "upsell"):
            gate.run(target)
            told = json.loads((files.GATE / f"{target}.json").read_text())
            assert told["passed"] and told["target"] == target
            assert told["measures"]["future values"] == len(definitions())
            assert told["measures"]["label echo"] > 80


def test_a_leak_is_named_and_written_down(leaky):
    with pytest.raises(LeakFound, match="seats differs in"):
        gate.run("churn")
    told = json.loads((files.GATE / "churn.json").read_text())
    found = {one["probe"] for one in told["evidence"]}
    assert not told["passed"]
    assert {"future values", "label echo", "too good for its lead"} <= found
    assert {one["column"] for one in told["evidence"]} == {"seats"}


def test_the_run_stops_with_exit_3_and_the_evidence_on_standard_error(leaky):
    run = subprocess.run(
        [sys.executable, "-m", "pipeline.gate", "churn"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 3
    assert "no model is trained" in run.stderr and "seats" in run.stderr
    assert "Traceback" not in run.stderr
