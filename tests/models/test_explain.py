"""Contributions add up exactly; reasons are true sentences about what pushes a score up."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from models import explain, gradient, pushes
from models.blend import Member
from models.ladder import train
from tests.models.fitted import blend
from tests.models.panel import FAMILIES, GAP_DAYS, SETTINGS, SIGNS, Churn, panel

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


def by_feature(model, features):
    """What each feature alone adds to the blended logit; with `base`, rows add up to it."""
    found = pushes.pushes(model, features)
    frame = pd.DataFrame(found.mean, index=features.index, columns=list(model.encoding.columns))
    return frame.assign(base=found.base)


def test_contributions_add_up_to_the_logit():
    features = fresh()
    logit = blend().logit(features)
    by_family = explain.contributions(blend(), features, FAMILIES)
    assert list(by_family.columns) == ["base", *FAMILIES, "other"]
    assert np.abs(by_family.sum(axis=1) - logit).max() < 1e-9
    assert np.abs(by_feature(blend(), features).sum(axis=1) - logit).max() < 1e-9


def test_a_familys_contribution_is_the_sum_of_its_features():
    features = fresh()
    single = by_feature(blend(), features)
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
    assert said["reason_1"] == "Open tickets: 9 (typical here: 1)"


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
    assert reasons(features, unbound).stack().str.contains("Open tickets").any()
    assert not reasons(features).stack().str.contains("Open tickets").any()


def test_a_feature_on_whose_sign_the_seeds_disagree_is_not_named(monkeypatch):
    features = fresh(1).assign(open_tickets=9.0)
    trees = dataclasses.replace(
        blend(), served=dataclasses.replace(blend().served, linear=None), trees=1.0
    )
    assert "Open tickets" in reasons(features, trees).iloc[0]["reason_1"]
    real = gradient.contributions
    at = blend().encoding.columns.index("open_tickets")

    def one_seed_a_little_below_zero(booster, matrix):
        values = real(booster, matrix)
        if booster is blend().served.boosters[1]:
            values[:, at] = -0.001
        return values

    monkeypatch.setattr(gradient, "contributions", one_seed_a_little_below_zero)
    assert by_feature(trees, features)["open_tickets"].iloc[0] > explain.WORTH_SAYING
    assert not reasons(features, trees).stack().str.contains("Open tickets").any()


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
    assert other.stack().str.contains("Open tickets").any()
    same = reasons(fresh(5).assign(open_tickets=typical), unbound)
    assert not same.stack().str.contains("Open tickets").any()


def test_how_far_off_the_renewal_is_is_no_reason(monkeypatch):
    monkeypatch.setattr(explain, "LEADS", ("open_tickets",))
    assert not reasons(fresh()).stack().str.contains("Open tickets").any()


def test_reasons_foretell_nothing():
    said = reasons(fresh()).stack()
    assert len(said) > 80
    assert not said.str.contains(r"\bwill\b|\bgoing to\b|\bcause", case=False).any()


def test_fewer_reasons_than_asked_leave_the_rest_empty():
    said = reasons(fresh(), count=5)
    assert said.shape[1] == 5
    gaps = said.isna().to_numpy()
    assert (np.diff(gaps.astype(int), axis=1) >= 0).all()


def test_a_feature_on_whose_sign_the_resampled_fits_disagree_is_not_named(monkeypatch):
    """Two of the three: under the three quarters that must agree."""
    features = fresh(1).assign(open_tickets=9.0)
    assert "Open tickets" in reasons(features).iloc[0]["reason_1"]
    at = blend().encoding.columns.index("open_tickets")
    odd = blend().resampled[1]
    against = list(odd.linear.coefficients)
    against[odd.linear.scale.owners.index(at)] = -9.0
    turned = dataclasses.replace(
        odd, linear=dataclasses.replace(odd.linear, coefficients=tuple(against))
    )
    first, _, third = blend().resampled
    doubtful = dataclasses.replace(blend(), resampled=(first, turned, third))
    assert not reasons(features, doubtful).stack().str.contains("Open tickets").any()


def test_a_doubtful_feature_is_not_named_though_its_family_is_sure():
    """Little use pushes up under every fit; what the tickets do, one of three turns round."""
    features = fresh(1).assign(open_tickets=9.0, active_users_28d=2.0, events_28d=5.0)
    together = {"all": list(blend().encoding.columns)}
    first, odd, third = blend().resampled
    at = odd.linear.scale.owners.index(blend().encoding.columns.index("open_tickets"))
    leaning = [-0.5 if place == at else one for place, one in enumerate(odd.linear.coefficients)]
    turned = dataclasses.replace(
        odd, linear=dataclasses.replace(odd.linear, coefficients=tuple(leaning))
    )
    doubtful = dataclasses.replace(blend(), resampled=(first, turned, third))
    sure, unsure = (
        explain.top(model, features, together).iloc[0].dropna().tolist()
        for model in (blend(), doubtful)
    )
    assert "open_tickets" in sure
    assert "active_users_28d" in unsure and "open_tickets" not in unsure


def test_where_no_sign_is_sure_nothing_is_said(monkeypatch):
    monkeypatch.setattr(pushes, "AGREEING", 1.01)
    assert reasons(fresh()).isna().all(axis=None)


def test_what_speaks_against_a_score_is_no_reason_for_it():
    features = fresh()
    up, down = (explain.top(blend(), features, FAMILIES, against=way) for way in (False, True))
    single = by_feature(blend(), features)
    assert down.notna().sum().sum() > 40
    for at in range(len(features)):
        rising, falling = set(up.iloc[at].dropna()), set(down.iloc[at].dropna())
        assert not rising & falling
        assert (single.iloc[at][list(rising)] > 0).all()
        assert (single.iloc[at][list(falling)] < 0).all()


def test_peers_are_said_in_the_sentence():
    features = fresh(1).assign(open_tickets=9.0, segment="SMB")
    others = fresh(40).assign(open_tickets=3.0, segment="smb")
    others.index = others.index.set_levels(features.index.levels[1], level="as_of")
    said = reasons(features, peers=others).iloc[0]
    assert said["reason_1"] == "Open tickets: 9; similar accounts: 3"


def test_no_sentence_is_said_twice(monkeypatch):
    monkeypatch.setattr(explain, "phrase", lambda *_: "the same")
    said = reasons(fresh())
    assert said["reason_1"].eq("The same").any()
    assert said[["reason_2", "reason_3"]].isna().all(axis=None)


def test_the_time_to_the_renewal_counts_for_no_family(monkeypatch):
    """A family that is first only by it comes after the one that is first without it."""
    features = fresh().assign(open_tickets=9.0, nps_last=2.0)
    families = {"use": ["active_users_28d", "events_28d"], "rest": ["open_tickets", "nps_last"]}
    push = by_feature(blend(), features)
    use = push["active_users_28d"] + push["events_28d"]
    close = (use > push["nps_last"] + 0.02) & (use < push["nps_last"] + push["open_tickets"])
    assert close.sum() > 5
    named = explain.top(blend(), features[close], families)["top_1"]
    assert named.isin(families["rest"]).all()
    monkeypatch.setattr(explain, "LEADS", ("open_tickets",))
    named = explain.top(blend(), features[close], families)["top_1"]
    assert named.isin(families["use"]).mean() > 0.8


@pytest.mark.parametrize("driver", ["open_tickets", "nps_last"])
def test_the_first_reason_is_the_planted_driver(driver):
    """Columns are shuffled apart, so that nothing stands in for the one that drives the outcome."""
    world, draw = panel(seed=3), np.random.default_rng(3)
    features = world.features.assign(nps_last=world.features["nps_last"].fillna(8.0)).apply(
        lambda column: draw.permutation(column.to_numpy())
    )
    risk = features[driver] * SIGNS[driver]
    probability = np.where(risk > risk.quantile(0.75), 0.6, 0.05)
    labels = world.labels.assign(outcome=draw.random(len(features)) < probability)
    model = train(
        features, labels, name="churn", target=Churn(), settings=SETTINGS, signs=SIGNS, seed=1,
        gap_days=GAP_DAYS, families=FAMILIES,
    )  # fmt: skip
    risky = features[probability > 0.5]
    assert explain.top(model, risky, FAMILIES)["top_1"].eq(driver).mean() > 0.95


def test_windows_of_one_measure_are_not_repeated():
    assert explain._distinct(["events_7d", "events_trend_28d", "arr", "events_91d"]) == [
        "events_7d",
        "arr",
    ]
    assert isinstance(reasons(fresh()), pd.DataFrame)
