"""Contributions add up exactly; reasons are true sentences about what pushes a score up."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from models import explain, gradient
from models.blend import Member
from models.phrases import phrase
from tests.models.fitted import blend
from tests.models.panel import FAMILIES, panel

DICTIONARY = {
    "active_users_28d": "People who used the product in the last 28 days.",
    "events_28d": "Events in the last 28 days.",
    "open_tickets": "Tickets open on the morning.",
    "nps_last": "Last NPS answer.",
    "arr": "ARR on the morning.",
    "industry": "Industry.",
}


def fresh(rows=80):
    return panel(rows, 1, seed=11).features


def reasons(features, model=None, **changed):
    return explain.reasons(
        model or blend(), features, FAMILIES, **({"dictionary": DICTIONARY} | changed)
    )


def test_contributions_add_up_to_the_logit():
    features = fresh()
    logit = blend().logit(features)
    by_family = explain.contributions(blend(), features, FAMILIES)
    assert list(by_family.columns) == ["base", *FAMILIES, "other"]
    assert np.abs(by_family.sum(axis=1) - logit).max() < 1e-9
    assert np.abs(explain.by_feature(blend(), features).sum(axis=1) - logit).max() < 1e-9


def test_a_familys_contribution_is_the_sum_of_its_features():
    features = fresh()
    single = explain.by_feature(blend(), features)
    by_family = explain.contributions(blend(), features, FAMILIES)
    commercial = single[["arr", "industry"]].sum(axis=1)
    assert np.abs(by_family["commercial"] - commercial).max() < 1e-12
    assert (by_family["other"] == 0).all()
    without = {name: of for name, of in FAMILIES.items() if name != "commercial"}
    rest = explain.contributions(blend(), features, without)["other"]
    assert np.abs(rest - commercial).max() < 1e-12


def test_an_empty_frame_has_no_contributions_and_no_reasons():
    assert explain.contributions(blend(), fresh().iloc[:0], FAMILIES).empty
    assert list(reasons(fresh().iloc[:0]).columns) == ["reason_1", "reason_2", "reason_3"]


def test_a_model_that_abstains_gives_no_reasons():
    silent = dataclasses.replace(blend(), served=Member((), None), trees=0.0)
    assert reasons(fresh(), silent).isna().all(axis=None)
    assert (explain.contributions(silent, fresh(), FAMILIES) == 0).all(axis=None)


def test_the_strongest_family_is_named_first_with_value_and_what_is_typical():
    features = fresh(1).assign(open_tickets=9.0, active_users_28d=40.0, events_28d=9000.0)
    said = reasons(features).iloc[0]
    assert said["reason_1"] == "Tickets open on the morning: 9 (typical here: 1)"


def test_the_safe_side_of_a_bound_measure_is_never_a_reason(monkeypatch):
    features = fresh().assign(open_tickets=0.0)
    at = blend().encoding.columns.index("open_tickets")
    real = gradient.contributions

    def always_up(booster, matrix):
        values = real(booster, matrix)
        values[:, at] = 9.0
        return values

    monkeypatch.setattr(gradient, "contributions", always_up)
    unbound = dataclasses.replace(blend(), signs={})
    assert reasons(features, unbound).stack().str.contains("Tickets").any()
    assert not reasons(features).stack().str.contains("Tickets").any()


def test_a_feature_on_whose_sign_the_seeds_disagree_is_not_named(monkeypatch):
    features = fresh(1).assign(open_tickets=9.0)
    trees = dataclasses.replace(
        blend(), served=dataclasses.replace(blend().served, linear=None), trees=1.0
    )
    assert "Tickets" in reasons(features, trees).iloc[0]["reason_1"]
    real = gradient.contributions
    at = blend().encoding.columns.index("open_tickets")

    def one_seed_a_little_below_zero(booster, matrix):
        values = real(booster, matrix)
        if booster is blend().served.boosters[1]:
            values[:, at] = -0.001
        return values

    monkeypatch.setattr(gradient, "contributions", one_seed_a_little_below_zero)
    assert explain.by_feature(trees, features)["open_tickets"].iloc[0] > explain.WORTH_SAYING
    assert not reasons(features, trees).stack().str.contains("Tickets").any()


def test_a_typical_value_is_no_reason_however_much_it_pushes(monkeypatch):
    typical = blend().encoding.typical["open_tickets"]
    real = gradient.contributions
    at = blend().encoding.columns.index("open_tickets")

    def always_up(booster, matrix):
        values = real(booster, matrix)
        values[:, at] = 9.0
        return values

    monkeypatch.setattr(gradient, "contributions", always_up)
    unbound = dataclasses.replace(blend(), signs={})
    other = reasons(fresh(5).assign(open_tickets=typical + 1), unbound)
    assert other.stack().str.contains("Tickets").any()
    same = reasons(fresh(5).assign(open_tickets=typical), unbound)
    assert not same.stack().str.contains("Tickets").any()


def test_how_far_off_the_renewal_is_is_no_reason(monkeypatch):
    monkeypatch.setattr(explain, "LEAD", "open_tickets")
    assert not reasons(fresh()).stack().str.contains("Tickets").any()


def test_reasons_foretell_nothing():
    said = reasons(fresh()).stack()
    assert len(said) > 80
    assert not said.str.contains(r"\bwill\b|\bgoing to\b|\bcause", case=False).any()


def test_fewer_reasons_than_asked_leave_the_rest_empty():
    said = reasons(fresh(), count=5)
    assert said.shape[1] == 5
    gaps = said.isna().to_numpy()
    assert (np.diff(gaps.astype(int), axis=1) >= 0).all()


@pytest.mark.parametrize(
    ("feature", "row", "sentence"),
    [
        (
            "active_users_trend_28d",
            {"active_users_28d": 9.0, "active_users_trend_28d": 0.375},
            "active users fell from 24 to 9 in eight weeks",
        ),
        ("events_trend_91d", {"events_trend_91d": 0.0}, "events fell to 0 in half a year"),
        ("minutes_trend_28d", {"minutes_trend_28d": 1.5}, "minutes of use rose 50% in eight weeks"),
        (
            "active_days_trend_28d",
            {"active_days_trend_28d": 1.0, "active_days_28d": 12.0},
            "days with use stayed at 12 for eight weeks",
        ),
        ("days_since_use", {"days_since_use": 23.0}, "no use for 23 days"),
        ("days_since_use", {"days_since_use": 1.0}, "no use for 1 day"),
        (
            "oldest_open_urgent_ticket",
            {"oldest_open_urgent_ticket": 12.0},
            "an urgent ticket open for 12 days",
        ),
        ("seats_growth_91d", {"seats_growth_91d": -0.2}, "seats fell 20% in 91 days"),
        ("arr_growth_182d", {"arr_growth_182d": 0.0}, "ARR unchanged in 182 days"),
        (
            "seat_utilisation",
            {"seat_utilisation": 0.314},
            "31% of the seats used in the last 28 days",
        ),
        ("month_to_month", {"month_to_month": 1.0}, "may leave at the end of any month"),
        ("csat_91d", {"csat_91d": pd.NA}, "Mean CSAT of 91 days: not known"),
        ("csat_91d", {"csat_91d": None}, "Mean CSAT of 91 days: not known"),
        ("csat_91d", {"csat_91d": 2.25}, "Mean CSAT of 91 days: 2.2 (typical here: 4)"),
        ("industry", {"industry": "retail"}, "Mean CSAT of 91 days: retail"),
    ],
)
def test_a_value_is_told_in_a_sentence(feature, row, sentence):
    assert phrase(feature, row, 4.0, "Mean CSAT of 91 days; missing without.") == sentence


def test_windows_of_one_measure_are_not_repeated():
    assert explain._distinct(["events_7d", "events_trend_28d", "arr", "events_91d"]) == [
        "events_7d",
        "arr",
    ]
    assert isinstance(reasons(fresh()), pd.DataFrame)
