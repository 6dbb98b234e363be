"""An identity is what a stage hangs on, and nothing else."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import yaml

from models import bundle
from pipeline import files
from pipeline.experiments.tracking import find_runs
from pipeline.identity import identity, inputs, of_frame
from serve import predictions
from serve.ledger import Ledger
from serve.sealing.receipts import Run


@pytest.fixture
def here(company, tmp_path):
    copy = company.copy(tmp_path / "copy")
    with copy.inside():
        yield copy


def set_param(*path, value):
    params = yaml.safe_load(files.PARAMS.read_text())
    block = params
    for key in path[:-1]:
        block = block[key]
    block[path[-1]] = value
    files.PARAMS.write_text(yaml.safe_dump(params, sort_keys=False))


def test_a_parameter_of_the_stage_changes_params_and_nothing_else(here):
    before = identity("train", "churn")
    set_param("learning", "gradient", "leaves", value=3)
    after = identity("train", "churn")
    assert {part for part in before if before[part] != after[part]} == {"params", "identity"}


def test_a_parameter_of_another_stage_or_target_changes_nothing(here):
    before = identity("train", "churn")
    set_param("targets", "upsell", "growth", value=0.5)
    set_param("rates", "every", value="year")
    assert identity("train", "churn") == before


def test_one_label_changed_changes_the_data(here):
    before = identity("train", "churn")
    path = files.LABELS / "churn" / f"{files.SERVING}.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    after = identity("train", "churn")
    assert {part for part in before if before[part] != after[part]} == {"data", "identity"}


def test_a_frame_is_its_values_columns_and_order():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]}, index=["p", "q"])
    assert of_frame(frame) == of_frame(frame.copy())
    assert of_frame(frame) != of_frame(frame.iloc[::-1])
    assert of_frame(frame) != of_frame(frame.rename(columns={"a": "c"}))
    assert of_frame(frame) != of_frame(frame.assign(a=[1.0, 2.0000001]))


def test_inputs_are_the_selects_and_the_exports_that_they_read(here):
    found = inputs()
    assert {"sources/simulated/usage.sql", "data/raw/accounts.csv"} <= found.keys()
    (files.RAW / "unread.csv").write_text("a\n1\n")
    accounts = files.RAW / "accounts.csv"
    accounts.write_text(accounts.read_text() + "\n")
    again = inputs()
    assert {name for name in again if again[name] != found.get(name)} == {"data/raw/accounts.csv"}


def test_one_identity_stands_in_run_bundle_mlflow_publication_ledger_and_report(company, tmp_path):
    with company.inside():
        run = json.loads((files.RUNS / "churn.json").read_text())
        asked = identity("train", "churn")
        (tracked,) = find_runs(f"sqlite:///{files.TRACKING}", run["run_id"])
        served = bundle.manifest(files.bundle("churn", files.SERVING))["about"]
        published = predictions.read(files.CYCLE)
        page = files.REPORT.with_suffix(".html").read_text()
        meta = json.loads(files.REPORT.with_suffix(".json").read_text())["meta"]
    for part in ("params", "data", "code", "lock", "identity"):
        assert asked[part] == run[part] == served[part] == tracked["tags"][f"{part}_sha256"], part
    short = asked["identity"][:12]
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.publish(Run.of(published.manifest), published.record)
    assert published.manifest["identity"]["model_version"] == short
    assert set(published.predictions["model_version"]) == {short}
    assert list(ledger.runs()["model_version"]) == [short]
    assert meta["model_version"] == short
    assert f"<dd>{short}</dd>" in page
