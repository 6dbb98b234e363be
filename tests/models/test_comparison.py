"""The duel: worked examples, mirror laws, and noise that must not look like skill."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy.stats import binom

from models.comparison import (
    Comparison,
    ComparisonSettings,
    NotSettled,
    UnknownScorer,
    agreement,
    compare,
)
from models.metrics import arr_caught_at, auc, log_loss
from tests.worlds import table

SETTINGS = ComparisonSettings(
    primary="log_loss",
    rules_primary="arr_caught",
    draws=200,
    seed=5,
    min_outcomes=5,
    leads=(0, 31, 61, 91),
)
KINDS = {"model": "probability", "rival": "probability", "rule": "rule"}


def company(seed: int, accounts: int = 150, mornings: int = 4) -> pd.DataFrame:
    """Labels of accounts seen on several mornings; the latent risk decides once an account."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(-1, 1, accounts)
    left = rng.random(accounts) < 1 / (1 + np.exp(-risk))
    days = pd.date_range("2025-01-01", periods=mornings, freq="MS")
    return pd.DataFrame(
        {
            "account_id": np.repeat([f"a{i:03d}" for i in range(accounts)], mornings),
            "as_of": np.tile(days, accounts),
            "target": "churn",
            "outcome": np.repeat(left, mornings),
            "weight": 1 / mornings,
            "arr": np.repeat(np.round(rng.lognormal(9, 1, accounts), 2), mornings),
            "days_to_due": np.tile([61, 31, 30, 0][:mornings], accounts),
            "month_to_month": np.repeat(np.arange(accounts) % 3 == 0, mornings),
            "segment": np.repeat(np.where(np.arange(accounts) % 2, "SMB", None), mornings),
            "risk": np.repeat(risk, mornings),
        }
    )


def predictions(labels: pd.DataFrame, **scores: object) -> pd.DataFrame:
    index = labels[["account_id", "as_of", "target"]]
    return pd.concat([index.assign(model=m, score=np.asarray(s)) for m, s in scores.items()])


def chance(eta: pd.Series) -> pd.Series:
    return 1 / (1 + np.exp(-eta))


LABELS = company(1)
NOISE = np.random.default_rng(2).normal(size=len(LABELS))
SCORES = {
    "model": chance(LABELS["risk"]),
    "rival": chance(0.2 * LABELS["risk"] + NOISE - 1),
    "rule": (LABELS["risk"] + 2 * NOISE).round(),
}


def duel(
    labels: pd.DataFrame = LABELS, settings: ComparisonSettings = SETTINGS, **scores: object
) -> Comparison:
    given = {model: kind for model, kind in KINDS.items() if model in scores}
    return compare(predictions(labels, **scores), labels, given, settings, share=0.1)


def all_rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["by"] == "all"].drop(columns=["by", "slice", "target"])


def test_the_figures_on_all_rows_are_those_of_the_metrics():
    found = all_rows(duel(**SCORES).metrics).set_index(["model", "metric"])
    y, w = LABELS["outcome"], LABELS["weight"]
    for model, score in SCORES.items():
        at = found.loc[model]
        assert at.loc["auc", "value"] == pytest.approx(auc(score, y, w))
        caught = arr_caught_at(0.1, score, y, LABELS["arr"], w)
        assert at.loc["arr_caught", "value"] == pytest.approx(caught)
        assert (at["low"] <= at["value"]).all() and (at["value"] <= at["high"]).all()
    assert found.loc[("model", "log_loss"), "value"] == pytest.approx(
        log_loss(SCORES["model"], y, w)
    )
    assert ("rule", "log_loss") not in found.index


def test_true_probabilities_are_better_than_noise_and_the_sentence_says_by_how_much():
    result = duel(**SCORES)
    assert result.verdict("churn", "model", "rival") == "better"
    assert result.verdict("churn", "rival", "model") == "worse"
    pairs = all_rows(result.pairs).set_index(["model", "against", "metric"])
    assert pairs.loc[("model", "rival", "log_loss"), "primary"]
    assert pairs.loc[("model", "rule", "arr_caught"), "primary"]
    assert not pairs.loc[("model", "rule", "auc"), "primary"]
    assert pairs.loc[("model", "rival", "log_loss"), "reason"].startswith("log-loss 0.")
    assert "(95 %: -0." in pairs.loc[("model", "rival", "log_loss"), "reason"]


