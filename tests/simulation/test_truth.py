from __future__ import annotations

from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.metrics import roc_auc_score

from features import contracts
from features.facts import build_facts
from simulation.company import World, happen
from simulation.decisions import Situation, choose
from simulation.families import FAMILIES
from simulation.futures import Futures, gathered
from simulation.randomness import stream
from simulation.state import USUAL_FILL, WEEKS_A_YEAR, shock_moments, shocks
from simulation.truth import LEADS, averaged, truth
from tests.simulation.conftest import LARGE, SETTINGS, large_truth

NO_SHOCKS = ("champion", "incidents", "slow_support")
OUTCOMES = {"churn_probability": "churned", "expansion_probability": "expanded"}


def told(world: World) -> pd.DataFrame:
    return truth(world.family, world.accounts, world.hidden, world.contracts, world.clock)


WEEKS, LIVES = 9, 100_000
MORNING = {"health": 0.0, "sponsor": 0.05, "support": 0.03, "unready": 0.0, "discount": 0.05}


@pytest.mark.parametrize(
    "state",
    [
        {"health": -1.5},
        {"health": 1.0, "discount": 0.15},
        {"health": -0.9, "sponsor": -0.8, "support": 0.02},
        {"health": -0.5, "support": -0.7, "unready": 0.2},
    ],
)
@pytest.mark.parametrize("name", ["linear", "thresholds"])
def test_the_average_over_futures_is_what_many_lives_week_by_week_come_to(name, state):
    family, chance = FAMILIES[name], stream(1, "lives")
    morning = MORNING | state | {"seats": 14, "tenure": 2.0, "monthly": False}
    sponsor, support = np.full(LIVES, morning["sponsor"]), np.full(LIVES, morning["support"])
    own, wish = np.full(LIVES, morning["health"]) - sponsor - support, np.full(LIVES, 0.5)
    (usual_left, _), (usual_failed, _) = shocks(family)
    own_noise = np.sqrt(1 - family.health_memory**2 - shock_moments(family)[1])
    wish_noise = np.sqrt(1 - family.demand_memory**2)
    for _ in range(WEEKS):
        left = chance.random(LIVES) < family.champion_rate / WEEKS_A_YEAR
        touched = family.company_incidents * family.company_reach + family.local_incidents
        trouble = chance.random(LIVES) < touched / WEEKS_A_YEAR
        slow = trouble & (chance.random(LIVES) < family.slow_share)
        failed = trouble * family.incident_shock + slow * family.slow_shock
        own = family.health_memory * own + own_noise * chance.standard_normal(LIVES)
        sponsor = family.health_memory * sponsor + usual_left - left * family.champion_shock
        support = family.health_memory * support + usual_failed - failed
        wish = family.demand_memory * wish + wish_noise * chance.standard_normal(LIVES)
    usual = np.log(14 * USUAL_FILL)
    at = Situation(
        health=own + sponsor + support,
        sponsor=sponsor,
        support=support,
        demand=usual + family.demand_spread * wish,
        seats=np.array(14),
        tenure=np.array(2.0),
        monthly=np.array(False),
        rise=np.where(chance.random(LIVES) < 0.2, family.price_rise, 0.0),
        discount=np.array(morning["discount"]),
        unready=np.array(morning["unready"]),
        frailty=chance.standard_normal(LIVES),
        appetite=chance.standard_normal(LIVES),
    )
    odds = choose(family, at)
    known = pd.DataFrame([morning | {"rise_share": 0.2, "weeks": WEEKS}])
    said = averaged(family, known, np.array([usual]), np.array([0.5]), Futures.of(family))
    lived = [odds.leave.mean(), (odds.grow + odds.stay * (at.rise > 0)).mean()]
    np.testing.assert_allclose(np.concatenate(said[:2]), lived, atol=0.006)


@pytest.mark.parametrize("name", FAMILIES)
def test_in_all_futures_together_health_keeps_its_mean_and_its_deviation(name):
    coming = Futures.of(FAMILIES[name])
    total = coming.own + coming.sponsor + coming.support
    assert (total[0] == 0).all()
    assert np.abs(total.mean(axis=1)).max() < 0.02
    lasting = gathered(FAMILIES[name].health_memory)
    np.testing.assert_allclose(total[1:].std(axis=1), lasting[1:], rtol=0.04)


@pytest.fixture(scope="module", params=["linear", "thresholds", "drift", "noise"])
def known(request) -> pd.DataFrame:
    """The truth of a large company of each family."""
    return large_truth(request.param)


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("column", OUTCOMES)
def test_of_a_hundred_renewals_with_probability_p_p_end_so(known, column, lead):
    seen = known[known.lead_days == lead]
    happened = (seen.outcome == OUTCOMES[column]).astype(float)
    tenth = pd.qcut(seen[column].rank(method="first"), 10, labels=False)
    by_tenth = (
        pd.DataFrame({"said": seen[column], "was": happened}).groupby(tenth).agg(["mean", "size"])
    )
    said, was = by_tenth["said", "mean"], by_tenth["was", "mean"]
    noise = np.sqrt(said * (1 - said) / by_tenth["said", "size"])
    assert ((said - was).abs() < 3.5 * noise + 0.002).all()
    assert abs(seen[column].mean() - happened.mean()) < 3.5 * np.sqrt(
        (seen[column] * (1 - seen[column])).sum()
    ) / len(seen)


