"""How well a column separates, compared at the same lead only, and how sure that is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import metrics
from models.evidence import Told, arrange
from models.separation import EVERY, hanley_mcneil, separation
from tests.models.gated import LEADS, SETTINGS, company


@pytest.fixture(scope="module")
def told() -> Told:
    small = company(accounts=150)
    return arrange(small.features, small.rows, LEADS)


def test_in_a_band_it_is_the_weighted_auc(told):
    values = told.features["events_28d"].to_numpy()
    at = told.band == 1
    found = separation(values, told, SETTINGS)[1]
    assert found.auc == pytest.approx(metrics.auc(values[at], told.outcome[at], told.weight[at]))


def test_rows_at_different_leads_are_never_compared(told):
    rng = np.random.default_rng(1)
    early = np.where(told.band == 0, told.outcome, rng.random(len(told.outcome)) < 0.5)
    biased = replace(told, outcome=early.astype(bool))
    found = separation(biased.band.astype(float), biased, SETTINGS)
    assert found[EVERY].auc == pytest.approx(0.5)


def test_repeating_the_rows_of_an_account_makes_nothing_surer(told):
    values = told.features["events_28d"].to_numpy()
    once = separation(values, told, SETTINGS)[EVERY]
    tripled = Told(
        told.features,
        np.tile(told.outcome, 3),
        np.tile(told.weight, 3),
        np.tile(told.account, 3),
        np.tile(told.band, 3),
        told.leads,
    )
    again = separation(np.tile(values, 3), tripled, SETTINGS)[EVERY]
    assert again.auc == pytest.approx(once.auc)
    assert again.error == pytest.approx(once.error)


def test_the_error_is_that_of_accounts_and_not_of_rows(told):
    rng = np.random.default_rng(2)
    lost = rng.random(told.accounts) < 0.3
    lasting = replace(told, outcome=lost[told.account])
    values = rng.random(told.accounts)[told.account]
    found = separation(values, lasting, SETTINGS)[EVERY]
    assert found.error == pytest.approx(hanley_mcneil(0.5, lost.sum(), (~lost).sum()), rel=0.15)


def test_a_perfect_column_among_few_accounts_is_no_certainty(told):
    lost = np.flatnonzero(np.bincount(told.account, told.outcome) > 0)[:10]
    few = replace(told, outcome=told.outcome & np.isin(told.account, lost))
    found = separation(few.outcome.astype(float), few, SETTINGS)[EVERY]
    assert found.auc == pytest.approx(1)
    assert found.auc - SETTINGS.errors * found.error < found.limit


def test_below_the_least_number_of_accounts_nothing_is_said(told):
    lost = np.flatnonzero(np.bincount(told.account, told.outcome) > 0)[:9]
    few = replace(told, outcome=told.outcome & np.isin(told.account, lost))
    assert separation(few.outcome.astype(float), few, SETTINGS) == {}
