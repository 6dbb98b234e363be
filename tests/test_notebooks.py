"""The notebooks run from clean, define nothing, hold no outputs, and say what the pipeline says."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from features.publication import read_frame
from notebooks.article import table
from pipeline import files
from tests.workspace import ROOT, Workspace

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RAVENSTACK = ROOT.parent / "shared/data/ravenstack"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
NOWHERE_ELSE = re.compile(r"(?<![\w.:/])/(?:home|root|tmp|usr|work|Users)/|[A-Z]:\\\\")
MAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w+")

Ran = Callable[[str], NotebookNode]

pytestmark = pytest.mark.filterwarnings("default")  # of the kernel's own packages


@pytest.fixture(scope="module")
def ran(company: Workspace) -> Ran:
    """Runs a notebook from clean in the small company's folder, once, whoever asks."""

    @cache
    def run(name: str) -> NotebookNode:
        notebook = nbformat.read(ROOT / f"notebooks/{name}.ipynb", as_version=4)
        client = NotebookClient(
            notebook,
            timeout=300,
            kernel_name="python3",
            resources={"metadata": {"path": str(company.folder)}},
        )
        places = {"PYTHONPATH": os.fspath(ROOT), "RAVENSTACK": os.fspath(RAVENSTACK)}
        return client.execute(env={**os.environ, **places})

    return run


@pytest.fixture
def report(company: Workspace) -> Callable[[Path], dict]:
    """A report of the small company's pipeline, as JSON."""
    return lambda place: json.loads((company.folder / place.with_suffix(".json")).read_text())


def figures(notebook: NotebookNode) -> dict:
    """What the cell tagged `figures` shows."""
    (cell,) = (of for of in notebook.cells if "figures" in of.metadata.get("tags", []))
    (output,) = cell.outputs
    return output["data"]["application/json"]


def shown(notebook: NotebookNode) -> str:
    """Everything that its cells show, as text."""
    return json.dumps([cell.get("outputs", []) for cell in notebook.cells], ensure_ascii=False)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs_definitions_and_places(path):
    notebook = json.loads(path.read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)
    assert not any(re.search(r"(?m)^\s*(def|class) ", "".join(cell["source"])) for cell in cells)
    assert not NOWHERE_ELSE.search(path.read_text())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_written_the_same_whoever_saves_it(path):
    notebook = json.loads(path.read_text())
    ids = [cell["id"] for cell in notebook["cells"]]
    assert notebook["metadata"] == METADATA
    assert ids == [f"cell-{number:02}" for number in range(len(ids))]
    assert all(cell["metadata"] in ({}, {"tags": ["figures"]}) for cell in notebook["cells"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_reads_as_an_article(path):
    cells = json.loads(path.read_text())["cells"]
    told = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    assert cells[0]["cell_type"] == "markdown" and told[0].startswith("# ")
    assert sum("## " in text for text in told) >= 3
    for link in re.findall(r"\]\(([^)#]+)\)", "\n".join(told)):
        assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_figures_and_neither_names_nor_mail_addresses(path, ran, company):
    notebook = ran(path.stem)
    told = shown(notebook)
    assert told.count("<figure") >= 3
    people = read_frame(company.folder / files.TABLES / "accounts.parquet")
    names = {*people["name"].dropna(), *people["owner"].dropna()}
    assert not [name for name in names if name in told]
    assert not MAIL.search(told)
    assert not NOWHERE_ELSE.search(told)


def test_the_morning_scored_from_what_was_known_is_the_one_in_the_record(ran, company):
    said = figures(ran("1_one_morning"))
    record = read_frame(company.folder / files.RECORD / "predictions.parquet")
    there = record["account_id"].eq(said["account_id"]) & record["status"].eq("scored")
    row = record[there & record["as_of"].eq(said["as_of"])].iloc[0]
    for name in ("churn_probability", "health_score"):
        assert said[name] == pytest.approx(row[name], rel=1e-9)


def test_the_rates_of_the_company_are_those_of_the_report(ran, report):
    said, trade = figures(ran("2_the_company")), report(files.PREDICTED)["trade"]
    of_all = {
        "renewal_rates": lambda row: row["by"] == "all" and row["terms"] == "contract",
        "book_rates": lambda row: row["by"] == "all",
    }
    for name, chosen in of_all.items():
        found = pd.DataFrame(said[name])
        known = pd.DataFrame([row for row in trade[name] if chosen(row)])[list(found)]
        pd.testing.assert_frame_equal(found, known, check_dtype=False, atol=1e-6)
    counted = report(files.REPORT)["summary"]["due"]
    assert said["renewals"] == counted["renewals"]
    assert said["arr_due"] == pytest.approx(counted["arr"])


@pytest.mark.parametrize("name", ["3_an_experiment", "5_adding_a_feature"])
def test_the_model_that_an_experiment_starts_from_is_the_pipelines_own(name, ran, report):
    said, known = figures(ran(name)), report(files.COMPARISON)
    metrics = {
        row["metric"]: row["value"]
        for row in known["metrics"]
        if (row["target"], row["by"], row["model"]) == ("churn", "all", "model")
    }
    rows = [r["rows"] for r in known["counts"] if (r["target"], r["by"]) == ("churn", "all")]
    assert [said["rows"]] == rows
    for metric in said.keys() & metrics.keys():
        assert said[metric] == pytest.approx(metrics[metric], abs=1e-6)
    assert "log_loss" in said


def test_a_model_that_an_experiment_learns_again_is_the_pipelines_to_the_last_digit(ran):
    assert figures(ran("3_an_experiment"))["relearnt_differs_by"] < 1e-12


def test_a_feature_on_trial_is_built_without_the_future_and_the_clever_ones_are_refused(ran):
    said = figures(ran("5_adding_a_feature"))
    assert said["built_without_the_future"] and said["refused"] == 6


def test_who_was_right_is_what_the_report_says(ran, report):
    said, duel = figures(ran("4_predicted_and_actual")), report(files.PREDICTED)["duel"]
    models = {of["model"]: of for of in duel["models"]}
    assert said["verdict"] == duel["verdict"]["verdict"]
    assert said["rows"] == duel["counts"]["rows"]
    for metric in ("auc", "arr_caught"):
        known = {name: models[name][metric]["value"] for name in said[metric]}
        assert said[metric] == pytest.approx(known, abs=1e-6)


def test_a_guest_is_read_whole_and_nothing_is_claimed_that_is_not_there(ran, report):
    said = figures(ran("6_bring_your_own_data"))
    if said["guest"]:
        assert said["rows"] == {
            "accounts": 500, "subscriptions": 5000, "usage": 25000, "tickets": 2000,
        }  # fmt: skip
        assert said["oddities"]["churn_flag"] == [312, 500]
        assert said["verdict"] in ("cannot tell", "worse")
    else:
        known = {of["table"]: of["rows"] for of in report(files.DATA_REPORT)["tables"]}
        assert said["rows"] == {name: known[name] for name in said["rows"]}
        assert set(said["rows"]) == {"accounts", "subscriptions", "tickets"}


def test_a_table_shows_what_a_cell_says_and_never_runs_it():
    drawn = table(pd.DataFrame({"text": ["<script>"]}), "A <b>title</b>", "here", {}).data
    assert "<script>" not in drawn and "<b>" not in drawn
