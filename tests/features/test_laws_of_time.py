"""The laws of time hold, and a builder that leaks is caught by them."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest

from features import past
from features.feature import derived
from tests.features.laws import (
    World,
    ask,
    company,
    erasing_the_future,
    news_of_the_morning,
    on,
    violations,
)

AGO = 28


@derived(name=["active_users_28d", "events_91d", "new_users_28d", "nps_mean_182d", "seats"])
def earlier(name):
    """{name}, asked 28 days earlier."""
    return f"ago({name}, {AGO})"


@derived
def earlier_twice():
    """A derived feature asked 28 days earlier, which itself asks 28 days earlier still."""
    return f"ago(users_then, {AGO})"


@derived
def users_then():
    """People active, 28 days earlier."""
    return f"ago(active_users_28d, {AGO}) + 0 * active_users_28d"


@pytest.mark.parametrize("seed", [1, 2])
def test_the_laws_of_time_hold_for_every_feature_and_observation(seed):
    assert violations(ask, company(seed)) == []


def test_ago_is_the_feature_asked_on_the_earlier_morning():
    world = company(3)
    (morning, *_) = world.mornings
    earlier_mornings = [morning - timedelta(AGO), morning - timedelta(2 * AGO)]
    now = on(ask(world.tables, [morning], ["test_laws_of_time"]), morning).droplevel("as_of")
    then = ask(world.tables, earlier_mornings)
    once, twice = (on(then, day).droplevel("as_of").reindex(now.index) for day in earlier_mornings)
    for name in ["active_users_28d", "events_91d", "new_users_28d", "nps_mean_182d", "seats"]:
        asked = now[f"earlier_{name}"]
        assert asked.notna().any()
        pd.testing.assert_series_equal(asked, once[name], check_names=False)
    pd.testing.assert_series_equal(
        now["earlier_twice"], twice["active_users_28d"], check_names=False
    )


def test_a_leak_is_caught_facts_of_the_morning_itself(monkeypatch):
    monkeypatch.setattr(past, "PAST", past.PAST.replace("<", "<="))
    assert caught(news_of_the_morning, "events_7d", "tickets_opened_28d", "nps_answers_182d")


def test_a_leak_is_caught_features_from_all_facts(monkeypatch):
    happened = "f.occurred_at < s.asked AND f.replaced_at IS NULL"
    monkeypatch.setattr(past, "PAST", happened)
    assert caught(news_of_the_morning, "events_28d", "tickets_opened_28d", "nps_answers_182d")
    assert caught(erasing_the_future, "events_91d", "open_tickets", "seats")


def test_a_leak_is_caught_outcomes_before_they_are_known(monkeypatch):
    monkeypatch.setattr(past, "moment", lambda table, column, columns: None)
    assert caught(erasing_the_future, "open_tickets", "csat_91d")


def test_a_leak_is_caught_the_plan_from_todays_table():
    def ask_of_today(tables, mornings):
        newest = tables["subscriptions"].sort_values("recorded_at", kind="stable")
        newest = newest.drop_duplicates("subscription_id", keep="last")
        today = {**tables, "subscriptions": newest.assign(recorded_at=None)}
        return ask(today, mornings, ["commercial"])

    assert caught(erasing_the_future, "auto_renew", ask=ask_of_today, morning=date(2025, 1, 5))


def test_a_leak_is_caught_windows_that_end_after_the_morning():
    def ask_tomorrow(tables, mornings):
        tomorrow = [morning + timedelta(1) for morning in mornings]
        shifted = ask(tables, tomorrow, ["frequency"])
        return shifted.rename(index=lambda day: day - timedelta(1), level="as_of")

    assert caught(news_of_the_morning, "events_7d", ask=ask_tomorrow)


def ask_some(tables, mornings):
    """What the pipeline says in the families that the planted leaks show in."""
    return ask(tables, mornings, ["frequency", "support", "sentiment", "commercial"])


def caught(law, *columns, ask=ask_some, morning=date(2025, 3, 1)) -> bool:
    """Whether a law names each of these columns as moving, in one company on one morning."""
    found = violations(ask, World(company(1).tables, [morning]), (law,))
    return all(any(f": {name} moves" in fault for fault in found) for name in columns)
