"""The stages as DVC sees them: run once, then nothing; and a change re-runs what hangs on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from features.publication import manifest
from pipeline import files
from tests.workspace import ROOT, Workspace, prepare

MADE = ("data", "artifacts", "reports")


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Workspace:
    """A clone of the tree as it stands, with the small company's parameters, reproduced by DVC."""
    folder = tmp_path_factory.mktemp("clone")
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\n")  # fmt: skip
    for name in filter(None, tracked):
        if (ROOT / name).is_file() and not name.startswith(("sources/", "requirements/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    workspace = prepare(folder)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "as it stands"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    dvc(workspace, "repro", "-q")
    return workspace


def dvc(workspace: Workspace, *command: str) -> str:
    """What a dvc command prints in the clone."""
    here = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        [here / "dvc", *command],
        cwd=workspace.folder, env=environment, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip


def test_a_second_repro_does_nothing(clone):
    assert "Data and pipelines are up to date" in dvc(clone, "repro")


def test_another_clone_gives_the_same_bytes(clone, company):
    for folder in MADE:
        mine, theirs = (manifest(of.folder / folder) for of in (clone, company))
        assert mine == theirs, folder


def test_changing_upsell_reruns_only_what_hangs_on_upsell(clone):
    path = clone.folder / "params.yaml"
    before = path.read_text()
    params = yaml.safe_load(before)
    params["targets"]["upsell"]["monotone"] = True
    path.write_text(yaml.safe_dump(params, sort_keys=False))
    try:
        planned = dvc(clone, "repro", "--dry")
    finally:
        path.write_text(before)
    run = {line.split("'")[1] for line in planned.splitlines() if line.startswith("Running stage")}
    of_upsell = {f"{stage}@upsell" for stage in ("label", "gate", "train", "card")}
    assert run == {*of_upsell, "replay", "score", "compare", "predicted", "report"}


def test_every_parameter_is_declared_by_a_stage_and_every_declared_one_exists():
    params = yaml.safe_load((ROOT / files.PARAMS).read_text())
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    declared = {
        name.replace("${key}", target).split(".")[0]
        for stage in stages.values()
        for target in params["targets"]
        for name in stage.get("do", stage).get("params", [])
    }
    assert declared == set(params) - {"ledger"}  # of verbs alone: no stage may seal
