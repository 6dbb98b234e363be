"""Metrics against figures worked by hand, scikit-learn, and laws of ranks and weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as sklearn_log_loss

from models.metrics import (
    NoLine,
    OneClass,
    Ranking,
    arr_caught_at,
    auc,
    average_precision,
    base_rate,
    brier,
    calibration,
    calibration_line,
    lift_at,
    log_loss,
    wilson,
)


def rows(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with ties, outcomes and weights."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.uniform(0.02, 0.98, n), 2)
    return score, rng.random(n) < score, rng.uniform(0.1, 2, n)


@pytest.mark.parametrize("seed", range(5))
def test_the_figures_equal_scikit_learns_with_ties_and_weights(seed):
    score, outcome, weight = rows(seed)
    assert auc(score, outcome, weight) == pytest.approx(
        roc_auc_score(outcome, score, sample_weight=weight)
    )
    assert average_precision(score, outcome, weight) == pytest.approx(
        average_precision_score(outcome, score, sample_weight=weight)
    )
    assert log_loss(score, outcome, weight) == pytest.approx(
        sklearn_log_loss(outcome, score, sample_weight=weight)
    )
    assert brier(score, outcome, weight) == pytest.approx(
        brier_score_loss(outcome, score, sample_weight=weight)
    )
    assert base_rate(outcome, weight) == pytest.approx(np.average(outcome, weights=weight))


@pytest.mark.parametrize("seed", range(3))
def test_the_recalibration_line_is_the_logistic_regression_on_the_logit(seed):
    score, outcome, weight = rows(seed)
    logit = np.log(score / (1 - score)).reshape(-1, 1)
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    peer.fit(logit, outcome, sample_weight=weight)
    intercept, slope = calibration_line(score, outcome, weight)
    assert intercept == pytest.approx(peer.intercept_[0], abs=1e-5)
    assert slope == pytest.approx(peer.coef_[0, 0], abs=1e-5)


def test_probabilities_twice_too_extreme_on_the_logit_have_slope_one_half():
    rng = np.random.default_rng(7)
    logit = rng.normal(-1, 1, 200_000)
    outcome = rng.random(len(logit)) < 1 / (1 + np.exp(-logit))
    intercept, slope = calibration_line(1 / (1 + np.exp(-2 * logit)), outcome)
    assert slope == pytest.approx(0.5, abs=0.01)
    assert intercept == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_a_matrix_of_weights_gives_each_draw_the_figure_of_its_own_weights(seed):
    score, outcome, weight = rows(seed, 60)
    drawn = np.random.default_rng(seed).integers(0, 3, (20, 60)) * weight
    ranked = Ranking.of(score, outcome, drawn)
    lines = np.column_stack(calibration_line(score, outcome, drawn))
    for i, one in enumerate(drawn):
        assert ranked.auc()[i] == pytest.approx(auc(score, outcome, one))
        assert ranked.average_precision()[i] == pytest.approx(
            average_precision(score, outcome, one)
        )
        assert ranked.caught_at(0.2)[i] / 0.2 == pytest.approx(lift_at(0.2, score, outcome, one))
        assert log_loss(score, outcome, drawn)[i] == pytest.approx(log_loss(score, outcome, one))
        np.testing.assert_allclose(lines[i], calibration_line(score, outcome, one), atol=1e-6)


def test_a_draw_of_one_class_is_nan_while_one_class_alone_raises():
    score, outcome = [0.9, 0.2, 0.4], [True, False, False]
    drawn = np.array([[1.0, 1, 1], [0, 1, 1], [1, 0, 0]])
    assert np.isnan(Ranking.of(score, outcome, drawn).auc()).tolist() == [False, True, True]
    assert np.isnan(Ranking.of(score, outcome, drawn).average_precision()).tolist() == [
        False,
        True,
        True,
    ]
    for figure in (auc, average_precision):
        with pytest.raises(OneClass, match="3 rows, all False"):
            figure(score, [False] * 3)
    with pytest.raises(OneClass, match="no rows"):
        lift_at(0.1, [], [])
    with pytest.raises(OneClass, match="no money to catch"):
        arr_caught_at(0.1, score, outcome, [0, 9, 9])


def test_money_caught_counts_the_money_of_those_who_left_on_the_list():
    score, outcome, arr = [0.9, 0.7, 0.5, 0.3, 0.1], [1, 0, 1, 0, 1], [100, 900, 300, 900, 200]
    assert arr_caught_at(0.2, score, outcome, arr) == pytest.approx(100 / 600)
    assert arr_caught_at(0.6, score, outcome, arr) == pytest.approx(400 / 600)
    assert arr_caught_at(1.0, score, outcome, arr) == 1


def test_a_list_that_ends_among_tied_rows_takes_a_proportional_part_of_them():
    score, outcome = [3, 2, 2, 2, 2, 1, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert lift_at(0.3, score, outcome) == pytest.approx(0.5 / 0.3)


def test_flat_or_separating_probabilities_have_no_line():
    with pytest.raises(NoLine, match="4 rows"):
        calibration_line([0.5] * 4, [1, 0, 1, 0])
    with pytest.raises(NoLine):
        calibration_line([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])


def test_what_cannot_be_judged_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="1 scores and 0 values are unknown"):
        auc([0.1, np.nan], [True, False])
    with pytest.raises(ValueError, match="2, 3 and 2 rows"):
        lift_at(0.5, [0.1, 0.2], [True, False, True])
    with pytest.raises(ValueError, match=r"1\.2 is not a probability"):
        log_loss([1.2], [True])
    with pytest.raises(ValueError, match="share is 0"):
        lift_at(0, [1, 2], [True, False])


def test_certain_and_wrong_costs_much_but_not_everything():
    assert log_loss([0.0, 1.0], [True, True]) == pytest.approx(-np.log(1e-12) / 2, rel=1e-3)


def test_calibration_bands_hold_equal_weight_and_keep_equal_scores_together():
    score = np.r_[np.full(50, 0.1), np.linspace(0.2, 0.9, 50)]
    bands = calibration(score, np.arange(100) % 2, bands=4)
    assert bands["rows"].tolist() == [50, 25, 25]
    assert bands["weight"].sum() == 100
    first = bands.iloc[0]
    assert (first["low"], first["high"], first["observed"]) == (0.1, 0.1, 0.5)
    assert first["predicted"] == pytest.approx(0.1)
    assert first["observed_low"] < 0.5 < first["observed_high"]


def test_wilsons_interval_equals_the_published_example_and_covers_the_edges():
    low, high = wilson([0, 10, 81, 0], [10, 10, 263, 0])
    # Newcombe (1998), table I: 81/263 -> .2553 to .3662
    assert (round(low[2], 4), round(high[2], 4)) == (0.2553, 0.3662)
    assert low[0] == 0
    assert high[0] == pytest.approx(1 - low[1])
    assert (low[3], high[3]) == (0, 1)


ROW = st.tuples(st.integers(0, 6), st.booleans(), st.integers(1, 3))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(ROW, min_size=2, max_size=25).filter(lambda r: len({y for _, y, _ in r}) == 2),
    st.randoms(use_true_random=False),
)
def test_order_of_rows_monotone_change_of_scores_and_whole_weights_change_nothing(drawn, random):
    shuffled = list(drawn)
    random.shuffle(shuffled)
    score, outcome, weight = (np.array(x) for x in zip(*drawn, strict=True))
    score2, outcome2, weight2 = (np.array(x) for x in zip(*shuffled, strict=True))
    repeated = np.repeat(score, weight), np.repeat(outcome, weight)
    figures = [auc, average_precision, lambda *rows: lift_at(0.3, *rows)]
    for figure in figures:
        expected = figure(score, outcome, weight)
        assert figure(score2, outcome2, weight2) == pytest.approx(expected)
        assert figure(np.exp(score), outcome, weight) == pytest.approx(expected)
        assert figure(*repeated) == pytest.approx(expected)
    assert auc(-score, outcome, weight) == pytest.approx(1 - auc(score, outcome, weight))
