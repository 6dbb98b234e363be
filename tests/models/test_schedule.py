"""Rows must be settled, undecided and asked on mornings that all accounts share."""

from __future__ import annotations

import pandas as pd
import pytest

from models import schedule
from tests.models.gated import GAP_DAYS, SETTINGS, Gated, company

INDEX = ["account_id", "as_of"]


@pytest.fixture(scope="module")
def small() -> Gated:
    return company(accounts=120)


def ever(small: Gated) -> pd.Series:
    return small.rows.groupby("account_id")["outcome"].max().astype(bool)


def test_a_row_told_before_it_is_settled_is_found(small):
    assert not schedule.unsettled(small.rows, small.by, GAP_DAYS).found
    found = schedule.unsettled(small.rows, small.by - pd.Timedelta(days=31), GAP_DAYS)
    assert found.found and found.figure == (small.rows["as_of"] == small.rows["as_of"].max()).mean()


def test_rows_decided_on_their_morning_are_found_but_a_few_are_honest(small):
    def notice(share: float) -> bool:
        lost = small.rows.loc[small.rows["outcome"], INDEX]
        given = pd.MultiIndex.from_frame(lost.iloc[: int(share * len(lost))])
        known = pd.MultiIndex.from_frame(small.observations[INDEX]).isin(given)
        decided = pd.Series(known).map({True: "notice_given", False: None})
        asked = small.observations.assign(decided=decided.to_numpy(dtype=object))
        return schedule.decided(small.rows, asked, SETTINGS).found

    assert notice(0.2)
    assert not notice(0.02)


def test_rows_left_out_where_the_outcome_came_are_found(small):
    lost = small.rows["outcome"]
    last = small.rows[lost].groupby(["account_id", "decision"]).tail(1)
    rows = pd.concat([small.rows[~lost], last])
    assert schedule.unasked(rows, small.asked, SETTINGS).found
    assert not schedule.unasked(small.rows, small.asked, SETTINGS).found


def test_rows_left_out_whatever_happens_tell_nothing(small):
    every_other = small.rows.iloc[::2]
    assert not schedule.unasked(every_other, small.asked, SETTINGS).found


def test_accounts_asked_on_days_of_their_own_are_found(small):
    assert schedule.mornings(small.observations, ever(small), SETTINGS).figure == 0
    last = small.observations.groupby("account_id").tail(1).index
    days = pd.to_timedelta(pd.Series(range(1, len(last) + 1), last) % 25 + 1, unit="D")
    own = small.observations.assign(
        as_of=small.observations["as_of"].add(
            days.reindex(small.observations.index).fillna(pd.Timedelta(0))
        )
    )
    assert schedule.mornings(own, ever(small), SETTINGS).found


def test_accounts_asked_once_each_are_found(small):
    moved = small.observations.groupby("account_id").sample(1, random_state=1)
    assert schedule.mornings(moved, ever(small), SETTINGS).found


def test_who_became_a_customer_late_has_missed_nothing(small):
    asked = small.observations
    late = asked["account_id"] < "a0060"
    since = (asked["as_of"] - pd.Timestamp("2024-06-15")).dt.days
    joined = asked.assign(days_observed=asked["days_observed"].mask(late, since))
    there = ~late | (since > 0)
    assert schedule.mornings(joined[there], ever(small), SETTINGS).figure == 0
