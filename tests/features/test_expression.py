from __future__ import annotations

import pytest

from features.expression import Need, over_columns, over_rows, units
from features.facts import READABLE
from features.language import Refused
from features.window import Window

COLUMNS = {
    "events": "number", "user_id": "text", "priority": "text", "score": "integer",
    "is_key": "flag", "opened_at": "instant", "resolved_at": "instant", "gap": "number",
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sum(spend)", "no column `spend`"),
        ("sum(account_id)", "no column"),
        ("sum(t.events)", "not in the language"),
        ("now()", "no function now"),
        ("count(*) FILTER (WHERE age < now())", "no function"),
        ("count(*) FILTER (WHERE age < current_date)", "not in the language"),
        ("count(*) FILTER (WHERE opened_at < '2025-01-01')", "is a date"),
        ("count(*) FILTER (WHERE resolved_at < opened_at)", "is a date"),
        ("count(resolved_at)", "is a date"),
        ("sum(events * random())", "no function random"),
        ("first(events)", "no function first"),
        ("last(events)", "no function last"),
        ("any_value(events)", "no function any_value"),
        ("arg_max(events, age)", "no function arg_max"),
        ("string_agg(user_id)", "no function string_agg"),
        ("list(events)", "no function list"),
        ("median(events)", "no function median"),
        ("max(age, 3)", "not in the language"),
        ("max(age, 3) FILTER (WHERE age < 9)", "not in the language"),
        ("sum(events ORDER BY age)", "not in the language"),
        ("sum(DISTINCT events)", "not in the language"),
        ("sum(events) OVER ()", "no function OVER"),
        ("(SELECT max(events) FROM usage)", "not in the language"),
        ("count(*) FILTER (WHERE age IN (SELECT 1))", "not in the language"),
        ("sum(events::INTEGER)", "not in the language"),
        ("count(*) FILTER (WHERE priority LIKE 'u%')", "not in the language"),
        ("count(*); DROP TABLE observed", "`;` is not in the language"),
        ("sum(events", "cannot be read"),
        ("events", "outside of an aggregate"),
        ("sum(sum(events))", "inside of another aggregate"),
        ("3", "aggregates none"),
        ("sum(priority)", "is text, not a number"),
        ("latest(priority)", "a number or a flag, this is text"),
        ("count(*) FILTER (WHERE priority = 3)", "different kinds"),
        ("count(*) FILTER (WHERE events)", "not a condition"),
        ("count(DISTINCT user_id, priority)", "takes one column"),
        ("abs(events) FILTER (WHERE age < 3)", "only behind an aggregate"),
        ("sum(in_force(0))", "no function in_force"),
        ("sum(since(events))", "not a date column"),
        ("sum(round(events, age))", "whole number of digits"),
        ("count(*) FILTER (WHERE events IS TRUE)", "IS stands only before NULL"),
        ("sum(CASE events WHEN 1 THEN 2 END)", "CASE WHEN"),
        ("sum(ago(events, 28))", "no function ago"),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_is(text, reason):
    with pytest.raises(Refused) as refused:
        over_rows(text, COLUMNS, "bad_feature")
    message = str(refused.value)
    assert message.startswith("bad_feature: ") and reason in message
    assert "Allowed are the columns age, events" in message and "latest(column)" in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sum(events_28d)", "aggregates rows"),
        ("ago(events_28d)", "ago takes"),
        ("ago(events_28d, 0)", "from 1 to 36500"),
        ("ago(events_28d / 2, 28)", "ago takes"),
        ("since(due_date)", "no function since"),
        ("random()", "no function random"),
        ("row_number() OVER ()", "no function row_number"),
    ],
)
def test_a_derived_feature_is_scalar(text, reason):
    with pytest.raises(Refused, match=reason):
        over_columns(text, "bad_feature")


