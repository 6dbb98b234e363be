"""What was learnt by a day, and how well it held."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models import metrics
from pipeline.experiments import cutoffs
from tests.models.fitted import blend


def test_a_figure_is_that_of_the_rows_and_stands_inside_its_interval():
    oof = blend().oof.assign(weight=np.linspace(0.2, 1.0, len(blend().oof)))
    told = cutoffs.figures(oof, seed=1)
    ranked = metrics.auc(oof["logit"], oof["outcome"], oof["weight"])
    assert told["auc"] == pytest.approx(ranked, abs=1e-12)
    loss = metrics.log_loss(oof["probability"], oof["outcome"], oof["weight"])
    assert told["log_loss"] == pytest.approx(float(loss), abs=1e-12)
    assert {name.split(".")[0] for name in told} == {*cutoffs.OF_RANKING, "log_loss", "brier"}
    for name in told:
        if "." not in name:
            assert told[f"{name}.low"] < told[name] < told[f"{name}.high"]


def test_rows_of_one_account_stand_or_fall_together():
    """Every row seen twice says no more, where the accounts are the same."""
    once = cutoffs.figures(blend().oof, seed=1)
    assert cutoffs.figures(blend().oof.head(0), seed=1) == {}
    doubled = cutoffs.figures(pd.concat([blend().oof, blend().oof]), seed=1)
    assert doubled["auc.low"] == pytest.approx(once["auc.low"], abs=0.01)


def test_each_model_and_each_day_from_which_it_walked_is_a_cutoff():
    found = cutoffs.cutoffs({"serving": blend()}, {"serving": "2025-01-01"}, seed=1)
    assert found[0].name == "serving, learnt by 2025-01-01"
    assert found[0].metrics["rows"] == blend().report["rows"]
    starts = [fold["start"] for fold in blend().report["per_fold"]]
    assert [cutoff.day for cutoff in found[1:]] == starts
    for cutoff, fold in zip(found[1:], blend().report["per_fold"], strict=True):
        assert cutoff.metrics["auc"] == pytest.approx(fold["auc"], abs=1e-12)
        assert cutoff.metrics["train_positives"] == fold["train_positives"]


def test_time_goes_by_in_the_days_walked_from_or_else_in_quarters():
    walked = cutoffs.over_time(blend(), seed=1)
    assert walked["period"].tolist() == [fold["start"][:7] for fold in blend().report["per_fold"]]
    dealt = replace(blend(), report={**blend().report, "folds": "by account"})
    quarters = cutoffs.over_time(dealt, seed=1)["period"]
    assert quarters.str.fullmatch(r"\d{4}Q[1-4]").all() and quarters.is_monotonic_increasing
    assert cutoffs.over_time(replace(blend(), oof=blend().oof.head(0)), seed=1).empty
