"""Health scores that one can work out by hand, and the laws every configuration obeys."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.health import HealthScore
from models.health_profile import HealthSettings, UnknownFeature
from tests.models.test_health_profile import CONFIGURED, changed
from tests.worlds import table

HEALTH = HealthScore(HealthSettings(**CONFIGURED))
NUMBERS = ["tenure_days", "events_91d", "active_days_28d", "trend", "open_tickets", "oldest_urgent"]


def features(text: str) -> pd.DataFrame:
    rows = table(text)
    known = rows[NUMBERS].astype(float).assign(segment=rows.get("segment"))
    mornings = [pd.Timestamp("2025-03-01")] * len(rows)
    known.index = pd.MultiIndex.from_arrays(
        [rows["account_id"], mornings], names=["account_id", "as_of"]
    )
    return known


def one(assessed: pd.DataFrame, account: str) -> pd.Series:
    return assessed.xs(account, level="account_id").iloc[0]


EXAMPLE = features("""
    account_id tenure_days events_91d active_days_28d trend open_tickets oldest_urgent segment
    acme       400         90         10              1     0            -             -
    bolt       400         90         10              -     0            -             -
    core       400         90         10              1     -            -             -
    dash       400         90         -               -     5            -             -
    echo       400         0          0               -     0            -             -
    fizz       30          90         20              2     0            -             -
    gale       400         90         20              2     0            15            -
    hive       400         90         20              2     0            14            -
    iris       400         90         10              1     0            -             enterprise
    jade       400         90         10              1     0            -             Startup
    kite       400         90         10              1     0            -             Enterprise
