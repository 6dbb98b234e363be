"""Values are read strictly: each text either means one thing or is a fault."""

from __future__ import annotations

import duckdb
import pytest

from features.tables import SQL_TYPE, Column
from pipeline.reading.readings import readable, reading


def _read(kind, value, sql_type="VARCHAR"):
    """What the value is read as, and whether it counts as empty."""
    read = reading(Column("x", kind, False, ""), sql_type)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        sql = f"SELECT CAST({read.value} AS {SQL_TYPE[kind]})::VARCHAR, {read.is_empty}"
        return con.execute(f"{sql} FROM (SELECT ?::{sql_type} AS x)", [value]).fetchall()[0]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", " a ", " a "),
        ("date", "2025-03-01", "2025-03-01"),
        ("date", "2025-03-01T00:00:00Z", "2025-03-01"),
        ("date", "2025-03-01 00:00:00.000", "2025-03-01"),
        ("instant", "2025-03-01", "2025-03-01 00:00:00"),
        ("instant", "2025-03-01 09:30", "2025-03-01 09:30:00"),
        ("instant", "2025-03-01T09:30:00Z", "2025-03-01 09:30:00"),
        ("instant", "2025-03-01T09:30:00.25+02:00", "2025-03-01 07:30:00.25"),
        ("instant", "2025-03-01 09:30:00 +0200", "2025-03-01 07:30:00"),
        ("instant", "2025-03-01 00:30:00+02", "2025-02-28 22:30:00"),
        ("instant", "2025-03-01 09:30:00 UTC", "2025-03-01 09:30:00"),
        ("integer", "12", "12"),
        ("integer", "-12.0", "-12"),
        ("number", "1.5e3", "1500.0"),
        ("number", " .5 ", "0.5"),
        ("flag", "Yes", "true"),
        ("flag", "0", "false"),
    ],
)
def test_a_plain_value_is_read_as_meant(kind, text, value):
    assert _read(kind, text) == (value, False)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("date", "01.03.2025"),
        ("date", "3/1/2025"),
        ("date", "2025-3-1"),
        ("date", "2025-02-29"),
        ("date", "2025-03-01 09:30:00"),
        ("date", "2025-03-01T00:00:00+02:00"),
        ("instant", "yesterday"),
        ("instant", "2025-03-01 25:00:00"),
        ("instant", "2025-03-01T09:30:00 Europe/Berlin"),
        ("instant", "1740787200"),
        ("integer", "3.7"),
        ("integer", "0x10"),
        ("integer", "1_000"),
        ("integer", "99999999999999999999"),
        ("number", "1,5"),
        ("number", "nan"),
        ("number", "Infinity"),
        ("number", "1e999"),
        ("number", "12 EUR"),
        ("number", "NULL"),
        ("flag", "maybe"),
        ("flag", "2"),
    ],
)
def test_a_value_that_could_mean_anything_else_is_not_read(kind, text):
    assert _read(kind, text) == (None, False)


@pytest.mark.parametrize("kind", SQL_TYPE)
@pytest.mark.parametrize("text", ["", "  ", None])
def test_blank_text_is_empty_not_unreadable(kind, text):
    assert _read(kind, text) == (None, True)


@pytest.mark.parametrize(
    ("kind", "value", "sql_type", "read"),
    [
        ("text", 7, "INTEGER", "7"),
        ("date", "2025-03-01 00:00:00", "TIMESTAMP", "2025-03-01"),
        ("date", "2025-03-01 09:00:00", "TIMESTAMP", None),
        ("instant", "2025-03-01 01:00:00+02", "TIMESTAMPTZ", "2025-02-28 23:00:00"),
        ("instant", "2025-03-01", "DATE", "2025-03-01 00:00:00"),
        ("integer", 7.0, "DOUBLE", "7"),
        ("integer", 7.5, "DOUBLE", None),
        ("number", float("nan"), "DOUBLE", None),
        ("number", "1.25", "DECIMAL(9,2)", "1.25"),
        ("flag", 1, "TINYINT", "true"),
        ("flag", 2, "TINYINT", None),
    ],
)
def test_a_typed_value_is_converted_only_without_loss(kind, value, sql_type, read):
    sql_type_shown = "TIMESTAMP WITH TIME ZONE" if sql_type == "TIMESTAMPTZ" else sql_type
    assert _read(kind, value, sql_type_shown) == (read, False)


@pytest.mark.parametrize(
    ("kind", "sql_type"),
    [("date", "INTEGER"), ("number", "DATE"), ("text", "DOUBLE"), ("flag", "DOUBLE"),
     ("number", "BOOLEAN"), ("text", "VARCHAR[]"), ("text", "STRUCT(a INTEGER)")],
)  # fmt: skip
def test_some_types_can_never_be_what_is_meant(kind, sql_type):
    assert not readable(kind, sql_type)


def test_a_column_of_nulls_fits_every_kind():
    with duckdb.connect() as con:
        ((_, null_type, *_),) = con.execute("DESCRIBE SELECT NULL AS x").fetchall()
    assert all(readable(kind, null_type) for kind in SQL_TYPE)
