"""What training promises: it learns what is there, claims nothing that is not, sees no future."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit, ndtri

from models import metrics, outoffold
from models.bundle import save
from models.encoding import MissingColumns
from models.folds import Fold
from models.ladder import train
from models.rows import TrainingRows, training_rows
from models.rungs import BASE_RATE, BLEND, LINEAR, SEARCH
from models.search import RANGES
from tests.models.fitted import blend
from tests.models.panel import FAMILIES, GAP_DAYS, SETTINGS, SIGNS, Churn, panel


def learn(features, labels, **changed):
    given = {
        "name": "churn",
        "target": Churn(),
        "settings": SETTINGS,
        "signs": SIGNS,
        "seed": 1,
        "gap_days": GAP_DAYS,
        "families": FAMILIES,
    }
    return train(features, labels, **(given | changed))


def first_positives(labels, count):
    """Labels with all but the first `count` positives turned negative, however drawn."""
    positive = np.flatnonzero(labels["outcome"])
    kept = labels.copy()
    kept.iloc[np.random.default_rng(0).permutation(positive)[count:], 0] = False
    return kept


RUNGS = SETTINGS.model_dump()["rungs"]


def with_settings(**changed):
    return SETTINGS.model_validate(SETTINGS.model_dump() | changed)


def test_a_known_signal_is_learnt_and_pays_on_later_accounts():
    fresh = panel(2000, mornings=1, seed=9)
    p = blend().predict(fresh.features)
    outcome = fresh.labels["outcome"]
    base = np.full(len(p), blend().report["base_rate"])
    assert blend().rung == BLEND
    assert metrics.auc(p, outcome) > 0.9 * (metrics.auc(fresh.truth, outcome) - 0.5) + 0.5
    assert metrics.log_loss(p, outcome) < metrics.log_loss(base, outcome) - 0.05
    assert abs(p.mean() - fresh.truth.mean()) < 0.03


def test_pure_noise_is_seldom_believed_and_costs_next_to_nothing():
    believed, paid = 0, []
    for seed in range(8):
        noise, fresh = panel(150, seed=seed, signal=0), panel(1000, 1, seed=99 + seed, signal=0)
        model = learn(noise.features, noise.labels)
        base = np.full(len(fresh.labels), noise.labels["outcome"].mean())
        outcome = fresh.labels["outcome"]
        losses = [metrics.log_loss(p, outcome) for p in (model.predict(fresh.features), base)]
        believed += model.rung != BASE_RATE
        paid.append(losses[0] - losses[1])
    assert believed <= 1
    assert np.mean(paid) < 0.001 and max(paid) < 0.01


def test_signs_that_agree_with_few_outcomes_keep_what_the_folds_alone_would_not():
    world = panel(60, seed=7, signal=0.5)
    labels = first_positives(world.labels, 16)
    model = learn(world.features, labels)
    assert model.report["oof_gain"] < 0 and model.report["declared_signs"] > 3
    assert model.rung == LINEAR
    fresh = panel(2000, mornings=1, seed=9, signal=0.5)
    assert metrics.auc(model.predict(fresh.features), fresh.labels["outcome"]) > 0.6
    unbound = learn(world.features, labels, target=Churn(monotone=False))
    assert unbound.rung == BASE_RATE and unbound.report["declared_signs"] is None


def test_what_other_accounts_teach_of_their_time_and_later_mornings_refute_is_not_kept():
    rates = np.array([0.25, 0.25, 0.25, 0.02, 0.02, 0.25, 0.02, 0.02])  # of eight months
    labels = panel(60).labels
    month = labels.index.get_level_values("as_of").month.to_numpy()
    labels = labels.assign(outcome=np.random.default_rng(2).random(len(month)) < rates[month - 1])
    features = pd.DataFrame({"month": month.astype(float)}, index=labels.index)
    by_account = with_settings(folds=SETTINGS.folds.model_dump() | {"forward_from": 10_000})
    told = {"target": Churn(monotone=False), "families": {"time": ["month"]}}
    model = learn(features, labels, settings=by_account, **told)
    assert model.report["oof_gain"] > 2 * model.report["oof_gain_error"]
    assert model.report["later_gain"] < -model.report["later_gain_error"]
    assert model.rung == BASE_RATE and "later mornings" in model.report["why"]


def test_out_of_fold_log_loss_beats_the_base_rate_and_is_reported_by_fold():
    report, oof = blend().report, blend().oof
    assert report["oof_log_loss"] < report["oof_log_loss_base_rate"] - 0.02
    assert report["oof_auc"] > 0.7
    assert report["folds"] == "walk-forward"
    assert [fold["test_rows"] for fold in report["per_fold"]] == list(oof.groupby("fold").size())
    assert oof["probability"].between(0, 1).all()


def test_too_few_outcomes_give_the_base_rate_and_say_so():
    world = panel(100)
    model = learn(world.features, first_positives(world.labels, 6))
    assert model.rung == BASE_RATE
    assert "6 positives" in model.report["why"]
    assert model.predict(world.features).to_numpy() == pytest.approx(6 / 800)
    bounds = model.interval(world.features)
    assert (bounds["low"] < 6 / 800).all() and (bounds["high"] > 6 / 800).all()


def test_who_says_the_same_of_everyone_knows_how_far_from_it_anyone_may_be():
    world = panel(100)
    model = learn(world.features, first_positives(world.labels, 6))
    ends = model.interval(world.features)
    reach = ndtri(0.9) * SETTINGS.interval.unlearnt
    assert (logit(ends["high"]) > logit(6 / 800) + reach).all()
    assert (logit(ends["low"]) < logit(6 / 800) - reach).all()
    certain = dataclasses.replace(model, unlearnt=0.0)
    assert (certain.interval(world.features)["high"] < ends["high"]).all()
    assert certain.sum_deviation(world.features) == model.sum_deviation(world.features)


def test_a_row_that_several_dealings_judge_counts_once():
    world = panel(100, signal=3.0)
    few = with_settings(folds=SETTINGS.folds.model_dump() | {"forward_from": 100})
    model = learn(world.features, first_positives(world.labels, 30), settings=few)
    assert model.report["folds"] == "by account"
    judged = model.oof.groupby(level=["account_id", "as_of"])["weight"].agg(["size", "sum"])
    assert (judged["size"] == SETTINGS.folds.dealings).all()
    assert judged["sum"].to_numpy() == pytest.approx(world.labels["weight"].to_numpy())
    assert model.report["oof_positives"] == pytest.approx(30)


def test_trees_that_find_nothing_more_to_split_have_said_their_last_word():
    world = panel(100)
    rows = training_rows(world.features, world.labels, True, SIGNS, FAMILIES)
    few, other = np.arange(30), np.arange(30, 800)
    told = outoffold.stages(
        rows, Fold(few, other, None), SETTINGS.gradient, SETTINGS.linear, 1, seed=1
    )
    assert told.by_rounds.shape == (len(SETTINGS.gradient.stages), len(other))
    assert (told.by_rounds == told.by_rounds[0]).all()


def test_no_outcome_at_all_is_no_reason_to_fail():
    world = panel(50, 3)
    model = learn(world.features, first_positives(world.labels, 0))
    assert model.rung == BASE_RATE
    assert (model.predict(world.features) < 0.001).all()


def test_a_handful_of_outcomes_gets_the_ridge_logit_alone():
    world = panel(100, signal=3.0)
    model = learn(world.features, first_positives(world.labels, 18))
    assert model.rung == LINEAR
    assert model.served.boosters == ()
    assert model.report["calibration"] == "intercept"


def test_positives_are_counted_as_the_weights_count_them():
    world = panel(100)
    shared = world.labels.assign(weight=1 / 8)
    positives = world.labels["outcome"].sum()
    model = learn(world.features, shared)
    assert model.report["positives"] == positives / 8 < SETTINGS.rungs.blend_from < positives
    assert model.report["positive_rows"] == positives
    assert model.served.boosters == ()


def test_weights_move_the_predictions():
    world = panel(100)
    heavy = world.labels.assign(weight=np.where(world.labels["outcome"], 3.0, 1.0))
    light = learn(world.features, world.labels).predict(world.features)
    assert learn(world.features, heavy).predict(world.features).mean() > light.mean() + 0.15


def test_each_fold_learns_only_what_was_settled_when_it_began():
    oof = blend().oof
    for number, fold in enumerate(blend().report["per_fold"]):
        judged = oof[oof["fold"] == number].index.get_level_values("as_of")
        assert judged.min() == pd.Timestamp(fold["start"])
        mornings = panel().features.index.get_level_values("as_of")
        settled = mornings + pd.Timedelta(days=GAP_DAYS) <= pd.Timestamp(fold["start"])
        assert fold["train_rows"] == settled.sum()


def test_outcomes_not_settled_when_a_fold_began_cannot_move_it():
    one_choice = with_settings(
        gradient=SETTINGS.gradient.model_dump() | {"rounds_most": 20},
        linear=SETTINGS.linear.model_dump() | {"ridge": [30.0]},
    )
    world = panel(100)
    as_of = world.features.index.get_level_values("as_of")
    before = learn(world.features, world.labels, settings=one_choice)
    start = pd.Timestamp(before.report["per_fold"][1]["start"])
    settled = np.asarray(as_of + pd.Timedelta(days=GAP_DAYS) <= start)
    draw = np.random.default_rng(0)
    dealt_anew = world.labels.groupby("as_of")["outcome"].transform(draw.permutation)

    def fold_with(changed):
        outcome = world.labels["outcome"].where(~changed, dealt_anew)
        oof = learn(world.features, world.labels.assign(outcome=outcome), settings=one_choice).oof
        return oof.loc[oof["fold"] == 1, ["logit_trees", "logit_linear"]]

    untouched = before.oof.loc[before.oof["fold"] == 1, ["logit_trees", "logit_linear"]]
    pd.testing.assert_frame_equal(fold_with(~settled), untouched, check_exact=True)
    assert not fold_with(settled).equals(untouched)


def test_too_short_a_history_is_judged_by_other_accounts():
    world = panel(200, mornings=2)
    model = learn(world.features, world.labels)
    assert model.report["folds"] == "by account"
    assert not model.oof["seen"].any()
    assert len(model.oof) == len(world.labels)
    assert model.report["oof_auc_seen"] is None


def test_more_of_what_is_bad_never_lowers_the_probability():
    world = panel(60, 1, seed=5)
    for column, sign in SIGNS.items():
        grid = np.quantile(panel().features[column].dropna(), np.linspace(0, 1, 15))
        at = [blend().predict(world.features.assign(**{column: value})) for value in grid]
        steps = np.diff(np.array(at), axis=0) * sign
        assert (steps >= -1e-12).all(), column
        assert (steps > 1e-6).any(), column


def test_signs_bind_only_where_the_target_is_monotone():
    world = panel(150)
    bound = learn(world.features, world.labels)
    assert bound.signs.items() <= SIGNS.items() and bound.signs
    assert learn(world.features, world.labels, target=Churn(monotone=False)).signs == {}


def test_a_sign_that_the_data_contradict_does_not_bind_and_is_named():
    world = panel(150)
    strong = "active_users_28d"
    wrong = SIGNS | {strong: -SIGNS[strong]}
    model = learn(world.features, world.labels, signs=wrong)
    assert strong not in model.signs and strong in model.report["contradicted"]
    assert model.report["oof_auc"] > 0.7


def test_with_outcomes_enough_no_sign_binds():
    world = panel(150)
    settings = with_settings(rungs={**RUNGS, "unbound_from": 2})
    assert learn(world.features, world.labels, settings=settings).signs == {}


def test_with_outcomes_enough_the_trees_settings_are_searched_for():
    world = panel(150)
    model = learn(
        world.features, world.labels, settings=with_settings(rungs={**RUNGS, "search_from": 20})
    )
    assert model.rung == SEARCH
    assert set(model.report["trees"]) == set(RANGES)
    if model.report["search_gain"] <= model.report["search_gain_error"]:
        assert model.report["trees"] == SETTINGS.gradient.model_dump(include=set(RANGES))


def test_the_order_of_columns_and_rows_changes_no_bit(tmp_path):
    world = panel(100)
    shuffled = world.features.sample(frac=1, random_state=3)[world.features.columns[::-1]]
    one = learn(world.features, world.labels)
    other = learn(shuffled, world.labels.sample(frac=1, random_state=4))
    save(one, tmp_path / "one", about={})
    save(other, tmp_path / "other", about={})
    assert (tmp_path / "one" / "MANIFEST.json").read_bytes() == (
        tmp_path / "other" / "MANIFEST.json"
    ).read_bytes()
    assert one.predict(world.features).equals(other.predict(shuffled).loc[world.features.index])


def test_a_row_alone_has_the_bits_it_has_among_others():
    features = panel(40, 1, seed=3).features
    together = blend().predict(features).to_numpy()
    alone = [blend().predict(features.iloc[[at]]).iloc[0] for at in range(len(features))]
    assert together.tolist() == alone


def test_one_and_two_threads_and_a_second_run_give_the_same_bytes(tmp_path):
    world = panel(60, 6)
    manifests = []
    for number, threads in enumerate([1, 2, 1]):
        changed = {"threads": threads, "rounds_most": 20, "seeds": 1}
        settings = with_settings(gradient=SETTINGS.gradient.model_dump() | changed)
        model = learn(world.features, world.labels, settings=settings)
        save(model, tmp_path / str(number), about={})
        manifests.append((tmp_path / str(number) / "MANIFEST.json").read_bytes())
    assert manifests[0] == manifests[1] == manifests[2]


def test_another_seed_gives_another_model():
    world = panel(100)
    one, other = (learn(world.features, world.labels, seed=seed) for seed in (1, 2))
    assert not one.predict(world.features).equals(other.predict(world.features))


def test_the_interval_holds_the_probability_and_widens_with_the_level():
    features = panel(100, 1, seed=3).features
    p, narrow, wide = (
        blend().predict(features),
        blend().interval(features, 0.5),
        blend().interval(features, 0.9),
    )
    assert ((narrow["low"] <= p) & (p <= narrow["high"])).all()
    assert (wide["low"] < narrow["low"]).all() and (wide["high"] > narrow["high"]).all()


def test_resampled_fits_that_disagree_widen_the_interval():
    features = panel(100, 1, seed=3).features
    calibration_alone, stretched = (
        dataclasses.replace(blend(), **changed).interval(features)
        for changed in ({"resampled": ()}, {"widen": 3.0})
    )
    both = blend().interval(features)
    assert (calibration_alone["low"] > both["low"]).all()
    assert (stretched["low"] < both["low"]).all() and (stretched["high"] > both["high"]).all()


def test_fewer_accounts_know_less():
    small = learn(*_pair(60)).interval(panel(100, 1, seed=3).features)
    large = blend().interval(panel(100, 1, seed=3).features)
    assert (small["high"] - small["low"]).mean() > 1.3 * (large["high"] - large["low"]).mean()


def _pair(accounts):
    world = panel(accounts)
    return world.features, world.labels


def test_an_empty_frame_gives_an_empty_series():
    empty = panel(10, 1).features.iloc[:0]
    assert blend().predict(empty).empty
    assert list(blend().interval(empty).columns) == ["low", "high"]


def test_a_missing_column_is_named():
    features = panel(10, 1).features.drop(columns="arr")
    with pytest.raises(MissingColumns, match=r"1 missing column: \['arr'\] \| 5 available: \["):
        blend().predict(features)


def test_an_unseen_category_is_counted_and_scored_as_missing():
    features = panel(10, 1).features
    gold = features.assign(industry="mining")
    assert blend().unseen(gold) == {"industry": 10}
    assert blend().predict(gold).equals(blend().predict(features.assign(industry=None)))


def test_columns_that_no_account_has_are_carried_as_missing():
    world = panel(100)
    features = world.features.assign(csat_91d=np.nan, plan=None)
    model = learn(features, world.labels)
    later = features.assign(csat_91d=3.0, plan="pro")
    assert model.predict(features).equals(model.predict(later))


def test_labels_on_columns_train_as_labels_on_the_index():
    world = panel(100)
    flat = world.labels.reset_index()
    one, other = learn(world.features, world.labels), learn(world.features, flat)
    assert one.predict(world.features).equals(other.predict(world.features))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (lambda labels: labels.iloc[:0], "no row is settled"),
        (lambda labels: labels.assign(outcome=pd.NA), "800 rows have no outcome"),
        (lambda labels: labels.assign(weight=np.nan), "800 rows have no weight"),
        (lambda labels: pd.concat([labels, labels.iloc[:1]]), "has two labels"),
        (lambda labels: labels.rename(index={"a0000": "zzz"}), "8 labels have no features"),
    ],
)
def test_labels_that_cannot_be_learnt_from_are_refused(labels, said):
    world = panel(100)
    with pytest.raises(TrainingRows, match=said):
        learn(world.features, labels(world.labels))


def test_features_given_twice_are_refused():
    world = panel(20)
    with pytest.raises(TrainingRows, match="has two rows of features"):
        learn(pd.concat([world.features, world.features.iloc[:1]]), world.labels)


def test_a_sign_on_a_text_binds_nothing():
    assert learn(*_pair(60), signs=SIGNS | {"industry": 1}).signs == SIGNS


def test_what_training_was_given_is_left_as_it_was():
    world = panel(60)
    features, labels = world.features.copy(), world.labels.copy()
    learn(world.features, world.labels)
    pd.testing.assert_frame_equal(world.features, features)
    pd.testing.assert_frame_equal(world.labels, labels)