""")


def test_a_score_is_the_weighted_mean_of_dimensions_of_weighted_means_of_points():
    acme = one(HEALTH.assess(EXAMPLE), "acme")
    assert acme["frequency_score"] == pytest.approx((3 * 50 + 1 * 80) / 4)  # 57.5
    assert acme["support_score"] == 100
    assert acme["health_score"] == pytest.approx(0.6 * 57.5 + 0.4 * 100)  # 74.5
    assert (acme["health_band"], acme["health_coverage"]) == ("green", 1.0)


def test_a_missing_measure_drops_out_and_its_weight_goes_to_its_own_dimension():
    bolt = one(HEALTH.assess(EXAMPLE), "bolt")
    assert bolt["frequency_score"] == 50
    assert bolt["health_score"] == pytest.approx(0.6 * 50 + 0.4 * 100)
    assert bolt["health_coverage"] == pytest.approx(0.6 * 3 / 4 + 0.4)


def test_a_missing_dimension_leaves_its_weight_to_the_others():
    core = one(HEALTH.assess(EXAMPLE), "core")
    assert np.isnan(core["support_score"])
    assert core["health_score"] == pytest.approx(57.5)
    assert core["health_coverage"] == pytest.approx(0.6)


def test_below_the_least_coverage_there_is_no_score_and_the_band_is_unknown():
    dash = one(HEALTH.assess(EXAMPLE), "dash")
    assert dash["health_coverage"] == pytest.approx(0.4)
    assert np.isnan(dash["health_score"])
    assert dash["health_band"] == "unknown"


def test_a_customer_without_any_use_scores_0_there_and_is_never_missing():
    nothing = EXAMPLE.assign(active_days_28d=np.nan, trend=np.nan)
    for given_ in (EXAMPLE, nothing):
        echo = one(HEALTH.assess(given_), "echo")
        assert echo["frequency_score"] == 0
        assert echo["health_score"] == pytest.approx(40)
        assert echo["health_coverage"] == 1.0


def test_in_onboarding_the_score_is_shown_but_the_band_is_unknown():
    fizz = one(HEALTH.assess(EXAMPLE), "fizz")
    assert fizz["health_score"] == 100
    assert fizz["health_band"] == "unknown"
    day_90 = HEALTH.assess(EXAMPLE.assign(tenure_days=90.0))
    assert one(day_90, "fizz")["health_band"] == "green"


def test_an_override_caps_the_score_only_beyond_its_limit():
    assessed = HEALTH.assess(EXAMPLE)
    assert one(assessed, "gale")["health_score"] == 39
    assert one(assessed, "gale")["health_band"] == "red"
    assert one(assessed, "hive")["health_score"] == 100


def test_a_segment_has_its_profile_in_any_case_and_strangers_get_everyones():
    assessed = HEALTH.assess(EXAMPLE)
    own = (0.2 * 57.5 + 0.4 * 100) / 0.6
    assert one(assessed, "iris")["health_score"] == pytest.approx(own)
    assert one(assessed, "kite")["health_score"] == pytest.approx(own)
    assert one(assessed, "jade")["health_score"] == pytest.approx(74.5)


@pytest.mark.parametrize(
    ("tickets", "band"),
    [(0.0, "green"), (1.5, "green"), (1.51, "yellow"), (3.0, "yellow"), (3.01, "red")],
)
def test_a_score_on_an_edge_belongs_to_the_upper_band(tickets, band):
    alike = EXAMPLE.loc[["acme"]].assign(
        active_days_28d=20 - 4 * tickets, trend=np.nan, open_tickets=tickets
    )
    assert HEALTH.assess(alike)["health_band"].tolist() == [band]


def test_the_scorer_rises_with_churn_and_does_not_score_the_unknown():
    risk = HEALTH.score(EXAMPLE)
    assert risk.index.equals(EXAMPLE.index)
    assert risk.xs("acme", level="account_id").item() == pytest.approx(25.5)
    assert risk.xs("dash", level="account_id").isna().all()
    assert risk.xs("fizz", level="account_id").isna().all()


def test_the_rules_name_value_cut_offs_and_points_the_costliest_first():
    rules = HEALTH.rules(EXAMPLE)
    acme = rules[rules["account_id"] == "acme"]
    assert acme["measure"].tolist() == ["active_days_28d", "trend", "open_tickets"]
    first = acme.iloc[0]
    assert first["text"] == "Active days: 10 gives 50 of 100 points"
    assert first["cutoffs"] == "0 → 0, 10 → 50, 20 → 100"
    assert (first["value"], first["points"], first["weight"]) == (10, 50, pytest.approx(0.45))
    gale = rules[rules["account_id"] == "gale"].iloc[0]
    assert gale["dimension"] == "override"
    assert gale["text"] == "Urgent for 15 days: the score is at most 39 (limit 14)"
    echo = rules[rules["account_id"] == "echo"].iloc[0]
    assert "0 of 100 points, the product was not used at all" in echo["text"]


def test_a_feature_that_was_not_built_is_named():
    with pytest.raises(UnknownFeature, match="open_tickets"):
        HEALTH.assess(EXAMPLE.drop(columns="open_tickets"))


def test_nobody_to_assess_is_an_empty_answer():
    assert HEALTH.assess(EXAMPLE.iloc[:0]).empty
    assert HEALTH.rules(EXAMPLE.iloc[:0]).empty


NUMBER = st.one_of(st.none(), st.floats(0, 30).map(lambda x: round(x, 3)))


@st.composite
def customers(draw):
    rows = draw(st.lists(st.tuples(*[NUMBER] * len(NUMBERS)), min_size=1, max_size=8))
    segment = draw(
        st.lists(
            st.sampled_from(["Enterprise", "SMB", None]), min_size=len(rows), max_size=len(rows)
        )
    )
    index = pd.MultiIndex.from_product(
        [[f"a{i}" for i in range(len(rows))], [pd.Timestamp("2025-03-01")]],
        names=["account_id", "as_of"],
    )
    return pd.DataFrame(rows, columns=NUMBERS, index=index, dtype=float).assign(
        segment=pd.Series(segment, index=index, dtype=object)
    )


@settings(max_examples=40, deadline=None)
@given(customers())
def test_the_rules_add_up_to_the_score_and_all_weight_is_spent(rows):
    free = HealthScore(HealthSettings(**(changed("min_coverage", 0.0) | {"overrides": []})))
    assessed, rules = free.assess(rows), free.rules(rows)
    sums = (rules["weight"] * rules["points"]).groupby(rules["account_id"]).sum()
    weight = rules.groupby("account_id")["weight"].sum()
    known = assessed["health_score"].dropna().droplevel("as_of")
    assert set(known.index) == set(weight.index)
    pd.testing.assert_series_equal(
        known, sums.reindex(known.index), check_names=False, atol=1e-5, rtol=0
    )
    np.testing.assert_allclose(weight, 1.0)


@settings(max_examples=40, deadline=None)
@given(customers(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_the_company_one_is_assessed_in_change_nothing(rows, random):
    whole = HEALTH.assess(rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(HEALTH.assess(rows.iloc[order]), whole.iloc[order])
    pd.testing.assert_frame_equal(HEALTH.assess(rows.iloc[:1]), whole.iloc[:1])


@settings(max_examples=40, deadline=None)
@given(customers())
def test_scores_stay_within_0_and_100_and_nothing_given_is_changed(rows):
    before = rows.copy(deep=True)
    assessed = HEALTH.assess(rows)
    shown = assessed.filter(like="_score").stack().dropna()
    assert shown.between(0, 100).all()
    assert assessed["health_coverage"].between(0, 1).all()
    pd.testing.assert_frame_equal(rows, before)
