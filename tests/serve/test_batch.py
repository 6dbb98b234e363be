"""A cycle: every renewal due has its place, or its reason, and everything adds up."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from serve.batch import Bands, BeyondHorizon, NotReconciled, reconcile, score_cycle
from serve.judgement import NoneJudged
from serve.predictions import COLUMNS, OUTCOMES
from tests.serve.cycles import (
    IDENTITY,
    SCORERS,
    SETTINGS,
    TREE,
    Health,
    Reads,
    due,
    emptied,
    features,
    renewals,
)


@cache
def plain():
    return score_cycle(due(), SCORERS, SETTINGS, IDENTITY)


def cycle(asked=None, scorers=SCORERS, identity=IDENTITY):
    if asked is None and scorers is SCORERS and identity is IDENTITY:
        return plain()
    return score_cycle(asked or due(), scorers, SETTINGS, identity)


def by_renewal(found):
    named = found.frame["account_id"] + " " + found.frame["due_date"].dt.strftime("%m-%d")
    return found.frame.set_index(named)


def test_every_renewal_due_has_one_status():
    assert by_renewal(cycle())["status"].to_dict() == {
        "acme 07-11": "scored",
        "cask 07-01": "scored",
        "bolt 07-21": "scored",
        "gale 09-29": "scored",
        "fern 06-20": "in_grace",
        "jade 07-30": "decided",
        "dune 08-01": "decided",
        "echo 08-02": "decided",
        "acme 09-11": "later_renewal",
    }


def test_the_reasons_are_said():
    why = by_renewal(cycle())["status_reason"]
    assert why["dune 08-01"] == "notice_given" and why["echo 08-02"] == "already_renewed"
    assert why["jade 07-30"] == "the account's cover ends on 2025-05-01"
    assert why["acme 09-11"] == "the account decides first on 2025-07-11"
    assert why[["acme 07-11", "cask 07-01"]].isna().all()


def test_the_columns_are_those_of_the_interface_in_their_order():
    assert list(cycle().frame.columns) == list(COLUMNS)


def test_rows_and_money_add_up_to_what_is_due():
    summary = cycle().summary
    assert summary["due"] == {"renewals": 9, "arr": 13600.0, "arr_unknown": 0}
    statuses = summary["statuses"].values()
    assert sum(of["renewals"] for of in statuses) == 9
    assert sum(of["arr"] for of in statuses) == 13600.0


def test_a_cycle_that_loses_doubles_or_reprices_a_renewal_is_refused():
    frame = cycle().frame
    repriced = frame.assign(arr_due=frame["arr_due"] + 0.01)
    swapped = frame.assign(account_id=frame["account_id"].replace("acme", "acne"))
    unplaced = frame.assign(status=frame["status"].replace("scored", "lost"))
    twice = pd.concat([frame, frame.iloc[:1]])
    for wrong in (frame.iloc[1:], twice, repriced, swapped, unplaced):
        with pytest.raises(NotReconciled):
            reconcile(wrong, due())
    twice = pd.concat([renewals(), renewals().iloc[:1]])
    with pytest.raises(NotReconciled, match="acme due 2025-07-11"):
        cycle(due(renewals=twice))


def test_risk_is_ranked_by_arr_and_ties_by_id():
    found = by_renewal(cycle())
    assert found["arr_at_risk"].dropna().round(6).to_dict() == {
        "bolt 07-21": 500.0,
        "acme 07-11": 400.0,
        "cask 07-01": 320.0,
        "gale 09-29": 45.0,
    }
    assert found["rank"].dropna().to_dict() == {
        "bolt 07-21": 1,
        "acme 07-11": 2,
        "cask 07-01": 3,
        "gale 09-29": 4,
    }
    same = renewals().assign(arr_due=0.0)
    tied = cycle(due(renewals=same)).frame.dropna(subset=["rank"]).sort_values("rank")
    assert tied["account_id"].tolist() == ["acme", "bolt", "cask", "gale"]


def test_unknown_arr_is_scored_without_money_and_ranked_last():
    unknown = renewals()
    unknown.loc[unknown["account_id"].eq("bolt"), "arr_due"] = np.nan
    found = cycle(due(renewals=unknown))
    bolt = by_renewal(found).loc["bolt 07-21"]
    assert bolt["status"] == "scored" and bolt["churn_probability"] == 0.10
    assert np.isnan(bolt["arr_at_risk"]) and bolt["rank"] == 4
    assert found.summary["due"]["arr_unknown"] == 1


def test_bands_follow_their_edges_and_must_rise():
    bands = by_renewal(cycle())["risk_band"].dropna().to_dict()
    assert bands == {
        "acme 07-11": "high",
        "cask 07-01": "high",
        "bolt 07-21": "medium",
        "gale 09-29": "low",
    }
    with pytest.raises(ValueError, match="must lie below"):
        Bands(medium=0.3, high=0.3)


def test_agreement_compares_the_two_lists_and_is_unknown_without_health():
    # 34 % of three accounts with both scores: two of them on each list.
    said = by_renewal(cycle())["agreement"].dropna().to_dict()
    assert said == {
        "acme 07-11": "agree",
        "cask 07-01": "model_riskier",
        "bolt 07-21": "health_riskier",
        "gale 09-29": "unknown",
    }


def test_a_customer_in_onboarding_has_a_health_score_but_is_on_no_list():
    class Young(Health):
        def assess(self, features):
            return super().assess(features).assign(health_band="unknown")

    found = by_renewal(cycle(scorers=replace(SCORERS, health=Young())))
    assert found.loc["acme 07-11", "health_score"] == 30
    assert found["agreement"].dropna().eq("unknown").all()


def test_only_what_was_scored_carries_a_probability_but_health_is_shown_where_it_is_known():
    rest = cycle().frame.query("status != 'scored'")
    empty = ["churn_probability", "churn_low", "churn_high", "upsell_probability", "arr_at_risk"]
    empty += ["rank", "risk_band", "agreement", "reason_1"]
    assert rest[empty].isna().all(axis=None)
    assert by_renewal(cycle()).loc["dune 08-01", "health_score"] == 20


def test_an_account_whose_scorer_raises_is_failed_and_the_others_are_as_before():
    broken = features()
    broken.loc[("bolt",), "risk"] = np.nan
    found = by_renewal(cycle(due(features=broken)))
    assert found.loc["bolt 07-21", "status"] == "failed"
    assert found.loc["bolt 07-21", "status_reason"] == "ValueError: risk is missing"
    before = by_renewal(cycle())
    same = ["churn_probability", "upsell_probability", "health_score", "early_warning", "reason_1"]
    others = ["acme 07-11", "cask 07-01", "gale 09-29"]
    pd.testing.assert_frame_equal(found.loc[others, same], before.loc[others, same])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"features": features().drop("bolt")}, "no features were built on 2025-07-01"),
        ({"failures": {"bolt": "usage of bolt overflows"}}, "usage of bolt overflows"),
        (
            {"features": emptied("bolt")},
            "every feature is empty on 2025-07-01",
        ),
    ],
)
def test_an_account_without_features_keeps_its_renewal_with_the_reason(changes, reason):
    found = cycle(due(**changes))
    bolt = by_renewal(found).loc["bolt 07-21"]
    assert (bolt["status"], bolt["status_reason"]) == ("failed", reason)
    assert found.summary["due"]["renewals"] == 9


def test_an_account_that_is_not_observed_keeps_its_renewal_with_the_reason():
    asked = due()
    known = asked.observations[asked.observations["account_id"].ne("bolt")]
    found = by_renewal(cycle(replace(asked, observations=known)))
    assert "nothing is in force" in found.loc["bolt 07-21", "status_reason"]


def test_where_every_account_fails_nothing_is_scored():
    broken = replace(SCORERS, models={"churn": Reads("risk"), "upsell": Reads("growth")})
    with pytest.raises(NoneJudged, match="risk is missing"):
        cycle(due(features=features().assign(risk=np.nan)), broken)


def test_more_days_than_the_horizon_are_refused():
    with pytest.raises(BeyondHorizon, match="at most 91"):
        cycle(due(within=92))


def test_every_scored_renewal_has_its_tree_and_the_arr_to_expect():
    found = cycle(scorers=TREE)
    assert list(found.outcomes.columns) == list(OUTCOMES)
    scored = found.frame[found.frame["status"].eq("scored")]
    assert set(found.outcomes["prediction_id"]) == set(scored["prediction_id"])
    both = scored.merge(found.outcomes, on=["prediction_id", "account_id", "due_date"])
    assert both["p_churned"].tolist() == both["churn_probability"].tolist()
    assert both["p_expanded"].tolist() == both["upsell_probability"].tolist()
    acme = found.outcomes.set_index("account_id").loc["acme"]
    # of contractions 600 + 2400 of 1000 + 3000 was kept; the one expansion that counts grew 25 %
    assert acme["expected_arr_renewed"] == pytest.approx(1000 * (0.12 + 0.24 * 0.75 + 0.24))
    flat = (5000 + 9090) / (5000 + 9000)
    grown = 0.12 * 1.25 + 0.24 * 0.75 + 0.24 * flat
    assert acme["expected_arr"] == pytest.approx(1000 * grown)


def test_the_summary_says_what_to_expect_of_the_cycle():
    found = cycle(scorers=TREE)
    told = found.summary["outcomes"]
    assert (told["renewals"], told["left_out"], told["arr_due"]) == (4, 0, 7700.0)
    sums = found.outcomes[["expected_arr_renewed", "expected_arr"]].sum().round(2)
    assert sums.to_dict() == {name: told[name] for name in sums.index}
    assert told["branches"]["churned"] == {"renewals": 0.95, "arr_due": 1265.0}
    assert told["learnt_from"]["contracted"] == 2 and told["kinds"] is None


def test_without_a_target_for_it_contraction_is_not_told_apart():
    found = cycle()
    assert found.outcomes["p_contracted"].isna().all()
    assert found.summary["outcomes"]["branches"]["contracted"] is None
    assert found.outcomes["expected_arr_renewed"].notna().all()


def test_nothing_due_is_a_valid_empty_cycle():
    found = cycle(due(renewals=renewals().iloc[:0]))
    assert found.frame.empty and list(found.frame.columns) == list(COLUMNS)
    assert found.summary["due"] == {"renewals": 0, "arr": 0.0, "arr_unknown": 0}
    assert found.outcomes.empty and list(found.outcomes.columns) == list(OUTCOMES)


def test_the_id_hangs_on_account_morning_due_date_target_and_bundle():
    ids = cycle().frame["prediction_id"]
    assert ids.is_unique and ids.equals(cycle(due()).frame["prediction_id"])
    other = cycle(identity=replace(IDENTITY, bundle_sha256="c" * 64)).frame["prediction_id"]
    assert not set(ids) & set(other)
    elsewhere = cycle(identity=replace(IDENTITY, params_sha256="q" * 64)).frame["prediction_id"]
    assert ids.equals(elsewhere)


def test_the_order_of_rows_does_not_matter():
    shuffled = due(
        renewals=renewals().sample(frac=1, random_state=3),
        features=features().sample(frac=1, random_state=4),
    )
    pd.testing.assert_frame_equal(cycle(shuffled).frame, cycle().frame)
    assert cycle(shuffled).summary == cycle().summary
