"""Noise must not look like skill, also where an account is seen on several mornings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from models import duel
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
    drawn = duel.draws(units.max() + 1, SETTINGS)
    kinds: dict[str, duel.Kind] = {"one": "probability", "other": kind}
    found = duel.figures(rows, scores, kinds, drawn, units, share=0.3)
    pairs = duel.pairs(found, kinds, SETTINGS, left.sum(), (~left).sum())
    return next(p["verdict"] for p in pairs if p["primary"]) != duel.CANNOT_TELL


def at_most(worlds: int) -> float:
    """Claims that a rate of 7.5 % exceeds in one test of a hundred."""
    return binom.ppf(0.99, worlds, 0.075)


@pytest.mark.parametrize("kind", ["probability", "rule"])
def test_on_noise_a_difference_is_claimed_at_most_at_the_nominal_rate(kind):
    assert sum(claimed(world, kind, clustered=True) for world in range(80)) <= at_most(80)


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
