"""The same year under other definitions, worked by hand, and an order that the grace turns."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import numpy as np
import pandas as pd
import pytest

from models import definitions
from models.book import Period
from models.duel import CANNOT_TELL, ComparisonSettings
from models.rates import RatesSettings
from models.standing import standing
from tests.features import contracts_oracle as oracle
from tests.worlds import table

CON = duckdb.connect(config={"threads": 1})
BY = date(2025, 1, 1)
YEAR = Period("the year", date(2023, 12, 1), date(2024, 10, 1))
WIDE = RatesSettings(every="year", max_width=1e9, sizes=(5e3, 15e3, 5e4), graces=(0, 30, 61, 91))
DUEL = ComparisonSettings(
    primary="log_loss", rules_primary="arr_caught", draws=200, seed=3, min_outcomes=5, leads=(0, 91)
)

CONTRACTS = """
    account_id start_date  term_end    ended_at    arr seats
    stays      2023-01-01  2024-01-01  -           100 10
    prompt     2023-01-01  2024-01-01  2024-01-01  100 10
    prompt     2024-01-21  2025-01-21  -           100 10    <- renewed after 20 days
    tardy      2023-01-01  2024-01-01  2024-01-01  100 10
    tardy      2024-02-20  2025-02-20  -           100 10    <- and after 50
    fewer      2023-01-01  2024-01-01  2024-01-01  100 10
    fewer      2024-01-01  2025-01-01  -           60  6     <- the same price for each seat
    cheaper    2023-01-01  2024-01-01  2024-01-01  100 10
    cheaper    2024-01-01  2025-01-01  -           60  10    <- the same seats for less
    lost       2023-01-01  2024-01-01  2024-01-01  100 10
"""


@pytest.fixture
def facts(tmp_path):
    rows = oracle.rows_of(table(CONTRACTS))
    names = sorted({row["account_id"] for row in rows})
    accounts = [{"account_id": name, "created_at": datetime(2020, 1, 1)} for name in names]
    oracle.write(tmp_path, oracle.facts(accounts, key="account_id"), name="accounts")
    return oracle.write(tmp_path, oracle.facts(rows))


@pytest.mark.parametrize("grace, renewed", [(0, 3), (30, 4), (61, 5)])
def test_a_longer_grace_forgives_the_later_renewals(facts, grace, renewed):
    due, book = definitions.rates(CON, facts, grace, YEAR, by=BY, settings=WIDE)
    counted = due[due["objective_downsell"]].iloc[0]
    assert counted["logo_renewal_rate"] == pytest.approx(renewed / 6)
    assert counted["dollar_renewal_rate"] == pytest.approx((renewed * 100 - 80) / 600)
    customers = book[book["objective_downsell"]].iloc[0]
    assert customers["churn_rate"] == pytest.approx(1 - renewed / 6)
    assert due["grace"].eq(grace).all()


def test_without_objective_downsell_fewer_seats_at_the_old_price_count_as_renewed(facts):
    due, book = definitions.rates(CON, facts, 30, YEAR, by=BY, settings=WIDE)
    with_it, without = (due[due["objective_downsell"].eq(counts)].iloc[0] for counts in (1, 0))
    assert (with_it["contracted"], without["contracted"]) == (2, 1)
    assert with_it["dollar_renewal_rate"] == pytest.approx((200 + 60 + 60) / 600)
    assert without["dollar_renewal_rate"] == pytest.approx((200 + 100 + 60) / 600)
    kept = book.set_index("objective_downsell")
    assert kept["grr"].to_dict() == pytest.approx({True: 320 / 600, False: 360 / 600})
    assert kept["downsold"].to_dict() == {True: 2, False: 1}


def test_the_year_is_settled_under_the_longest_grace_and_within_the_data():
    found = definitions.settled_year(date(2023, 1, 1), date(2023, 9, 1), 31)
    assert (found.first, found.after) == (date(2023, 1, 1), date(2023, 8, 1))


def standings(ends):
    """Forty renewals by four scorers; the model finds the promptly lost, health the tardy too."""
    number = len(ends[0])
    names = [f"a{i:02}" for i in range(number)]
    predictions = pd.DataFrame(
        {
            "account_id": names,
            "due_date": pd.Timestamp("2024-03-01"),
            "as_of": pd.Timestamp("2024-01-01"),
            "days_to_due": 60,
            "status": "scored",
            "segment": "smb",
            "owner": "ann",
            "plan": "pro",
            "risk_band": "low",
            "health_band": "green",
            "churn_probability": [0.9] * 10 + list(np.linspace(0.1, 0.2, number - 10)),
            "health_score": [10.0] * 20 + list(np.linspace(50, 60, number - 20)),
            "health_refitted": 0.5,
            "early_warning": False,
            "csm_call": [1.0] + [np.nan] * (number - 1),
            "base_rate": 0.25,
        }
    )
    return {
        grace: standing(
            predictions,
            predictions[["account_id", "due_date"]].assign(
                outcome=end, arr_due=100.0, month_to_month=False
            ),
            target="churn",
            horizon=90,
            by=BY,
            wait=31,
            sizes=(1000.0,),
        )
        for grace, end in ends.items()
    }


TWENTY, TEN = ["churned"] * 20 + ["renewed"] * 20, ["churned"] * 10 + ["renewed"] * 30


def first(orders, grace, unit="logos"):
    rows = orders[orders["grace"].eq(grace) & orders["unit"].eq(unit)]
    return rows.set_index("place").loc[1]


def test_the_grace_can_turn_who_is_the_better_scorer():
    found = definitions.orders(standings({0: TWENTY, 30: TEN}), DUEL, 0.25)
    assert first(found, 0)["scorer"] == "health"
    assert first(found, 30)["scorer"] == "model"
    assert (first(found, 0)["value"], first(found, 30)["value"]) == (1.0, 1.0)
    assert (first(found, 30)["churned"], first(found, 30)["rows"]) == (10, 40)
    assert first(found, 0)["next"] == "better"
    assert first(found, 30, "arr")["metric"] == "arr_caught"
    assert first(found, 30, "arr")["scorer"] == "model"


def test_a_scorer_that_rarely_speaks_is_named_and_shrinks_nobody_elses_rows():
    found = definitions.orders(standings({0: TWENTY}), DUEL, 0.25)
    assert found["unscored"].eq("csm_call").all()
    assert "csm_call" not in set(found["scorer"])


def test_only_what_every_grace_has_settled_counts():
    waiting = [*TEN[:-4], *["in_grace"] * 4]
    found = definitions.orders(standings({0: TWENTY, 30: waiting}), DUEL, 0.25)
    assert found[["rows", "left_out"]].drop_duplicates().to_numpy().tolist() == [[36, 4]]


def test_of_too_few_losses_no_scorer_is_better():
    few = ["churned"] * 3 + ["renewed"] * 37
    found = definitions.orders(standings({0: few}), DUEL, 0.25)
    assert set(found["next"]) == {CANNOT_TELL, ""}


def test_without_a_loss_there_is_no_order():
    assert definitions.orders(standings({0: ["renewed"] * 40}), DUEL, 0.25).empty


def test_equal_scorers_stand_in_the_order_of_their_names():
    found = definitions.orders(standings({0: TWENTY}), DUEL, 0.25)
    flat = found[found["value"].eq(0.5) & found["unit"].eq("logos")]
    assert flat["scorer"].tolist() == ["base_rate", "early_warning", "health_refitted", "model"]
