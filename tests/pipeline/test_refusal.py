"""A stage is refused as its verb is: the same sentence, the same exit code, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import yaml

from pipeline import files
from pipeline.refusal import in_sentences
from tests.pipeline.exports import Company
from tests.workspace import ROOT


@pytest.fixture
def run(tmp_path):
    """Run a module of the pipeline on a company of two accounts; gives its exit code and errors."""
    company = Company(tmp_path)
    params = yaml.safe_load((ROOT / files.PARAMS).read_text())
    params["source"] |= {"folder": "sources/company", "input": "export", "data_until": None}
    company.params = params

    def module(*arguments):
        (tmp_path / files.PARAMS).write_text(yaml.safe_dump(params, sort_keys=False))
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True,
        )  # fmt: skip
        return done.returncode, done.stderr

    module.company = company
    return module


def test_a_bad_export_is_refused_by_the_stage_as_by_the_verb(run):
    run.company.change("usage", "acme", "nobody")
    code, said = run("pipeline.ingest")
    assert code == 2 and "not among accounts ('nobody')" in said and "Traceback" not in said
    assert run("pipeline.cli", "ingest") == (code, said)


@pytest.mark.parametrize("stage", ["ingest", "simulate", "observe", "compare", "predicted"])
def test_a_bad_parameter_is_refused_by_every_stage(run, stage):
    run.company.params["monitor"]["draws"] = 1
    code, said = run(f"pipeline.{stage}")
    assert code == 2 and said.startswith("params.yaml: monitor.draws: ")


def test_a_file_that_is_not_there_is_an_error_and_names_itself(run):
    code, said = run("pipeline.validate")
    assert code == 1 and said.endswith(": No such file or directory\n")
    assert "Traceback" not in said


def test_every_stage_that_dvc_runs_says_it_in_sentences():
    stages = yaml.safe_load((ROOT / files.STAGES).read_text())["stages"].values()
    for stage in stages:
        module = stage.get("do", stage)["cmd"].split()[2]
        text = (ROOT / module.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8")
        assert "\n    with in_sentences():\n        run(" in text.split('"__main__"')[1], module


def test_a_fault_of_ours_keeps_its_traceback():
    with pytest.raises(ValueError, match="of a library"), in_sentences():
        raise ValueError("of a library")
    with pytest.raises(KeyError), in_sentences():
        raise KeyError("ours")