@pytest.mark.parametrize("seed", range(3))
def test_swapping_two_scorers_flips_the_verdict_exactly(seed):
    labels = company(seed)
    noise = np.random.default_rng(seed).normal(size=len(labels))
    a, b = chance(labels["risk"] / 2), chance(noise - 1)
    there, back = duel(labels, model=a, rival=b), duel(labels, model=b, rival=a)
    rename = {"model": "rival", "rival": "model"}
    mirrored = back.pairs.replace({"model": rename, "against": rename})
    keys = ["by", "slice", "model", "against", "metric"]
    pd.testing.assert_frame_equal(
        there.pairs.sort_values(keys, ignore_index=True),
        mirrored.sort_values(keys, ignore_index=True),
        check_exact=True,
    )
    turned = {"better": "worse", "worse": "better", "cannot tell": "cannot tell"}
    assert (
        there.verdict("churn", "model", "rival") == turned[there.verdict("churn", "rival", "model")]
    )


def test_identical_scorers_cannot_be_told_apart():
    result = duel(model=SCORES["model"], rival=SCORES["model"], rule=SCORES["model"])
    assert set(result.pairs["verdict"]) == {"cannot tell"}
    assert (result.pairs["difference"] == 0).all()


def test_the_order_of_rows_changes_nothing():
    mixed = LABELS.sample(frac=1, random_state=3)
    scored = predictions(LABELS, **SCORES)
    other = compare(scored.sample(frac=1, random_state=4), mixed, KINDS, SETTINGS, share=0.1)
    for name, frame in vars(duel(**SCORES)).items():
        pd.testing.assert_frame_equal(getattr(other, name), frame, check_exact=True)


def test_rows_that_one_scorer_does_not_know_are_left_out_for_all_and_counted():
    unknown = LABELS["account_id"] < "a020"
    partly = SCORES | {"rule": SCORES["rule"].mask(unknown)}
    found = duel(**partly)
    counts = all_rows(found.counts).iloc[0]
    assert (counts["rows"], counts["left_out"]) == (len(LABELS) - 80, 80)
    known = LABELS[~unknown]
    alone = duel(known, **{model: score[~unknown] for model, score in SCORES.items()})
    for frame in ("metrics", "pairs"):
        mine = getattr(found, frame).query("by == 'all'")
        values = [c for c in ("value", "difference") if c in mine]
        theirs = getattr(alone, frame).query("by == 'all'")
        np.testing.assert_allclose(mine[values], theirs[values])


def test_a_scorer_that_knows_no_row_is_named_and_does_not_empty_the_duel():
    result = duel(**(SCORES | {"rule": np.full(len(LABELS), np.nan)}))
    counts = all_rows(result.counts).iloc[0]
    assert (counts["unscored"], counts["left_out"]) == ("rule", 0)
    assert set(result.metrics["model"]) == {"model", "rival"}
    assert result.verdict("churn", "model", "rule") == "cannot tell"


def test_too_few_outcomes_give_no_verdict_but_the_reason():
    few = LABELS.assign(outcome=LABELS["account_id"].isin(["a001", "a002"]))
    pairs = duel(few, **SCORES).pairs
    assert set(pairs["verdict"]) == {"cannot tell"}
    assert pairs["reason"].iloc[0] == "only 2 accounts with the outcome, 5 are needed"


def test_unknown_amounts_take_no_part_in_money_and_all_in_the_rest():
    half = LABELS["account_id"] < "a075"
    found = all_rows(duel(LABELS.assign(arr=LABELS["arr"].mask(half)), **SCORES).metrics)
    values = found.set_index(["model", "metric"])["value"]
    y, w = LABELS["outcome"], LABELS["weight"]
    assert values["model", "auc"] == pytest.approx(auc(SCORES["model"], y, w))
    known = arr_caught_at(0.1, SCORES["model"][~half], y[~half], LABELS["arr"][~half], w[~half])
    assert values["model", "arr_caught"] == pytest.approx(known)
    nothing = duel(LABELS.assign(arr=np.nan), **SCORES)
    assert nothing.verdict("churn", "model", "rule") == "cannot tell"
    reasons = all_rows(nothing.pairs).set_index(["model", "against", "metric"])["reason"]
    assert reasons["model", "rule", "arr_caught"] == "ARR caught cannot be computed on these rows"


