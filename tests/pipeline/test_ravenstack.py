"""RavenStack end to end: data that hold next to no signal, and a comparison that says so."""

from __future__ import annotations

import importlib
import json

import pytest

from models.comparison import CANNOT_TELL
from pipeline import files
from tests.workspace import ROOT, STAGES, prepare

DATA = ROOT.parent / "shared/data/ravenstack"
SOURCE = {
    "name": "RavenStack", "folder": "sources/ravenstack", "input": str(DATA), "data_until": None,
}  # fmt: skip


@pytest.mark.skipif(not DATA.is_dir(), reason=f"RavenStack is not in {DATA.parent.name}/ here")
def test_on_data_without_signal_the_model_claims_nothing(tmp_path):
    workspace = prepare(tmp_path, {"source": SOURCE})
    with workspace.inside():
        for name, *arguments in STAGES[1:]:
            importlib.import_module(f"pipeline.{name}").run(*arguments)
        told = json.loads(files.COMPARISON.read_text())
        found = json.loads(files.DATA_REPORT.with_suffix(".json").read_text())
    duels = [row for row in told["pairs"] if row["by"] == "all" and row["primary"]]
    verdicts = {
        (row["target"], row["against"]): row["verdict"] for row in duels if row["model"] == "model"
    }
    for target in ("churn", "upsell"):
        for rival in ("base_rate", "health"):
            assert verdicts.get((target, rival), CANNOT_TELL) in (CANNOT_TELL, "worse")
    figures = {(odd["figure"], odd["of"]) for odd in found["oddities"]}
    assert {(352, 500), (312, 500), (19142, 25000)} <= figures
