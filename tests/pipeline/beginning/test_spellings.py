"""Days, times and numbers as exports spell them are read by the SQL that is proposed for them."""

from __future__ import annotations

import duckdb
import pytest

from pipeline.beginning.spellings import spelling


def _read(kind, values):
    found = spelling(kind, values, called_time=True)
    assert found is not None
    given = ", ".join("('" + value.replace("'", "''") + "')" for value in values)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        rows = con.execute(f'SELECT {found.of("x")} FROM (VALUES {given}) AS t("x")').fetchall()
    return [str(value) for (value,) in rows]


@pytest.mark.parametrize(
    ("kind", "values", "meant"),
    [
        ("date", ["31/01/2024", "1/2/2024"], ["2024-01-31", "2024-02-01"]),
        ("date", ["01/31/2024"], ["2024-01-31"]),
        ("date", ["31.01.2024"], ["2024-01-31"]),
        ("date", ["31-Jan-2024"], ["2024-01-31"]),
        ("date", ["Jan 31, 2024"], ["2024-01-31"]),
        ("date", ["20240131"], ["2024-01-31"]),
        ("date", ["2024-01-31 23:59"], ["2024-01-31"]),
        ("date", ["1706659200"], ["2024-01-31"]),
        ("instant", ["31/01/2024 17:05"], ["2024-01-31 17:05:00"]),
        ("instant", ["01/31/2024 05:05 PM"], ["2024-01-31 17:05:00"]),
        ("instant", ["1706720700"], ["2024-01-31 17:05:00"]),
        ("instant", ["1706720700000"], ["2024-01-31 17:05:00"]),
        ("number", ["1,234.50", "12"], ["1234.50", "12"]),
        ("number", ["1.234,50", "12,5"], ["1234.50", "12.5"]),
        ("number", ["1.234.567", "12.000", "5000"], ["1234567", "12000", "5000"]),
        ("number", ["12.000", "1.234", "900"], ["12000", "1234", "900"]),
        ("number", ["€ 12.000", "€ 900"], ["12000", "900"]),
        ("number", ["€ 12.50", "$7"], ["12.50", "7"]),
        ("number", ["EUR 12.50"], ["12.50"]),
        ("number", ["12.5 %"], ["12.5"]),
    ],
)
def test_a_spelling_is_read_as_it_was_meant(kind, values, meant):
    assert _read(kind, values) == meant


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("date", ["03/04/2024"]),
        ("number", ["1,234"]),
        ("number", ["12.000", "24.500"]),
        ("number", ["12.125", "7"]),
        ("number", ["12.000", "5000"]),
        ("number", ["€ 12.000"]),
        ("instant", ["03/04/2024 10:00"]),
    ],
)
def test_what_could_be_read_in_two_ways_is_not_sure(kind, values):
    assert not spelling(kind, values).sure


@pytest.mark.parametrize("values", [["12.000", "900"], ["1.234.567"], ["€ 12.000", "€ 900"]])
def test_points_that_can_only_part_thousands_are_sure_and_said(values):
    found = spelling("number", values)
    assert (found.said, found.sure) == ("thousands with points", True)


@pytest.mark.parametrize("other", ["0.125", "1200.000", "12.5", "1.5e3"])
def test_points_are_decimals_where_one_cannot_part_thousands(other):
    assert spelling("number", ["12.000", other]).sql == "{x}"


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("date", ["2024-01-31", "soon"]),
        ("date", ["32/13/2024"]),
        ("number", ["12", "a dozen"]),
        ("integer", ["12.5"]),
        ("flag", ["true", "perhaps"]),
        ("instant", ["17"]),
    ],
)
def test_a_column_that_does_not_spell_a_kind_in_every_value_is_not_taken_for_one(kind, values):
    assert spelling(kind, values) is None


def test_what_the_reader_takes_as_it_is_stays_as_it_is():
    plain = {"date": "2024-01-31", "instant": "2024-01-31T10:00:00Z", "number": "-1.5e3",
             "integer": "7", "flag": "Yes"}  # fmt: skip
    assert all(spelling(kind, [value]).sql == "{x}" for kind, value in plain.items())