def test_slices_by_lead_terms_and_segment_hold_their_own_rows():
    scored = predictions(LABELS, **SCORES)
    result = compare(scored, LABELS, KINDS, SETTINGS, share=0.1, by=["segment"])
    rows = result.counts.set_index(["by", "slice"])["rows"].to_dict()
    assert rows == {
        ("all", "all"): 600,
        ("lead", "0–30"): 300,
        ("lead", "31–60"): 150,
        ("lead", "61–90"): 150,
        ("terms", "contract"): 400,
        ("terms", "month_to_month"): 200,
        ("segment", "SMB"): 300,
    }
    lead = result.metrics.query("slice == '61–90' and metric == 'auc' and model == 'model'")
    first = LABELS["days_to_due"].eq(61)
    assert lead["value"].item() == pytest.approx(
        auc(SCORES["model"][first], LABELS["outcome"][first])
    )


def test_predicted_stands_beside_actual_by_month():
    labels = company(1, accounts=4, mornings=2).assign(outcome=[True, True] + [False] * 6)
    result = duel(labels, model=[0.5, 1, 0.5, 0, 0, 0, 0, 0])
    months = result.months.set_index("month")
    january = months.loc["2025-01"]
    assert (january["rows"], january["predicted"], january["actual"]) == (4, 1.0, 1)
    assert (january["low"], january["high"]) == (0, 2)
    assert january["predicted_weighted"] == pytest.approx(0.5)
    february = months.loc["2025-02"]
    assert (february["predicted"], february["low"], february["high"]) == (1.0, 1, 1)
    assert february["inside"]


def test_the_interval_of_a_month_is_that_of_the_binomial_when_all_chances_are_equal():
    labels = company(1, accounts=200, mornings=1)
    month = duel(labels, model=np.full(200, 0.1)).months.iloc[0]
    numbers = np.arange(201)
    middle = binom.cdf(numbers, 200, 0.1) - binom.pmf(numbers, 200, 0.1) / 2  # mid-P
    inside = numbers[(middle >= 0.025) & (middle <= 0.975)]
    assert (month["low"], month["high"]) == (inside[0], inside[-1])


def test_the_same_figures_are_plain_json():
    plain = duel(**SCORES).to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert set(plain) == {"counts", "metrics", "pairs", "calibration", "months"}
    value = next(m["value"] for m in plain["metrics"] if m["metric"] == "auc")
    assert value == round(value, 6)


def test_what_cannot_be_compared_is_refused():
    scored = predictions(LABELS, **SCORES)
    with pytest.raises(UnknownScorer, match="rule: predictions hold"):
        compare(scored, LABELS, {"model": "probability", "rival": "rule"}, SETTINGS, share=0.1)
    open_ = LABELS.assign(outcome=LABELS["outcome"].astype("boolean").where(LABELS.index > 2))
    with pytest.raises(NotSettled, match="3 of 600 rows of churn"):
        compare(scored, open_, KINDS, SETTINGS, share=0.1)
    with pytest.raises(NotSettled, match="two scores"):
        compare(pd.concat([scored, scored]), LABELS, KINDS, SETTINGS, share=0.1)


@pytest.mark.parametrize(
    ("leaf", "value"), [("rules_primary", "log_loss"), ("leads", (0, 0)), ("primary", "f1")]
)
def test_settings_that_make_no_sense_are_refused(leaf, value):
    with pytest.raises(ValidationError):
        ComparisonSettings(**(SETTINGS.model_dump() | {leaf: value}))


LISTS = table("""
    account_id model health expected
    a          .9    80     agree            <- on both lists
    b          .8    10     model_riskier
    c          .1    70     health_riskier
    d          .2    20     agree            <- on neither
    e          .99   -      unknown          <- takes nobody's place on a list
    f          .2    70     agree            <- tied with c, which comes first
""")


def test_agreement_compares_the_accounts_that_each_would_list():
    index = pd.Index(LISTS["account_id"])
    model, health = (
        pd.Series(LISTS[name].astype(float).to_numpy(), index=index) for name in ("model", "health")
    )
    found = agreement(model, health, share=0.4)
    assert found.tolist() == LISTS["expected"].tolist()
    turned = {"model_riskier": "health_riskier", "health_riskier": "model_riskier"}
    mirrored = agreement(health, model, share=0.4)
    assert mirrored.replace(turned).tolist() == found.tolist()


def test_each_morning_has_its_own_list():
    index = pd.MultiIndex.from_product([["a", "b"], ["1", "2"]], names=["account_id", "as_of"])
    model = pd.Series([0.9, 0.1, 0.8, 0.2], index=index)
    health = pd.Series([9.0, 9.0, 1.0, 1.0], index=index)
    found = agreement(model, health, share=0.5)
    assert found.tolist() == ["agree", "health_riskier", "agree", "model_riskier"]
    assert agreement(model.iloc[:0], health.iloc[:0], share=0.5).empty
