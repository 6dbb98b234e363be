from __future__ import annotations

import numpy as np
import pandas as pd

from simulation.clock import add_months
from simulation.papers import NEVER, subscriptions
from simulation.randomness import stream


def newest(subscriptions: pd.DataFrame) -> pd.DataFrame:
    return subscriptions.sort_values("recorded_at").groupby("subscription_id").tail(1)


def test_rows_of_one_product_never_overlap_and_a_replacement_closes_what_it_replaces(exports):
    rows = newest(exports["subscriptions"]).sort_values(["account_id", "product", "start_date"])
    following = rows.groupby(["account_id", "product"]).start_date.shift(-1)
    replaced = following.notna()
    booked_ahead = replaced & (following >= pd.Timestamp("2025-07-01"))
    assert rows.ended_at[replaced & ~booked_ahead].notna().all()
    assert (rows.ended_at[replaced] <= following[replaced]).all() or booked_ahead.any()
    closed = rows[replaced & ~booked_ahead]
    assert (closed.ended_at <= following[closed.index]).all()
    assert (closed.ended_at == following[closed.index]).mean() > 0.9  # the rest: a late renewal


def test_a_row_is_open_until_its_end_is_recorded(exports):
    rows = exports["subscriptions"].sort_values("recorded_at")
    first = rows.groupby("subscription_id").head(1)
    assert first.ended_at.isna().all()
    assert first.notice_at.isna().all()
    assert (first.booked_at <= first.recorded_at).all()
    assert (
        rows.groupby("subscription_id").ended_at.apply(lambda end: end.dropna().nunique()).max()
        == 1
    )


def test_terms_are_whole_months_or_none_and_are_never_moved(exports):
    rows = exports["subscriptions"]
    assert (rows.groupby("subscription_id").term_end.nunique(dropna=False) == 1).all()
    years = (rows.term_end - rows.start_date).dt.days / 365.25
    assert (years.round() >= 2).any()  # two and three years
    assert years.isna().mean() > 0.02  # month to month
    assert (years.dropna() > 0).all()


def test_notice_is_given_within_90_days_of_the_end_by_about_half_of_those_who_leave(world):
    rows = world.contracts.rows
    lost = world.contracts.spells.query("end != @NEVER", local_dict={"NEVER": NEVER})
    ends = rows.merge(lost, left_on=["account", "ended_at"], right_on=["account", "end"])
    warned = ends[ends.notice_at < NEVER]
    assert 0.35 < len(warned) / len(ends) < 0.6
    assert (warned.ended_at - warned.notice_at).between(0, 90).all()


def test_a_notice_and_a_renewal_beyond_the_window_are_known_in_it(world):
    chance = stream(5, "papers")
    rows = subscriptions(chance, world.family, world.accounts, world.contracts.rows, world.clock)
    until = pd.Timestamp("2027-01-01")
    ahead = rows[rows.ended_at >= until]
    assert len(ahead) > 3
    assert (ahead.notice_at < until).all()
    assert not (ahead.auto_renew == "true").any()
    assert (rows.start_date >= until).sum() > 20


def test_renewals_are_booked_ahead_and_late(world):
    rows = world.contracts.rows
    lateness = rows.booked_second // 86_400 - rows.start_date
    assert lateness.min() >= -45
    assert lateness.max() <= 20
    assert (lateness < -7).mean() > 0.1
    assert (lateness > 0).mean() > 0.02


def test_due_dates_follow_from_the_terms(world):
    decisions = world.contracts.decisions
    monthly = decisions[decisions.monthly]
    assert (monthly.due_date == add_months(monthly.term_start.to_numpy(), 1)).all()
    years = (decisions.due_date - decisions.term_start)[~decisions.monthly] / 365.25
    assert set(np.round(years).astype(int)) <= {1, 2, 3}
    assert (decisions.decided <= decisions.due_date).all()


def test_churn_expansion_and_contraction_happen_as_often_as_in_such_companies(world):
    decisions = world.contracts.decisions
    seen = decisions[decisions.due_date.between(world.clock.start, world.clock.until - 1)]
    yearly = seen[~seen.monthly].outcome.value_counts(normalize=True)
    monthly = seen[seen.monthly].outcome.value_counts(normalize=True)
    assert 0.12 < yearly["churned"] < 0.19
    assert 0.15 < yearly["expanded"] < 0.25
    assert 0.04 < yearly["contracted"] < 0.09
    assert 0.02 < monthly["churned"] < 0.04


def test_each_year_12_to_18_percent_of_the_customers_leave_and_small_ones_more(world):
    spells, small = world.contracts.spells, world.accounts.seats < 15
    shares = []
    for year in range(3):
        first = world.clock.start + 365 * year
        here = spells[(spells.start < first) & (spells.end >= first)]
        left = (here.end < first + 365).to_numpy()
        shares.append([left.mean(), left[small[here.account]].mean()])
    overall, among_small = np.mean(shares, axis=0)
    assert 0.12 < overall < 0.18
    assert among_small > overall + 0.02


def test_few_come_back_and_few_leave_in_the_middle_of_a_term(world):
    spells, decisions = world.contracts.spells, world.contracts.decisions
    lost = spells[(spells.end >= world.clock.start) & (spells.end < world.clock.until)]
    assert 0 < spells.account.duplicated().sum() < 0.1 * len(lost)
    due = decisions[decisions.outcome == "churned"]
    early = len(lost) - due.due_date.between(world.clock.start, world.clock.until - 1).sum()
    assert 0 < early < 0.02 * 3 * len(world.accounts)
