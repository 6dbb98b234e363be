from __future__ import annotations

from datetime import date

import duckdb
import pandas as pd
import pytest

from features import observations
from features.observations import NoMornings, observe
from tests.features import contracts_oracle as oracle
from tests.worlds import table

CON = duckdb.connect(config={"threads": 1})
FROM = date(2023, 1, 1)

ACCOUNTS = """
    account_id  created_at  segment  country
    acme        2022-01-01  small    DE
    bolt        2022-01-01  large    FR
"""


@pytest.fixture
def ask(tmp_path):
    """The observations of some mornings, from text tables."""

    def observed(subscriptions, *mornings, accounts=ACCOUNTS, static=("country",), horizon=90):
        oracle.write(tmp_path, oracle.facts(oracle.rows_of(table(subscriptions))))
        rows = [
            {column: oracle.read(value, column) for column, value in row.items()}
            for row in table(accounts).to_dict("records")
        ]
        oracle.write(tmp_path, oracle.facts(rows, "account_id"), "accounts")
        days = [date.fromisoformat(day) for day in mornings]
        return observe(
            CON,
            tmp_path,
            mornings=days,
            grace=30,
            horizon=horizon,
            data_from=FROM,
            static=static,
        )

    return observed


def days(column):
    """A column of dates as ISO text, None where empty."""
    return [None if pd.isna(day) else f"{day:%Y-%m-%d}" for day in column]


def test_mornings_are_firsts_of_months_within_the_period():
    found = observations.mornings(date(2024, 1, 31), date(2024, 4, 1))
    assert found == [date(2024, 2, 1), date(2024, 3, 1), date(2024, 4, 1)]


def test_a_period_without_a_morning_is_refused_with_its_dates():
    with pytest.raises(NoMornings, match="2024-01-02 to 2024-01-31"):
        observations.mornings(date(2024, 1, 2), date(2024, 1, 31))


def test_a_customer_is_asked_about_from_the_day_after_the_start_to_the_day_of_the_end(ask):
    found = ask(
        "start_date ended_at\n2024-01-10 2024-02-10",
        *("2024-01-10", "2024-01-11", "2024-02-10", "2024-02-11"),
    )
    assert days(found["as_of"]) == ["2024-01-11", "2024-02-10"]


def test_an_end_that_notice_foretold_is_the_last_morning_of_a_customer(ask):
    subscriptions = "start_date ended_at notice_at\n2024-01-10 2024-03-01 2024-01-20"
    assert days(ask(subscriptions, "2024-03-01", "2024-03-02")["as_of"]) == ["2024-03-01"]


def test_a_row_that_is_booked_but_not_started_makes_no_customer(ask):
    found = ask("start_date booked_at\n2024-03-01 2024-01-15", "2024-02-01", "2024-03-02")
    assert days(found["as_of"]) == ["2024-03-02"]


def test_a_backdated_row_makes_a_customer_only_once_it_is_booked(ask):
    found = ask("start_date booked_at\n2024-01-01 2024-02-20", "2024-02-01", "2024-03-01")
    assert days(found["as_of"]) == ["2024-03-01"]


def test_an_observation_says_what_is_due_next_and_for_how_much(ask):
    [row] = ask(
        """
        start_date  term_end    arr
        2023-03-01  2024-03-01  100
        2023-06-01  2024-06-01   40
        """,
        "2024-02-01",
    ).to_dict("records")
    assert row["due_date"] == pd.Timestamp("2024-03-01")
    assert (row["days_to_due"], row["arr_due"], row["arr"]) == (29, 100.0, 140.0)
    assert row["month_to_month"] is False


def test_the_arr_of_the_morning_is_unknown_if_that_of_one_row_is(ask):
    found = ask("start_date arr\n2024-01-01 100\n2024-01-01 -", "2024-02-01")
    assert found["arr"].isna().all()


def test_a_decision_taken_moves_the_due_date_on_and_the_account_is_decided(ask):
    [row] = ask(
        """
        start_date  term_end    notice_at
        2023-03-01  2024-03-01  2024-01-20
        2023-06-01  2024-06-01  -
        """,
        "2024-02-01",
    ).to_dict("records")
    assert (row["decided"], row["due_date"]) == ("notice_given", pd.Timestamp("2024-06-01"))


def test_a_later_row_that_is_booked_decides_the_account(ask):
    [row] = ask(
        """
        start_date  term_end    booked_at
        2023-03-01  2024-03-01  -
        2024-03-01  2025-03-01  2024-01-20
        """,
        "2024-02-01",
    ).to_dict("records")
    assert (row["decided"], row["due_date"]) == ("already_renewed", pd.Timestamp("2025-03-01"))


def test_month_to_month_rows_are_due_within_a_month(ask):
    [row] = ask("start_date\n2024-01-20", "2024-03-01").to_dict("records")
    assert (row["month_to_month"], row["days_to_due"]) == (True, 19)


def test_days_observed_are_the_tenure_that_lies_in_the_data(ask):
    found = ask("start_date\n2022-06-01", "2023-02-01")
    assert found["tenure_days"].tolist() == [245]
    assert found["days_observed"].tolist() == [31]


def test_without_versions_only_static_attributes_are_known(ask):
    [row] = ask("start_date\n2024-01-01", "2024-02-01").to_dict("records")
    assert row["country"] == "DE"
    assert pd.isna(row["segment"]) and pd.isna(row["industry"])


def test_with_versions_a_morning_sees_the_attributes_of_its_day(ask):
    accounts = """
        account_id  created_at  recorded_at  segment
        acme        2022-01-01  2022-01-01   small
        acme        2022-01-01  2024-02-15   large
    """
    found = ask("start_date\n2024-01-01", "2024-02-01", "2024-03-01", accounts=accounts)
    assert found["segment"].tolist() == ["small", "large"]


def test_rows_are_sorted_by_morning_and_account_and_nobody_is_an_empty_answer(ask):
    subscriptions = """
        account_id  start_date
        bolt        2024-01-01
        acme        2024-01-01
    """
    found = ask(subscriptions, "2024-03-01", "2024-02-01")
    assert found["account_id"].tolist() == ["acme", "bolt", "acme", "bolt"]
    assert found["as_of"].is_monotonic_increasing
    nobody = ask(subscriptions, "2023-02-01")
    assert nobody.empty and list(nobody.columns) == list(found.columns)
