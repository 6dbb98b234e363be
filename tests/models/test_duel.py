"""Noise must not look like skill, also where an account is seen on several mornings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from models import drawn, duel
from models.duel import ComparisonSettings

SETTINGS = ComparisonSettings(
    primary="log_loss",
    rules_primary="arr_caught",
    draws=400,
    seed=5,
    min_outcomes=5,
    leads=(0, 31),
)
ACCOUNTS, MORNINGS = 50, 5


def claimed(world: int, kind: duel.Kind, clustered: bool) -> bool:
    """Whether a difference is claimed between two scorers of noise that stick to accounts."""
    rng = np.random.default_rng(1000 + world)
    each = np.repeat(np.arange(ACCOUNTS), MORNINGS)
    left = rng.random(ACCOUNTS) < 0.35
    eta = rng.normal(-0.6, 0.7, (2, ACCOUNTS))
    scores = pd.DataFrame((1 / (1 + np.exp(-eta)))[:, each].T, columns=["one", "other"])
    arr = rng.lognormal(9, 0.5, ACCOUNTS)[each]
    rows = pd.DataFrame({"outcome": left[each], "weight": 1 / MORNINGS, "arr": arr})
    units = each if clustered else np.arange(len(each))
    chosen = duel.draws(units.max() + 1, SETTINGS)
    kinds: dict[str, duel.Kind] = {"one": "probability", "other": kind}
    found = duel.figures(rows, scores, kinds, chosen, units, share=0.3)
    pairs = duel.pairs(found, kinds, SETTINGS, left.sum(), (~left).sum())
    return next(p["verdict"] for p in pairs if p["primary"]) != duel.CANNOT_TELL


def at_most(worlds: int) -> float:
    """Claims that a rate of 7.5 % exceeds in one test of a hundred."""
    return binom.ppf(0.99, worlds, 0.075)


@pytest.mark.parametrize("kind", ["probability", "rule"])
def test_on_noise_a_difference_is_claimed_at_most_at_the_nominal_rate(kind):
    assert sum(claimed(world, kind, clustered=True) for world in range(80)) <= at_most(80)


def test_on_noise_the_bins_of_many_rows_claim_no_more(monkeypatch):
    monkeypatch.setattr(duel, "BINNED", 0)
    assert sum(claimed(world, "probability", clustered=True) for world in range(40)) <= at_most(40)


def many(accounts: int, mornings: int = 3) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Rows of accounts on some mornings, a probability and a coarse rule, the account of each."""
    rng = np.random.default_rng(11)
    each = np.repeat(np.arange(accounts), mornings)
    eta = rng.normal(-2, 1, accounts)
    left = rng.random(accounts) < 1 / (1 + np.exp(-eta))
    noisy = eta[each] + rng.normal(0, 0.5, len(each))
    scores = pd.DataFrame({"one": 1 / (1 + np.exp(-noisy)), "other": np.round(3 * noisy)})
    arr = rng.lognormal(9, 1, accounts)
    arr[::7] = np.nan
    rows = pd.DataFrame({"outcome": left[each], "weight": 1 / mornings, "arr": arr[each]})
    return rows, scores, each


def drawn_figures(accounts: int) -> dict[tuple[str, str], np.ndarray]:
    """Each figure of `many` rows, and the two ends of its interval."""
    rows, scores, each = many(accounts)
    kinds: dict[str, duel.Kind] = {"one": "probability", "other": "rule"}
    units = duel.units(each, SETTINGS)
    found = duel.figures(rows, scores, kinds, duel.draws(units.max() + 1, SETTINGS), units, 0.1)
    return {
        (model, metric): np.array([values[0], *duel.interval(values, accounts)])
        for model, figures in found.items()
        for metric, values in figures.items()
    }


