"""Three small worlds taken through the exam's papers; and how the exam is kept and graded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import ceiling, exam, grades, papers, population
from benchmarks.exam import PAPERS, Task, read, tasks
from benchmarks.worlds import world
from models import metrics
from pipeline import files
from pipeline.settings import load
from tests.workspace import ROOT

FAMILIES = ("linear", "thresholds", "noise")
NOWHERE = Path("no/ceiling/was/learnt")
DEVELOPMENT = 40  # a seed that the exam never sees


@pytest.fixture(scope="module", autouse=True)
def at_the_top(request):
    patch = pytest.MonkeyPatch()
    patch.chdir(ROOT)
    request.addfinalizer(patch.undo)


@pytest.fixture(scope="module", params=FAMILIES)
def found(request):
    """A company of 200 accounts, judged on another small company instead of on the population."""
    family, settings = request.param, load()
    other = world(family, DEVELOPMENT + 1, 500, settings=settings, cutoffs=(files.SERVING,))
    patch = pytest.MonkeyPatch()

    def fresh(_: str, target: str) -> pd.DataFrame:
        rows = population.settled(other, target, settings, np.random.default_rng(0))
        return rows.drop_duplicates(["account_id", "decision"]).reset_index(drop=True)

    patch.setattr(papers.population, "fresh", fresh)
    patch.setattr(ceiling, "path", lambda *_: NOWHERE)
    papers.fresh.cache_clear()
    yield family, papers.share(family, 200, DEVELOPMENT)
    patch.undo()
    papers.fresh.cache_clear()


def test_every_scorer_is_judged_on_the_same_renewals(found):
    _, result = found
    for target in ("churn", "upsell"):
        models = result[target]["models"]
        assert {"model", "ridge", "plain_lightgbm", "contract_only"} <= set(models)
        assert len({round(one["base_log_loss"], 12) for one in models.values()}) == 1


def test_what_can_be_learnt_is_learnt_and_noise_is_left_alone(found):
    family, result = found
    churn = result["churn"]["models"]["model"]
    if family == "noise":
        assert churn["log_loss"] <= churn["base_log_loss"] + 0.003
        assert abs(churn["auc"] - 0.5) < 0.08
    else:
        assert churn["log_loss"] < churn["base_log_loss"]
        assert churn["auc"] > 0.58
        assert churn["log_loss"] < result["churn"]["models"]["plain_lightgbm"]["log_loss"]


def test_cycles_and_reasons_are_counted(found):
    _, result = found
    assert 0 <= result["cycles"]["inside"] <= result["cycles"]["cycles"] == papers.CYCLES
    assert result["reasons"]["right"] <= result["reasons"]["said"] <= result["reasons"]["clear"]


def test_wherever_the_exam_stops_each_part_is_done_to_the_same_share():
    done = tasks()[: len(tasks()) // 2]
    for paper in PAPERS:
        part = [task for task in done if (task.name, task.accounts) == (paper.name, paper.accounts)]
        assert abs(len(part) / paper.worlds - 0.5) < 0.06, paper


def test_no_exam_seed_is_one_of_development():
    assert min(task.seed for task in tasks()) >= 1_000


def test_a_result_cut_short_is_no_result(tmp_path):
    path = tmp_path / "results.jsonl"
    whole = {"name": "noise", "accounts": 500, "seed": 1000}
    path.write_text(json.dumps(whole) + "\n" + json.dumps(whole)[:-9], encoding="utf-8")
    assert list(read(path)) == [whole]


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch, capsys):
    path = tmp_path / "results.jsonl"
    one = Task("noise", "noise", 500, 1_000)
    path.write_text(json.dumps(vars(one)) + "\n", encoding="utf-8")
    monkeypatch.setattr(exam, "results", lambda: path)
    monkeypatch.setattr(exam, "run", lambda todo, *_: todo_was.extend(todo))
    todo_was: list[Task] = []
    exam.main(["--only", "noise", "--first", "2"])
    assert todo_was == [Task("noise", "noise", 500, 1_001)]
    assert "1 done, 1 to do" in capsys.readouterr().out


def test_a_target_is_met_only_by_the_end_of_the_interval():
    assert grades.at_least("x", [0.9, 0.92, 0.88, 0.9], 0.85, 0.95).met
    unsure = grades.at_least("x", [0.5, 1.3, 0.6, 1.2], 0.85, 0.95)
    assert unsure.mean > 0.85 and not unsure.met
    assert unsure.worst == 0.5


def test_bounds_are_met_by_the_mean_and_the_worst_is_the_farthest():
    grade = grades.within("x", [0.7, 0.82, 0.88], (0.75, 0.85), (0.79, 0.81))
    assert grade.met and not grade.reached or grade.mean == pytest.approx(0.8)
    assert grade.worst == 0.7


def test_every_row_that_is_missed_says_so(monkeypatch):
    monkeypatch.setattr(ceiling, "path", lambda *_: NOWHERE)
    model = {"auc": 0.6, "log_loss": 0.5, "base_log_loss": 0.4, "in_the_large": 0.0, "slope": 1.0}
    rival = {**model, "auc": 0.7, "log_loss": 0.3}
    result = {
        "name": "share",
        "family": "thresholds",
        "accounts": 1_000,
        **{
            target: {
                "rung": "blend",
                "models": {"model": model, "ridge": rival, "plain_lightgbm": rival},
            }
            for target in ("churn", "upsell")
        },
        "health": {
            "health": 0.6,
            "model_where_health": 0.6,
            "health_refitted": 0.6,
            "model_where_health_refitted": 0.6,
        },
        "cycles": {"cycles": 20, "inside": 16},
        "reasons": {"clear": 10, "said": 10, "right": 2},
    }
    shown = grades.table([result, result])
    for row in ("log-loss gained on the base rate", "AUC over the health score as configured"):
        assert "**missed**" in next(line for line in shown.splitlines() if row in line)


def test_the_next_period_is_judged_by_the_mornings_after_what_was_learnt():
    told = {"name": "heldout", "accounts": 1_000, "rung": "blend"}
    later = {**told, "in_the_large": 0.02, "slope": 1.0}
    silent = {**told, "in_the_large": 0.02, "slope": float("nan")}
    before = told  # a result of an exam that did not ask
    rows = {grade.what: grade for grade in grades.calibrations([later, silent, before])}
    level = rows["calibration in the large, churn, next period"]
    assert level.mean == pytest.approx(0.02) and level.companies == 2 and not level.met
    slope = rows["calibration slope, churn, next period"]
    assert slope.companies == 1 and slope.met


def test_accounts_that_nothing_was_learnt_from_are_judged_apart():
    score = pd.Series(np.linspace(0, 1, 40))
    judged = pd.DataFrame(
        {
            "account_id": ["known", *[f"new{number}" for number in range(39)]],
            "outcome": [True] + [number % 2 == 0 for number in range(39)],
            "weight": 1.0,
        }
    )
    apart = papers.unseen(judged, score, pd.DataFrame({"account_id": ["known", "gone"]}))
    assert apart == pytest.approx(metrics.auc(score[1:], judged["outcome"][1:]))
    everyone = pd.DataFrame({"account_id": judged["account_id"]})
    assert papers.unseen(judged, score, everyone) is None


def test_the_held_out_mornings_are_judged_on_renewals_of_every_company_made(monkeypatch):
    days = (pd.Timestamp("2025-01-01"),)
    decisions = [f"{block}-{number}" for block in range(7) for number in range(3)]
    every = pd.DataFrame(
        {
            "account_id": decisions * 2,
            "decision": pd.Timestamp("2025-02-01"),
            "as_of": [days[0], pd.Timestamp("2025-01-08")] * len(decisions),
        }
    )

    def rows(family, target, blocks, mornings):
        assert (family, target, list(blocks), mornings) == ("any", "churn", list(range(7)), days)
        return every

    monkeypatch.setattr(papers.population, "made", lambda *_: range(7))
    monkeypatch.setattr(papers.population, "rows", rows)
    papers.asked.cache_clear()
    found = papers.asked("any", days)
    assert sorted(found["account_id"]) == sorted(decisions)  # each decision once
    papers.asked.cache_clear()
