"""Composition: what a target gives, and that every scorer speaks of the same rows."""

from __future__ import annotations

import pandas as pd
import pytest

from serve.scorer import LEARNT, MissingModel, WithoutFeatures, probabilities, score
from tests.serve.cycles import (
    CHURN,
    DOWNSELL,
    SCORERS,
    TREE,
    UPSELL,
    Health,
    Reads,
    Warns,
    features,
    observations,
)


def scored(targets=(CHURN, UPSELL)):
    found = probabilities(features(), observations(), SCORERS.models, targets)
    return found.set_index(["target", "account_id"])


def test_a_target_is_asked_of_the_eligible_only():
    found = scored()
    assert sorted(found.loc["churn"].index) == ["acme", "bolt", "cask", "gale"]
    assert sorted(found.loc["upsell"].index) == ["acme", "bolt", "cask", "gale", "hill"]


def test_expansion_is_multiplied_by_the_chance_of_staying():
    found = scored().loc[("upsell", "acme")]
    assert found["probability"] == pytest.approx((1 - 0.40) * 0.20)
    assert found["low"] == pytest.approx((1 - 0.44) * 0.18)
    assert found["high"] == pytest.approx((1 - 0.36) * 0.22)


def test_where_no_decision_is_due_staying_is_certain():
    assert scored().loc[("upsell", "hill"), "probability"] == pytest.approx(0.10)


def chained(*targets):
    found = probabilities(features(), observations(), TREE.models, targets)
    return found.set_index(["target", "account_id"])


def test_each_target_of_a_chain_takes_its_share_of_what_those_before_it_left():
    found = chained(CHURN, UPSELL, DOWNSELL).loc[("downsell", "acme")]
    assert found["probability"] == pytest.approx((1 - 0.40) * (1 - 0.20) * 0.50)
    assert found["low"] == pytest.approx((1 - 0.44) * (1 - 0.22) * 0.45)
    assert found["high"] == pytest.approx((1 - 0.36) * (1 - 0.18) * 0.55)


def test_another_chain_needs_no_code():
    shrink = DOWNSELL.model_copy(update={"given": "churn"})
    grow = UPSELL.model_copy(update={"given": "downsell"})
    found = chained(grow, CHURN, shrink)
    assert found.loc[("downsell", "acme"), "probability"] == pytest.approx(0.6 * 0.5)
    assert found.loc[("upsell", "acme"), "probability"] == pytest.approx(0.6 * 0.5 * 0.2)
    # nothing is due for hill: it can neither leave nor contract within the horizon
    assert found.loc[("upsell", "hill"), "probability"] == pytest.approx(0.10)


def test_intervals_stay_in_order_all_along_a_chain():
    found = chained(CHURN, UPSELL, DOWNSELL)
    assert (found["low"] <= found["probability"]).all()
    assert (found["probability"] <= found["high"]).all()


def abstaining(*targets, rate=0.2, leaves=0.1):
    """The tree where upsell abstains at 0.20 and downsell, like churn, does not."""
    features_ = features().assign(level=rate)
    models = {
        **TREE.models,
        "churn": Reads("risk", base_rate=leaves),
        "upsell": Reads("level", base_rate=rate, abstains=True),
    }
    found = probabilities(features_, observations(), models, targets)
    return found.set_index(["target", "account_id"])


def test_a_model_that_abstains_ranks_nobody_by_what_is_left():
    found = abstaining(CHURN, UPSELL)["probability"]["upsell"]
    assert "hill" in found.index  # nothing is due for hill: it can only expand
    assert found.nunique() == 1 and found["hill"] == pytest.approx((1 - 0.1) * 0.2)


def test_after_a_model_that_abstains_there_is_so_much_less_left():
    found = abstaining(CHURN, UPSELL, DOWNSELL).loc[("downsell", "acme")]
    taken = 0.9 * 0.2
    assert found["probability"] == pytest.approx((1 - 0.40 - taken) * 0.50)
    assert found["low"] == pytest.approx((1 - 0.44 - 1.1 * taken) * 0.45)
    assert found["high"] == pytest.approx((1 - 0.36 - 0.9 * taken) * 0.55)


def test_a_model_that_abstains_takes_no_more_than_is_left():
    found = abstaining(CHURN, UPSELL, DOWNSELL, rate=0.8)
    assert found.loc[("upsell", "acme"), "probability"] == pytest.approx(1 - 0.40)
    assert found.loc[("upsell", "bolt"), "probability"] == pytest.approx(0.9 * 0.8)
    assert found.loc[("downsell", "acme"), ["low", "probability"]].eq(0).all()
    assert (found["low"] <= found["probability"]).all()
    assert (found["probability"] <= found["high"]).all()


def test_the_order_in_which_targets_are_named_does_not_matter():
    pd.testing.assert_frame_equal(
        scored((UPSELL, CHURN)).sort_index(), scored((CHURN, UPSELL)).sort_index()
    )


def test_every_scorer_is_asked_about_the_same_rows_and_rises_with_the_outcome():
    rules = [Health(), Warns()]
    found = score(features(), observations(), SCORERS.models, [CHURN, UPSELL], rules)
    assert set(found["model"]) == {LEARNT, "health", "early_warning"}
    rows = found.groupby(["model", "target"])["account_id"].apply(tuple)
    assert rows.groupby("target").nunique().eq(1).all()
    health = found[found["model"].eq("health")].set_index(["target", "account_id"])["score"]
    assert health["churn", "acme"] == 70 and health["churn", "bolt"] == 20
    assert health["upsell", "bolt"] > health["upsell", "acme"]
    lower = score(features(), observations(), TREE.models, TREE.targets, rules)
    lower = lower[lower["model"].eq("health")].set_index(["target", "account_id"])["score"]
    assert lower["downsell", "bolt"] < lower["downsell", "acme"]


def test_one_account_scored_alone_gets_the_same_figures():
    alone = features().xs("acme", drop_level=False)
    found = probabilities(alone, observations(), SCORERS.models, [CHURN, UPSELL])
    together = scored().reset_index().query("account_id == 'acme'")
    assert found["probability"].tolist() == together["probability"].tolist()


def test_no_observation_gives_an_empty_table_with_all_columns():
    nobody = probabilities(
        features().iloc[:0], observations().iloc[:0], SCORERS.models, [CHURN, UPSELL]
    )
    assert nobody.empty and list(nobody.columns)[-3:] == ["probability", "low", "high"]


def test_no_eligible_observation_is_left_out_in_silence():
    with pytest.raises(WithoutFeatures, match="2 of 9 eligible observations"):
        score(features().drop("acme"), observations(), SCORERS.models, [CHURN, UPSELL], [])


def test_what_is_given_is_not_changed():
    before = features()
    probabilities(before, observations(), SCORERS.models, [CHURN, UPSELL])
    pd.testing.assert_frame_equal(before, features())


def test_a_target_without_model_or_without_what_it_is_given_is_named():
    with pytest.raises(MissingModel, match="upsell has no model"):
        probabilities(features(), observations(), {"churn": Reads("risk")}, [CHURN, UPSELL])
    with pytest.raises(MissingModel, match="given the absence of churn"):
        probabilities(features(), observations(), SCORERS.models, [UPSELL])