def test_dates_come_as_whole_days_and_hours():
    read = over_rows(
        "avg(hours_between(opened_at, resolved_at)) FILTER (WHERE since(opened_at) <= 7)",
        COLUMNS,
        "hours",
    )
    assert read.needs == {
        Need("hours", ("opened_at", "resolved_at")),
        Need("since", ("opened_at",)),
    }
    open_now = over_rows("count(*) FILTER (WHERE resolved_at IS NULL)", COLUMNS, "open")
    assert open_now.needs == {Need("since", ("resolved_at",))}


def test_sums_of_reals_are_exact_so_that_order_means_nothing():
    assert "DECIMAL(38, 9)" in over_rows("sum(score / 3)", COLUMNS, "thirds").sql
    assert "DECIMAL" not in over_rows("sum(events + score)", COLUMNS, "whole").sql
    mean = over_rows("avg(events)", COLUMNS, "mean").sql
    assert mean == '(CAST(sum("value events") AS DOUBLE) / NULLIF(count("value events"), 0))'


def test_division_by_zero_and_the_logarithm_of_nothing_are_missing():
    assert "NULLIF" in over_columns("a / b", "ratio").sql
    assert over_columns("ln(a)", "log").sql == (
        'CASE WHEN CAST("a" AS DOUBLE) > 0 THEN ln(CAST("a" AS DOUBLE)) END'
    )


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("count(*) FILTER (WHERE age <= 28)", [Window(0, 28)]),
        ("count(*) FILTER (WHERE 28 > age AND is_key)", [Window(0, 27)]),
        ("count(*) FILTER (WHERE age > 28 AND (age <= 56))", [Window(28, 56)]),
        ("count(*) FILTER (WHERE age BETWEEN 29 AND 56)", [Window(28, 56)]),
        ("count(*) FILTER (WHERE age = 1)", [Window(0, 1)]),
        ("count(*) FILTER (WHERE age >= 7)", [Window(6, None)]),
        ("count(*) FILTER (WHERE age <= 7 OR is_key)", [Window(0, None)]),
        ("count(*) FILTER (WHERE NOT age <= 7)", [Window(0, None)]),
        ("count(*) FILTER (WHERE age <= 7) / count(*)", [Window(0, 7), Window(0, None)]),
        ("min(age)", [Window(0, None)]),
    ],
)
def test_windows_are_read_from_the_expression(text, windows):
    assert list(over_rows(text, COLUMNS, "windowed").windows) == windows


def test_what_no_row_makes_of_an_expression_is_known():
    kinds = {"count(*)": "count", "max(events)": "measure", "latest(score)": "measure"}
    for text, empty in {**kinds, "count(*) + 1": "mixed"}.items():
        assert over_rows(text, COLUMNS, "empty").empty == empty


def test_only_a_bare_distinct_count_of_a_column_is_two_steps():
    assert units("count(DISTINCT user_id)", "users") == ("user_id", "COUNT(*)")
    assert units("count(DISTINCT user_id) + 1", "users") is None
    assert units("count(user_id)", "users") is None


def test_the_second_step_sees_value_and_nothing_else():
    read = over_rows("max(value) / sum(value)", {"value": "number"}, "share", unit="f share")
    assert '"inner f share"' in read.sql and 'FILTER (WHERE "read f share")' in read.sql
    with pytest.raises(Refused, match="no column `age`"):
        over_rows("max(age)", {"value": "number"}, "share", unit="f share")


def test_terms_are_in_force_as_days_and_the_look_back_is_noted():
    read = over_rows("sum(arr) FILTER (WHERE in_force(91))", READABLE["subscriptions"], "arr_then")
    assert '"since start_date" > 91' in read.sql and '"since ended_at" <= 91' in read.sql
    assert read.back == 91


def test_a_rival_forecast_is_no_column_of_touchpoints():
    with pytest.raises(Refused, match="no column `risk_call`"):
        over_rows("latest(risk_call)", READABLE["touchpoints"], "forecast")
