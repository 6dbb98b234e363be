"""Columns that know the outcome are found; honest ones, however strong, are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models import echoes
from models.evidence import arrange
from tests.models.gated import LEADS, SETTINGS, Gated, company


@pytest.fixture(scope="module")
def small() -> Gated:
    return company()


def found(small: Gated, values: object, probe: str) -> bool:
    told = arrange(small.with_column(values).features, small.rows, LEADS)
    return any(one.found for one in getattr(echoes, probe)("planted", told, SETTINGS))


def chosen(small: Gated, share: float, seed: int = 0) -> np.ndarray:
    """Whether a row's account is among a drawn share."""
    codes = pd.factorize(small.features.index.get_level_values("account_id"))[0]
    return (np.random.default_rng(seed).random(codes.max() + 1) < share)[codes]


def test_a_column_that_is_the_outcome_with_noise_is_too_good(small):
    noise = np.random.default_rng(0).normal(0, 0.4, len(small.features))
    assert found(small, small.told().fillna(0) + noise, "too_good")
    assert found(small, -(small.told().fillna(0) + noise), "too_good")


def test_a_strong_honest_column_is_not(small):
    noise = np.random.default_rng(0).normal(0, 1.0, len(small.features))
    assert not found(small, small.told().fillna(0) + noise, "too_good")


def test_a_value_that_means_the_outcome_is_an_echo_wherever_it_lies(small):
    codes = np.random.default_rng(0).integers(0, 5, len(small.features)) * 2.0
    told = np.where(small.told().eq(1) & chosen(small, 0.4), 5.0, codes)
    assert found(small, told, "echo")
    assert not found(small, codes, "echo")


def test_text_and_missing_values_may_be_echoes(small):
    gone = small.told().eq(1) & chosen(small, 0.5)
    assert found(small, np.where(gone, "Former", "SMB"), "echo")
    assert found(small, np.where(gone, np.nan, 1.0), "echo")


def test_a_flag_at_which_the_outcome_is_six_times_as_likely_is_no_echo(small):
    rng = np.random.default_rng(0)
    share = np.where(small.told().eq(1), 0.4, 0.1)
    assert not found(small, (rng.random(len(share)) < share).astype(float), "echo")


@pytest.mark.parametrize("count", [4, 7])
def test_a_handful_of_accounts_is_no_evidence(small, count):
    lost = small.rows.loc[small.rows["outcome"], "account_id"].unique()[:count]
    mine = small.features.index.get_level_values("account_id").isin(lost)
    assert not found(small, (mine & small.told().eq(1)).astype(float), "echo")


def test_chance_is_no_echo_where_the_outcome_falls_due_at_some_leads_only():
    large = company(accounts=1200)
    soon = large.rows["days_to_due"] <= 30
    rows = large.rows.assign(outcome=large.rows["outcome"] & soon)
    rng = np.random.default_rng(1)
    for _ in range(5):
        noise = rng.poisson(1.5, len(large.features)).astype(float)
        told = arrange(large.with_column(noise).features, rows, LEADS)
        assert not any(one.found for one in echoes.echo("planted", told, SETTINGS))
