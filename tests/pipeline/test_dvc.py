"""The stages as DVC sees them: run once, then nothing; and a change re-runs what hangs on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from features.publication import manifest
from pipeline import files
from pipeline.experiments.tracking import find_runs
from tests.workspace import ROOT, SMALL, Workspace, prepare

MADE = ("data", "artifacts", "reports")
ELSEWHERE = {  # another hash seed, time zone, locale, and one thread where libraries take all
    "PYTHONHASHSEED": "7",
    "TZ": "Pacific/Kiritimati",
    "LANG": "C",
    "LC_ALL": "C",
    "OMP_NUM_THREADS": "1",
}


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
    workspace = prepare(folder, {**SMALL, "engine": {"threads": 1}})
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "as it stands"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    dvc(workspace, "repro", "-q", **ELSEWHERE)
    return workspace


def dvc(workspace: Workspace, *command: str, **variables: str) -> str:
    """What a dvc command prints in the clone, some environment variables given."""
    here = Path(sys.executable).parent
    path = f"{here}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **variables}
    return subprocess.run(
        [here / "dvc", *command],
        cwd=workspace.folder, env=environment, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip


def test_a_second_repro_does_nothing(clone):
    assert "Data and pipelines are up to date" in dvc(clone, "repro")


def test_another_clone_hash_seed_zone_locale_and_thread_count_give_the_same_bytes(clone, company):
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
    assert run == {*of_upsell, "replay", "score", "compare", "plots", "predicted", "report"}


def test_an_experiment_has_its_own_identity_and_its_run_stays_in_this_clone(clone, tmp_path):
    found = [json.loads((clone.folder / files.RUNS / "upsell.json").read_text())]
    for l2 in (20, 40):
        name, changed = f"l2-{l2}", f"learning.gradient.l2={l2}.0"
        dvc(clone, "exp", "run", "--temp", "-q", "-n", name, "-S", changed, "train@upsell")
        found.append(of_experiment(clone, name, tmp_path / f"{name}.json"))
    for what in ("params", "identity", "run_id"):
        assert len({of[what] for of in found}) == 3, what
    assert len({of["data"] for of in found}) == 1
    for of in found:
        (kept,) = find_runs(f"sqlite:///{clone.folder / files.TRACKING}", of["run_id"])
        assert kept["tags"]["identity_sha256"] == of["identity"]


def of_experiment(clone: Workspace, name: str, out: Path) -> dict:
    """runs/upsell.json as an experiment left it."""
    git = ["git", "for-each-ref", "refs/exps", "--format=%(refname) %(objectname)"]
    told = subprocess.run(git, cwd=clone.folder, check=True, capture_output=True, text=True).stdout
    (rev,) = (line.split()[1] for line in told.splitlines() if line.split()[0].endswith(f"/{name}"))
    dvc(clone, "get", ".", "runs/upsell.json", "--rev", rev, "-o", str(out))
    return json.loads(out.read_text())


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