@pytest.mark.parametrize(("bins", "off"), [(30, 0.08), (drawn.BINS, 0.05)])
def test_the_bins_of_many_rows_change_no_figure_and_hardly_an_interval(bins, off, monkeypatch):
    monkeypatch.setattr(duel, "BINNED", 10**9)
    exact = drawn_figures(900)
    monkeypatch.setattr(duel, "BINNED", 0)
    monkeypatch.setattr(drawn, "BINS", bins)
    for key, (value, low, high) in drawn_figures(900).items():
        assert value == pytest.approx(exact[key][0], rel=1e-12), key
        width = exact[key][2] - exact[key][1]
        assert [low, high] == pytest.approx(exact[key][1:].tolist(), abs=off * width), key


def test_many_accounts_are_drawn_in_groups_and_the_intervals_are_as_wide(monkeypatch):
    monkeypatch.setattr(duel, "EACH", 10**9)
    alone = drawn_figures(3000)
    monkeypatch.setattr(duel, "EACH", 1000)
    for key, (value, low, high) in drawn_figures(3000).items():
        assert value == pytest.approx(alone[key][0], rel=1e-12), key
        assert high - low == pytest.approx(alone[key][2] - alone[key][1], rel=0.25), key


def test_an_account_stays_in_one_group_and_few_accounts_are_their_own():
    each = np.repeat(np.arange(3000), 2)
    units = duel.units(each, SETTINGS)
    assert len(np.unique(units)) == duel.GROUPS
    assert (units[::2] == units[1::2]).all()
    assert np.bincount(units[::2]).max() - np.bincount(units[::2]).min() <= 1
    np.testing.assert_array_equal(duel.units(each[:1000], SETTINGS), each[:1000])


def test_drawing_rows_instead_of_accounts_would_claim_far_more():
    drawn = sum(claimed(world, "probability", clustered=False) for world in range(30))
    assert drawn > at_most(30)


def test_an_interval_turns_round_with_its_sign_to_the_last_bit():
    drawn = np.random.default_rng(1).normal(size=201)
    low, high = duel.interval(drawn, 50)
    assert duel.interval(-drawn, 50) == (-high, -low)
    assert low < high


def test_an_interval_is_unknown_when_over_a_tenth_of_the_draws_are():
    drawn = np.arange(101.0)
    drawn[5:15] = np.nan
    assert np.isfinite(duel.interval(drawn, 50)).all()
    drawn[15] = np.nan
    assert np.isnan(duel.interval(drawn, 50)).all()


def test_few_accounts_widen_the_interval_and_one_has_none():
    drawn = np.random.default_rng(1).normal(size=2001)
    widths = [np.ptp(duel.interval(drawn, accounts)) for accounts in (1000, 50, 10)]
    assert widths == sorted(widths)
    assert widths[0] == pytest.approx(2 * 1.96, rel=0.05)
    assert np.isnan(duel.interval(drawn, 1)).all()


def test_scorers_that_differ_by_the_rounding_of_a_fit_cannot_be_told_apart():
    doubt = None
    assert duel._verdict("log_loss", 0.4, 0.4 - 2e-7, (1e-7, 3e-7), doubt)[0] == duel.CANNOT_TELL
    assert duel._verdict("log_loss", 0.4, 0.4 - 2e-3, (1e-3, 3e-3), doubt)[0] == duel.WORSE


def test_a_scorer_that_says_the_same_of_everyone_lists_nobody_and_is_neither_better_nor_worse():
    draw = np.random.default_rng(0)
    halves = {"auc": np.full(50, 0.5), "arr_caught": draw.normal(0.9, 0.01, 50)}
    rule = {"auc": draw.normal(0.6, 0.01, 50), "arr_caught": draw.normal(0.1, 0.01, 50)}
    kinds = {"model": "probability", "health": "rule"}
    for told in duel.pairs({"model": halves, "health": rule}, kinds, SETTINGS, 50, 50):
        assert told["verdict"] == duel.CANNOT_TELL
        assert told["reason"] == "model says the same of everyone, and so lists nobody"
