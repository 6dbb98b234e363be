"""The net promoter score, and how sure it is when a few accounts gave all the answers."""

from __future__ import annotations

from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest

from models.nps import answers, nps, nps_rates
from models.rates import RatesSettings
from tests.features import contracts_oracle as oracle
from tests.worlds import table

CON = duckdb.connect(config={"threads": 1})
STRICT = RatesSettings(
    every="quarter", max_width=0.3, sizes=(5e3, 15e3, 5e4), graces=(0, 30, 61, 91)
)


def test_it_is_promoters_minus_detractors_with_its_count():
    found = nps(pd.Series([10, 10, 9, 8, 7, 6, 0, None]))
    assert found.value == pytest.approx(100 * (3 - 2) / 7)
    assert found.answers == 7
    assert -100 <= found.low < found.value < found.high <= 100
    with pytest.raises(ValueError, match="11"):
        nps(pd.Series([11.0]))


def test_the_interval_is_the_adjusted_wald_worked_by_hand():
    found = nps(pd.Series([10.0] * 60 + [7] * 25 + [0] * 15))
    up, down, count = 60.75 / 103, 15.75 / 103, 103
    half = 1.959964 * np.sqrt((up + down - (up - down) ** 2) / count)
    assert (found.low, found.high) == pytest.approx(
        (100 * (up - down - half), 100 * (up - down + half)), abs=1e-4
    )


def test_one_enthusiast_is_no_certainty():
    found = nps(pd.Series([10.0]))
    assert found.value == found.high == 100
    assert found.low < 0


def test_answers_of_the_same_account_are_worth_less_than_those_of_many():
    score = pd.Series([10.0] * 30 + [0.0] * 30)
    many = nps(score, pd.Series([f"a{i}" for i in range(60)]))
    few = nps(score, pd.Series([f"a{i // 10}" for i in range(60)]))
    alone = nps(score, pd.Series(["a"] * 60))
    assert many.high == pytest.approx(nps(score).high, abs=0.5)
    assert few.high - few.low > 3 * (many.high - many.low)
    assert alone.high - alone.low > few.high - few.low
    assert many.value == few.value == alone.value == 0


def test_too_few_answers_are_counted_and_not_shown():
    told = pd.DataFrame(
        {
            "account_id": [f"a{i % 70}" for i in range(140)] + ["b"],
            "occurred_at": pd.to_datetime(["2025-02-01"] * 140 + ["2025-05-01"]),
            "score": [10.0, 8.0] * 70 + [10.0],
        }
    )
    found = nps_rates(told, STRICT).set_index("period")
    assert found.loc["2025Q1", ["answers", "accounts", "promoters", "passives"]].tolist() == [
        140, 70, 70, 70,
    ]  # fmt: skip
    assert found.loc["2025Q1", "nps"] == 50
    assert np.isnan(found.loc["2025Q2", "nps"])
    assert found.loc["2025Q2", "note"] == "not enough (1 answers)"


def test_answers_are_those_known_before_the_day_and_none_without_a_table(tmp_path):
    assert answers(CON, tmp_path, date(2025, 3, 1)).empty
    rows = table("""
        response_id account_id occurred_at created_at  recorded_at  score
        r1          acme       2025-01-01  2025-01-01  -            9
        r2          acme       2025-02-01  2025-02-01  2025-02-01   3
        r2          acme       2025-02-01  2025-02-01  2025-02-20   8     <- corrected
        r3          acme       2025-02-10  2025-02-10  2025-03-01   10    <- told too late
    """)
    oracle.write(tmp_path, oracle.facts(oracle.rows_of(rows), key="response_id"), name="nps")
    assert answers(CON, tmp_path, date(2025, 3, 1))["score"].tolist() == [9.0, 8.0]
    assert answers(CON, tmp_path, date(2025, 2, 15))["score"].tolist() == [9.0, 3.0]
