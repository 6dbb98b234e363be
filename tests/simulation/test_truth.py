from __future__ import annotations

from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from features import contracts
from features.facts import build_facts
from simulation.company import happen
from simulation.decisions import Situation, choose
from simulation.family import FAMILIES
from simulation.randomness import stream
from simulation.state import USUAL_FILL, WEEKS_A_YEAR, shock_moments
from simulation.truth import LEADS, averaged, truth
from tests.simulation.conftest import SETTINGS

OUTCOMES = {"churn_probability": "churned", "expansion_probability": "expanded"}


@pytest.fixture(scope="module")
def known(world) -> pd.DataFrame:
    return truth(world.family, world.accounts, world.hidden, world.contracts, world.clock)


@pytest.mark.parametrize("health", [-1.5, 0.0, 1.0])
def test_the_average_over_futures_is_what_many_lives_week_by_week_come_to(health):
    family, weeks, lives, chance = FAMILIES["linear"], 9, 100_000, stream(1, "lives")
    mean, variance = shock_moments(family)
    later, wish = np.full(lives, health), np.full(lives, 0.5)
    for _ in range(weeks):
        champion = chance.random(lives) < family.champion_rate / WEEKS_A_YEAR
        touched = family.company_incidents * family.company_reach + family.local_incidents
        trouble = chance.random(lives) < touched / WEEKS_A_YEAR
        slow = trouble & (chance.random(lives) < family.slow_share)
        fall = champion * family.champion_shock + trouble * family.incident_shock
        fall = fall + slow * family.slow_shock
        own = np.sqrt(1 - family.health_memory**2 - variance)
        later = family.health_memory * later + own * chance.standard_normal(lives) + mean - fall
        wish = family.demand_memory * wish + np.sqrt(
            1 - family.demand_memory**2
        ) * chance.standard_normal(lives)
    at = Situation(
        health=later,
        demand=np.log(20 * USUAL_FILL) + family.demand_spread * wish,
        seats=np.array(20),
        tenure=np.array(2.0),
        monthly=np.array(False),
        rise=np.where(chance.random(lives) < 0.2, family.price_rise, 0.0),
        frailty=chance.standard_normal(lives),
        appetite=chance.standard_normal(lives),
    )
    odds = choose(family, at)
    row = {"weeks": weeks, "health": health, "seats": 20, "tenure": 2.0, "monthly": False}
    known = pd.DataFrame([row | {"rise_share": 0.2}])
    said = averaged(family, known, np.log(np.array([20 * USUAL_FILL])), np.array([0.5]))
    lived = [odds.leave.mean(), (odds.grow + odds.stay * (at.rise > 0)).mean()]
    np.testing.assert_allclose(np.concatenate(said), lived, atol=0.005)


@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("column", OUTCOMES)
def test_of_a_hundred_renewals_with_probability_p_p_end_so(known, column, lead):
    seen = known[known.lead_days == lead]
    happened = (seen.outcome == OUTCOMES[column]).astype(float)
    tenth = pd.qcut(seen[column], 10, labels=False)
    by_tenth = (
        pd.DataFrame({"said": seen[column], "was": happened}).groupby(tenth).agg(["mean", "size"])
    )
    said, was = by_tenth["said", "mean"], by_tenth["was", "mean"]
    noise = np.sqrt(said * (1 - said) / by_tenth["said", "size"])
    assert ((said - was).abs() < 3.5 * noise + 0.002).all()
    assert abs(seen[column].mean() - happened.mean()) < 3.5 * np.sqrt(
        (seen[column] * (1 - seen[column])).sum()
    ) / len(seen)


def test_the_nearer_the_renewal_the_more_the_state_tells_and_frailty_keeps_its_secret(known):
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
    known = truth(calm.family, calm.accounts, calm.hidden, calm.contracts, calm.clock)
    yearly = known[~known.monthly]
    assert yearly.churn_probability.round(12).nunique() == 1
    assert yearly.expansion_probability.round(12).nunique() == 1


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
