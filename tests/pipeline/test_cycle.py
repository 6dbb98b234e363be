"""A cycle as of any morning: whoever is due is in it, or the whole is refused with the reason."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta

import duckdb
import pandas as pd
import pytest

from features.feature import build
from features.publication import read_frame, write_parquet
from models.bundle import manifest
from pipeline import cycle, files
from pipeline.calendar import Calendar
from pipeline.morning import NoFeatures, morning
from pipeline.settings import load
from serve import predictions
from serve.batch import BeyondHorizon
from serve.freshness import StaleTable


@pytest.fixture
def here(company):
    with company.inside():
        yield company


@pytest.fixture
def end(here) -> date:
    return Calendar.read(files.CALENDAR).data_until


def test_the_cycle_of_the_stage_and_of_the_verb_are_the_same_bytes(here, end, tmp_path):
    cycle.score(load(), end, load().cycle.within).publish(tmp_path / "again")
    published = predictions.read(files.CYCLE).manifest
    assert predictions.read(tmp_path / "again").manifest == published


def test_every_renewal_due_is_in_the_cycle_and_the_arr_adds_up(here, end):
    found = cycle.score(load(), end, 60)
    known = read_frame(files.RENEWALS)
    days = (known["due_date"] - pd.Timestamp(end)).dt.days
    due = known[days.between(0, 59) | known["status"].eq("in_grace")]
    assert len(found.frame) == len(due) > 20
    assert found.frame["arr_due"].sum() == pytest.approx(due["arr_due"].astype(float).sum())


def test_held_out_and_cycle_scores_agree_with_the_features_of_the_stage(here, end):
    """The features of one morning, built alone, are those that the stage built for all mornings."""
    alone = morning(files.FACTS, end, load(), Calendar.read(files.CALENDAR)).features
    together = read_frame(files.FEATURES).set_index(["account_id", "as_of"])
    at = together.index.get_level_values("as_of") == pd.Timestamp(end)
    pd.testing.assert_frame_equal(
        alone.drop(columns="segment").sort_index(), together[at].sort_index(), check_exact=True
    )


def test_an_account_whose_features_cannot_be_computed_is_there_with_the_reason(
    here, end, monkeypatch
):
    """The engine is made to fail on one account: the others are scored as if it were not there."""
    victim = predictions.read(files.CYCLE).predictions["account_id"].iloc[0]

    def failing(con, asked, facts, past):
        if asked["account_id"].eq(victim).any():
            raise duckdb.ConversionException("Conversion Error: arr is out of range\nin the query")
        return build(con, asked, facts, past)

    monkeypatch.setattr("pipeline.morning.build", failing)
    found = cycle.score(load(), end, load().cycle.within).frame
    failed = found[found["status"].eq("failed")]
    assert set(failed["account_id"]) == {victim}
    assert failed["status_reason"].tolist() == ["Conversion Error: arr is out of range"]
    assert failed["churn_probability"].isna().all()
    assert found["status"].eq("scored").sum() > 20


def test_if_no_account_has_features_that_is_an_error_and_no_cycle(here, end, monkeypatch):
    def failing(con, asked, facts, past):
        raise duckdb.ConversionException("Conversion Error: everything is broken")

    monkeypatch.setattr("pipeline.morning.build", failing)
    with pytest.raises(NoFeatures, match="everything is broken"):
        cycle.score(load(), end, 30)


def test_a_stale_feed_of_usage_is_refused_by_name(company, end, tmp_path):
    stale = company.copy(tmp_path / "stale")
    with stale.inside(), duckdb.connect() as con:
        usage = files.FACTS / "account_days"
        whole = read_frame(usage)
        shutil.rmtree(usage)
        usage.mkdir()
        kept = whole[whole["day"] < pd.Timestamp(end - timedelta(days=42))]
        con.register("kept", kept)
        part = usage / f"{kept['day'].max():%Y-%m}.parquet"
        write_parquet(con, "SELECT * FROM kept", part, ("account_id", "day"))
        with pytest.raises(StaleTable, match="usage ends 43 days before"):
            cycle.score(load(), end, 30)


def test_a_morning_before_every_cutoff_is_refused(here):
    with pytest.raises(cycle.NoBundle, match="no model was learnt before 2024-01-01"):
        cycle.score(load().model_copy(update={"cycle": lenient()}), date(2024, 1, 1), 30)


def test_a_morning_between_the_cutoffs_is_scored_by_the_model_that_had_not_seen_it(here, end):
    settings, calendar = load(), Calendar.read(files.CALENDAR)
    held = calendar.heldout(settings.targets["churn"], settings.heldout, settings.contracts.grace)
    known = cycle.bundles(settings, held[-1])
    assert known.sha256 != cycle.bundles(settings, end).sha256


def test_every_scored_renewal_has_a_whole_tree_and_kinds_from_before_the_morning(here, end):
    settings = load()
    held = predictions.read(files.CYCLE)
    assert len(held.outcomes) == held.manifest["statuses"]["scored"]["renewals"] > 20
    told = held.outcomes[["p_churned", "p_contracted", "p_flat", "p_expanded"]]
    assert (told.sum(axis=1) - 1).abs().max() < 1e-12
    due = held.manifest["outcomes"]
    assert 0 < due["expected_arr_renewed"] < due["expected_arr"] < due["arr_due"]
    for cutoff in (files.BACKTEST, files.SERVING):
        learnt = cycle.expansions(settings, cutoff)
        assert learnt["result"].eq("expanded").any()
        days = {str(day.date()) for day in learnt["by"].unique()}
        assert days == {manifest(files.bundle("upsell", cutoff))["about"]["cutoff"]}


def test_a_bundle_of_another_target_is_refused(here, end):
    settings = load()
    churn = settings.targets["churn"].model_copy(update={"horizon": 120})
    raised = settings.model_copy(update={"targets": settings.targets | {"churn": churn}})
    with pytest.raises(cycle.NoBundle, match="another target"):
        cycle.bundles(raised, end)


def test_reasons_are_those_of_the_loss_whatever_the_order_of_the_targets(here, end):
    settings = load()
    turned = settings.model_copy(update={"targets": dict(reversed(settings.targets.items()))})
    one, other = (cycle.score(of, end, 30).frame["reason_1"] for of in (settings, turned))
    assert one.dropna().tolist() == other.dropna().tolist() != []


def test_more_days_than_the_model_sees_are_refused(here, end):
    with pytest.raises(BeyondHorizon, match="at most 90"):
        cycle.score(load(), end, 91)


def test_the_manifest_says_what_the_predictions_come_from(here):
    commit = json.loads((files.CYCLE / "MANIFEST.json").read_text())
    assert set(commit["identity"]) == {
        "model_version", "bundle_sha256", "features_sha256", "params_sha256",
    }  # fmt: skip


def lenient():
    """A cycle for which no table is ever stale."""
    cycle_settings = load().cycle
    return cycle_settings.model_copy(update={"freshness": {}})
