from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency
from sklearn.metrics import roc_auc_score

from simulation.clock import DAY, Clock, day_number
from simulation.company import World, happen
from simulation.contracts import Contracts
from simulation.decisions import Situation, choose
from simulation.eras import change_day
from simulation.families import FAMILIES
from simulation.family import EFFECTS
from simulation.habits import habits
from simulation.papers import NEVER
from simulation.randomness import stream
from tests.simulation.conftest import LARGE, SETTINGS, large, large_truth

PLAIN = Situation(
    health=np.array(0.0),
    sponsor=np.array(0.0),
    support=np.array(0.0),
    demand=np.log(np.array(10.0)),
    seats=np.array(18),
    tenure=np.array(2.0),
    monthly=np.array(False),
    rise=np.array(0.0),
    discount=np.array(0.0),
    unready=np.array(0.0),
    frailty=np.array(0.0),
    appetite=np.array(0.0),
)


def of(name: str, **changes) -> World:
    return happen(LARGE.model_copy(update={"family": FAMILIES[name]} | changes))


def contracted(contracts: Contracts, clock: Clock) -> pd.DataFrame:
    due = contracts.decisions
    return due[~due.monthly & (due.due_date >= clock.start) & (due.due_date < clock.until)]


def leave(name: str = "thresholds", **situation: float) -> float:
    at = PLAIN._replace(**{key: np.array(value) for key, value in situation.items()})
    return float(choose(FAMILIES[name], at).leave)


def grow(**situation: float) -> float:
    at = PLAIN._replace(**{key: np.array(value) for key, value in situation.items()})
    return float(choose(FAMILIES["thresholds"], at).grow)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_effect_of_every_family_can_be_switched_off(name):
    for effect, coefficients in EFFECTS.items():
        calm = FAMILIES[name].without(effect)
        assert {getattr(calm, coefficient) for coefficient in coefficients} == {0.0}, effect
        assert not set(calm.changes) & set(coefficients), effect


def test_no_coefficient_of_a_change_lies_outside_of_a_renewal():
    for family in FAMILIES.values():
        assert all(name.startswith(("churn_", "grow_", "price_")) for name in family.changes)


def test_a_little_less_health_costs_little_and_a_real_fall_costs_much():
    calm, dip, fallen = leave(), leave(health=-0.4), leave(health=-1.2)
    assert dip < 1.8 * calm
    assert fallen > 4 * calm
    assert leave(health=2.0) > 0.9 * calm


def test_a_champion_who_left_matters_only_where_few_people_use_the_product():
    few, many = {"demand": np.log(5.0)}, {"demand": np.log(30.0)}
    assert leave(sponsor=-1.2, **few) > 4 * leave(**few)
    assert leave(sponsor=-1.2, **many) < 1.1 * leave(**many)
    assert leave(sponsor=-0.2, **few) < 1.3 * leave(**few)


def test_failures_of_support_and_of_onboarding_count_beyond_their_edge():
    assert leave(support=-0.15) < 1.1 * leave()
    assert leave(support=-0.75) > 2.5 * leave()
    assert leave(unready=0.05) < 1.1 * leave()
    assert leave(unready=0.3) > 3 * leave()


def test_a_price_rise_hurts_who_sees_little_value_or_loses_a_discount():
    assert leave(rise=5.0, health=1.0) < 1.1 * leave(health=1.0)
    assert leave(rise=5.0, health=-0.6) > 2 * leave(health=-0.6)
    assert leave(rise=5.0, discount=0.15) > 2 * leave(discount=0.15)


def test_only_full_seats_and_good_health_together_make_an_account_grow():
    full, well = {"demand": np.log(18 * 0.55) + 0.5}, {"health": 1.2}
    alone = max(grow(), grow(**full), grow(**well))
    assert grow(**full, **well) > 4 * alone