def test_the_nearer_the_renewal_the_more_the_state_tells_and_frailty_keeps_its_secret():
    known = large_truth("linear")
    yearly = known[~known.monthly]
    left = yearly.outcome == "churned"

    def skill(rows: pd.Series, column: str = "churn_probability") -> float:
        return roc_auc_score(left[rows], yearly[column][rows])

    nearer, farther = skill(yearly.lead_days == 30), skill(yearly.lead_days == 90)
    assert 0.74 < skill(yearly.lead_days == 60) < 0.81
    assert nearer > farther + 0.015
    assert skill(yearly.lead_days == 0, "omniscient_churn") > skill(yearly.lead_days == 0) + 0.02


def test_without_its_causes_churn_and_expansion_are_the_same_for_all():
    causes = ("health", "fill", "price", "size", "tenure", "frailty")
    calm = happen(SETTINGS.model_copy(update={"without": causes}))
    known = told(calm)
    yearly = known[~known.monthly]
    assert yearly.churn_probability.round(12).nunique() == 1
    assert yearly.expansion_probability.round(12).nunique() == 1


def test_in_noise_the_truth_knows_no_more_than_the_rate():
    known = told(happen(SETTINGS.model_copy(update={"family": FAMILIES["noise"]})))
    assert len(known) > 300
    assert known.churn_probability.round(12).nunique() == known.omniscient_churn.nunique() == 1
    drivers = known.filter(like="driver_")
    assert drivers.shape[1] == 4
    assert (drivers.abs() < 1e-12).all(axis=None)


def test_on_the_day_of_a_plain_decision_the_drivers_are_the_terms_of_its_sum():
    world = happen(SETTINGS.model_copy(update={"without": ("frailty", "price")}))
    family, hidden, due = world.family, world.hidden, world.contracts.decisions
    known = told(world).query("lead_days == 0").set_index(["account_id", "due_date"])
    due = due.assign(
        account_id=world.accounts.account_id[due.account],
        due_date=pd.to_datetime(due.due_date, unit="D"),
    ).set_index(["account_id", "due_date"])
    due = due.loc[known.index]
    at = due.account, world.clock.week_of(due.decided)
    own = hidden.health[at] - hidden.sponsor[at] - hidden.support[at]
    terms = {"usage": own, "sponsor": hidden.sponsor[at], "support": hidden.support[at]}
    for group, part in terms.items():
        np.testing.assert_allclose(known[f"driver_{group}"], -family.churn_health * part, atol=1e-9)
    typical = family.churn_level - family.churn_tenure * 2.0
    np.testing.assert_allclose(
        known.filter(like="driver_").sum(axis=1) + typical, logit(known.churn_probability)
    )


def test_the_champion_s_and_support_s_parts_of_health_are_what_their_events_left_behind(world):
    hidden, family, clock = world.hidden, world.family, world.clock
    for part, company_wide in ((hidden.sponsor, 0.0), (hidden.support, 0.08)):
        assert abs(part[:, 100:].mean()) < 0.01 + company_wide
    event = hidden.champions.iloc[len(hidden.champions) // 2]
    week, account = clock.week_of(event.day), event.account
    (usual, _), _ = shocks(family)
    before, on = hidden.sponsor[account, [week - 1, week]]
    expected = family.health_memory * before + usual - family.champion_shock
    np.testing.assert_allclose(on, expected)
    other = np.setdiff1d(np.arange(len(hidden.health)), hidden.champions.account)
    assert (hidden.sponsor[other] >= 0).all()
    alone = happen(LARGE.model_copy(update={"accounts": 50, "without": NO_SHOCKS})).hidden
    assert (alone.sponsor == 0).all()
    assert (alone.support == 0).all()


def test_the_tables_tell_of_every_settled_renewal_what_really_happened(raw, tables, tmp_path):
    until, settled = date(2025, 7, 1), "2025-05-15"
    with duckdb.connect() as con:
        build_facts(con, tables, tmp_path / "facts", ["country", "industry"])
    with duckdb.connect() as con:
        derived = contracts.renewals(con, tmp_path / "facts", [until], grace=30, until_days=0).df()
    derived = derived.astype({"due_date": "datetime64[s]"})
    derived = derived[derived.due_date.between("2024-01-01", settled) & ~derived.early]
    happened = pd.read_parquet(raw / "truth/truth.parquet").astype({"due_date": "datetime64[s]"})
    happened = happened[(happened.due_date <= settled) & (happened.lead_days == 0)]
    both = happened.merge(derived, on=["account_id", "due_date"], how="outer", indicator=True)
    assert len(both) > 300
    assert (both._merge == "both").all()
    assert (both.outcome == both.status).all()
