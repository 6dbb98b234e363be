from __future__ import annotations

import pytest

from features.definition import Aggregate, UnknownName, definitions, order, reach, references
from features.feature import derived, feature, relative
from features.language import Refused
from features.window import Window

MINE = "test_definition"


@feature("user_days", per="user_id", days=28, absent=0)
def gone(days):
    """People of the last 91 days who were not there in the last {days}."""
    return "min(age) FILTER (WHERE age <= 91)", f"count(*) FILTER (WHERE value > {days})"


@feature("user_days", per="user_id", days=28, absent=0)
def fresh(days):
    """People first seen in the last {days} days."""
    return "max(age) FILTER (WHERE age <= 91)", f"count(*) FILTER (WHERE value <= {days})"


@feature("account_days", days=[7, 56])
def most(days):
    """Most events of a day in the last {days} days."""
    return f"max(events) FILTER (WHERE age <= {days})"


@feature("subscriptions")
def seats_then():
    """Seats 120 days ago, as known now."""
    return "sum(seats) FILTER (WHERE in_force(120))"


@derived
def change():
    """Most events of a day against the same, 200 days earlier."""
    return "most_56d / ago(most_56d, 200) + events_28d"


@derived
def arr():
    """ARR in thousands: its own name means the column of the observation."""
    return "arr / 1000"


@derived
def arr_again():
    """The feature above, not the observation's column."""
    return "arr"


@relative(to="segment", min_peers=2)
def rank():
    """Rank by most events."""
    return "most_7d"


@derived
def odd():
    """Asks for what is not there."""
    return "events_27d"


@derived
def rank_then():
    """A rank asked earlier."""
    return "ago(rank, 28)"


@derived
def tenure_then():
    """An observation's column asked earlier."""
    return "ago(tenure_days, 28)"


@derived
def contract_then():
    """A derived feature asked earlier, which needs an observation's column."""
    return "ago(price_per_seat, 28)"


@derived
def renewals_then():
    """Past renewals asked earlier."""
    return "ago(past_renewals, 28)"


@derived
def hen():
    """Before the egg."""
    return "egg"


@derived
def egg():
    """Before the hen."""
    return "hen"


def mine(name):
    return next(d for d in definitions([MINE]) if d.name == name)


def test_a_window_is_divided_where_the_second_step_divides_it():
    assert mine("gone_28d").windows == (Window(0, 28), Window(0, 91), Window(28, 91))
    assert mine("fresh_28d").windows == (Window(0, 28), Window(0, 91), Window(28, 91))
    assert mine("most_7d").windows == (Window(0, 7),)


def test_reach_adds_what_is_asked_earlier():
    assert reach(mine("most_56d")) == 56
    assert reach(mine("change")) == 256
    assert reach(mine("seats_then")) == 120


def test_everything_is_asked_once_and_after_what_it_uses():
    asked = [(d.name, days) for d, days in order([mine("change"), mine("most_56d")])]
    assert asked == [("events_28d", 0), ("most_56d", 0), ("most_56d", 200), ("change", 0)]


def test_a_name_is_a_feature_before_an_observation_column_but_its_own_is_the_column():
    assert references(mine("arr")) == [("arr", 0)]
    assert references(mine("arr_again")) == [(mine("arr"), 0)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("rank_then", "peers are the customers of this morning"),
        ("tenure_then", "asks tenure_days 28 days ago|asked 28 days ago"),
        ("contract_then", "asks arr 28 days ago"),
        ("renewals_then", "known per morning"),
        ("hen", "circle: hen -> egg -> hen"),
    ],
)
def test_what_cannot_be_asked_is_refused(name, reason):
    with pytest.raises(Refused, match=reason):
        order([mine(name)])


def test_an_unknown_name_is_answered_with_near_ones():
    with pytest.raises(UnknownName, match="'events_27d'; near are events_7d|near are .*events_"):
        order([mine("odd")])
    with pytest.raises(UnknownName, match="no family 'frequencies': there are .*frequency"):
        definitions(["frequencies"])


def test_one_name_in_two_families_cannot_be_two_columns():
    with pytest.raises(Refused, match="arr is declared in commercial and in test_definition"):
        definitions(["commercial", MINE])


def test_the_default_features_are_complete_and_need_nothing_unknown():
    default = definitions()
    assert len(default) >= 80 and len({d.name for d in default}) == len(default)
    tables = {d.table for d, _ in order(default) if isinstance(d, Aggregate)}
    assert tables == {
        "account_days", "user_days", "feature_days", "tickets", "nps", "subscriptions", "renewals",
        "touchpoints",
    }  # fmt: skip