def test_the_rates_of_thresholds_are_those_of_its_trade_and_its_truth_can_be_found():
    world = large("thresholds")
    yearly = contracted(world.contracts, world.clock).outcome.value_counts(normalize=True)
    assert 0.12 < yearly["churned"] < 0.17
    assert 0.12 < yearly["expanded"] < 0.19
    known = large_truth("thresholds")
    known = known[~known.monthly]
    made, ahead = (known[known.lead_days == lead] for lead in (0, 60))
    assert 0.82 < roc_auc_score(made.outcome == "churned", made.omniscient_churn) < 0.87
    assert 0.74 < roc_auc_score(ahead.outcome == "churned", ahead.churn_probability) < 0.79


def test_some_customers_of_thresholds_never_get_up_to_speed_and_leave_at_their_first_renewal():
    world = large("thresholds")
    due = contracted(world.contracts, world.clock)
    first = due[(due.due_date - due.since) < 370]
    stalled = first.unready > 0.15
    left = first.outcome == "churned"
    assert 0.08 < stalled.mean() < 0.3
    assert left[stalled].mean() > 2 * left[~stalled].mean()


def test_habits_are_a_style_that_lasts_and_three_wanderings_that_do_not_know_of_each_other():
    clock = Clock.of(SETTINGS.start, 18)
    family = FAMILIES["thresholds"]
    own = habits(stream(1, "habits"), family, 3_000, clock)
    assert abs(own.mean() - 1) < 0.02
    now, later = np.log(own[:, :, 100]), np.log(own[:, :, 200])
    spread = np.hypot(family.style_spread, family.wander_spread)
    np.testing.assert_allclose(now.std(axis=1), spread, rtol=0.05)
    kept = family.style_spread**2 + family.wander_spread**2 * family.wander_memory**100
    np.testing.assert_allclose(
        [np.cov(a, b)[0, 1] for a, b in zip(now, later, strict=True)], kept, rtol=0.12
    )
    assert (np.abs(np.corrcoef(now) - np.eye(3)) < 0.06).all()
    assert (habits(stream(1, "habits"), FAMILIES["linear"], 50, clock) == 1).all()


def test_drift_is_linear_until_the_pricing_change_and_another_company_after_it():
    linear, drift = large("linear"), large("drift")
    change = change_day(drift.clock)
    assert change == day_number(date(2025, 9, 1))

    def decided(world: World, early: bool) -> pd.DataFrame:
        due = world.contracts.decisions
        return due[(due.due_date < change) == early].reset_index(drop=True)

    assert decided(drift, True).equals(decided(linear, True))
    before, after = (decided(drift, early) for early in (True, False))
    kept = before.discount >= 0.1
    assert after.rise_share[after.discount >= 0.1].median() > 3 * before.rise_share[kept].median()
    still = of("drift", without=("drift",))
    assert still.contracts.decisions.equals(linear.contracts.decisions)


def test_a_changed_coefficient_that_is_switched_off_stays_off_after_the_change():
    world = of("drift", accounts=300, without=("price",))
    assert (world.contracts.decisions.rise_share == 0).all()


def test_in_noise_nothing_is_announced_and_nothing_before_the_day_says_who_leaves():
    world = large("noise")
    due, rows = world.contracts.decisions, world.contracts.rows
    assert not due.monthly.any()
    assert (rows.notice_at == NEVER).all()
    renewed = rows.merge(due, left_on=["account", "start_date"], right_on=["account", "due_date"])
    assert len(renewed) > 1_000
    assert (renewed.booked_second // DAY >= renewed.due_date).all()
    due = contracted(world.contracts, world.clock)
    week = world.clock.week_of(due.decided)
    shown = {
        "health": world.hidden.health[due.account, week],
        "seats": due.seats,
        "tenure": due.due_date - due.since,
        "sold at": due.discount,
    }
    for name, column in shown.items():
        third = pd.qcut(pd.Series(column).rank(method="first").to_numpy(), 3, labels=False)
        table = pd.crosstab(third, (due.outcome == "churned").to_numpy())
        assert chi2_contingency(table).pvalue > 0.001, name
    spells = world.contracts.spells
    ended = spells[(spells.end >= world.clock.start) & (spells.end < world.clock.until)]
    gone = due[due.outcome == "churned"]
    assert len(ended) <= len(gone) + 40  # a few end some weeks after an unpaid due date
