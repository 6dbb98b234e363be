"""Two runs on the same mornings: what differs, who is right, and whom it moves."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest

from features.publication import read_frame
from models import bundle, comparison
from pipeline import compare, files, settings
from pipeline.calendar import Calendar
from pipeline.experiments import experiment_terminal, side_by_side
from pipeline.experiments.paired import NotComparable
from pipeline.experiments.run_record import RunRecord


@pytest.fixture(scope="module")
def runs(company, tmp_path_factory):
    """The model of churn, and the ridge logit of the same rows as if it had been a run."""
    folder = tmp_path_factory.mktemp("runs")
    with company.inside():
        params = settings.read()
        ridge = bundle.load(files.baselines("churn") / "ridge")
        for cutoff in (files.BACKTEST, files.SERVING):
            about = bundle.manifest(files.bundle("churn", cutoff))["about"]
            bundle.save(ridge, folder / cutoff, about=about)
    changed = copy.deepcopy(params)
    changed["learning"]["rungs"]["blend_from"] = 9999
    hashes = {f"{name}_sha256": "1" for name in side_by_side.INPUTS}
    mine = (company.folder / files.bundle("churn", of) for of in (files.SERVING, files.BACKTEST))
    first = RunRecord("aaaaaa11", "c1", "churn", params, {}, hashes, *mine)
    second = replace(
        first, id="bbbbbb22", identity="c2", params=changed,
        tags=hashes | {"params_sha256": "2"},
        bundle=folder / files.SERVING, backtest=folder / files.BACKTEST,
    )  # fmt: skip
    return first, second


@pytest.fixture(scope="module")
def found(company, runs):
    with company.inside():
        return side_by_side.of_runs(settings.load(), *runs)


def test_only_the_params_that_differ_are_shown(found):
    assert found.inputs == ["params"]
    row = found.params.iloc[0]
    assert (len(found.params), row["name"]) == (1, "learning.rungs.blend_from")
    assert (row["first"], row["second"]) == (15, 9999)


def test_both_have_the_figures_that_the_comparison_gives_the_two_alone(company, found):
    with company.inside():
        told, kinds = settings.load(), {"model": "probability", "ridge": "probability"}
        said = read_frame(files.HELDOUT)
        labels = compare.judged(told, Calendar.read(files.CALENDAR))
        theirs = comparison.compare(
            said[said["model"].isin(kinds) & said["target"].eq("churn")],
            labels[labels["target"].eq("churn")],
            kinds, told.comparison, share=told.cycle.share,
        )  # fmt: skip
    rows = theirs.metrics[theirs.metrics["by"].eq("all")].set_index(["model", "metric"])["value"]
    pairs = theirs.pairs[theirs.pairs["by"].eq("all") & theirs.pairs["primary"]]
    pair = pairs[pairs["model"].eq("ridge")].iloc[0]
    assert found.metrics["metric"].is_unique
    for of in found.metrics.to_dict("records"):
        known = [rows[name, of["metric"]] for name in kinds]
        assert [of["first"], of["second"]] == pytest.approx(known)
    mine = found.metrics[found.metrics["primary"]].iloc[0]
    assert mine["verdict"] == pair["verdict"]
    ends = ["difference", "low", "high"]
    assert mine[ends].tolist() == pytest.approx(pair[ends].tolist())


def test_the_largest_change_comes_first(found):
    sizes = found.moved["change"].abs()
    assert len(sizes) and sizes.is_monotonic_decreasing
    assert found.bands["accounts"].sum() == len(found.moved)


def test_the_families_of_both_are_counted(found):
    assert found.families["first"].eq(found.families["second"]).all()
    assert found.families["second_push"].gt(0).any()


def test_it_is_json_and_prints(found, capsys):
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["target"] == "churn"
    experiment_terminal.two_runs(found)
    assert "aaaaaa11" in capsys.readouterr().out


def test_runs_that_cannot_be_judged_alike_are_refused_with_every_reason(company, runs):
    first, _ = runs
    other = replace(first, id="cccccc33", target="upsell")
    with company.inside():
        told = settings.load()
        with pytest.raises(NotComparable, match="same run twice"):
            side_by_side.of_runs(told, first, first)
        with pytest.raises(NotComparable, match=r"predicts upsell; cccccc33 was learnt"):
            side_by_side.of_runs(told, first, other)


def test_a_run_that_has_seen_the_held_out_mornings_is_refused(company, runs):
    first, second = runs
    with company.inside(), pytest.raises(NotComparable, match="none is left"):
        side_by_side.of_runs(settings.load(), first, replace(second, backtest=first.bundle))
