"""A stale feed is refused before it looks like dying customers."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from serve.freshness import KEPT_AS, BeyondData, StaleTable, check_freshness, check_reached

AS_OF = date(2025, 7, 1)


def facts(folder: Path, table: str, *rows: tuple[str, str], part: str | None = None) -> Path:
    """Facts of (happened, known): the table's file, or one part of the days of a rollup."""
    values = ", ".join(f"(TIMESTAMP '{at}', TIMESTAMP '{known}')" for at, known in rows)
    name = KEPT_AS.get(table, table)
    file = folder / (f"{name}/{part}.parquet" if part else f"{name}.parquet")
    file.parent.mkdir(exist_ok=True)
    columns = "CAST(occurred_at AS DATE) AS day, CAST(known_at AS DATE) AS known_at"
    columns = columns if part else "*"
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT {columns} FROM (VALUES {values}) AS t(occurred_at, known_at)) "
            f"TO '{file}' (FORMAT parquet)"
        )
    return folder


def test_the_last_day_allowed_is_fresh_and_the_day_before_it_is_stale(tmp_path):
    facts(tmp_path, "usage", ("2025-06-17 23:00", "2025-06-17 23:00"), part="2025-06-17")
    check_freshness(tmp_path, AS_OF, {"usage": 14})
    with pytest.raises(StaleTable) as said:
        check_freshness(tmp_path, AS_OF, {"usage": 13})
    assert str(said.value) == (
        "usage ends 14 days before 2025-07-01: its last fact is of 2025-06-17, "
        "freshness.usage allows 13 days. Bring newer exports, or ask for an earlier morning"
    )


ROWS = [("2025-05-01", "2025-05-01"), ("2025-06-30", "2025-07-01 08:00"), ("2025-07-01",) * 2]


@pytest.mark.parametrize("parts", [["2025-05", "2025-06", "2025-07-01"], ["2025-05"] * 3])
def test_a_fact_of_the_morning_or_recorded_on_it_does_not_count(tmp_path, parts):
    facts(tmp_path, "tickets", *ROWS)
    for part in parts:
        named = [row for row, place in zip(ROWS, parts, strict=True) if place == part]
        facts(tmp_path, "usage", *named, part=part)
    for table in ("usage", "tickets"):
        with pytest.raises(StaleTable, match=f"{table}.*its last fact is of 2025-05-01"):
            check_freshness(tmp_path, AS_OF, {table: 14})


def test_of_a_table_in_parts_only_the_newest_with_a_known_fact_is_read(tmp_path):
    facts(tmp_path, "usage", ("2025-06-29", "2025-06-29"), part="2025-06-29")
    facts(tmp_path, "usage", ("2025-06-30", "2025-07-03"), part="2025-06-30")
    for unread in ("2025-05", "2025-06-28", "2025-07-01"):
        (tmp_path / "account_days" / f"{unread}.parquet").write_text("nobody reads this")
    check_freshness(tmp_path, AS_OF, {"usage": 2})
    with pytest.raises(StaleTable, match="its last fact is of 2025-06-29"):
        check_freshness(tmp_path, AS_OF, {"usage": 1})


def test_a_table_in_parts_that_holds_none_or_none_of_the_past_is_stale(tmp_path):
    (tmp_path / "account_days").mkdir()
    for part in (None, "2025-07-02"):
        if part:
            facts(tmp_path, "usage", ("2025-07-02", "2025-07-02"), part=part)
        with pytest.raises(StaleTable, match="usage holds no fact known before 2025-07-01"):
            check_freshness(tmp_path, AS_OF, {"usage": 14})


def test_every_stale_table_is_named_at_once(tmp_path):
    facts(tmp_path, "usage", ("2025-05-20", "2025-05-20"), part="2025-05")
    facts(tmp_path, "tickets", ("2025-07-02", "2025-07-02"))
    with pytest.raises(StaleTable) as said:
        check_freshness(tmp_path, AS_OF, {"usage": 14, "tickets": 30})
    assert "usage ends 42 days" in str(said.value)
    assert "tickets holds no fact known before 2025-07-01" in str(said.value)


def test_a_table_that_is_not_supplied_is_stale_only_if_every_source_must_have_it(tmp_path):
    check_freshness(tmp_path, AS_OF, {"usage": 14})
    with pytest.raises(StaleTable, match="subscriptions"):
        check_freshness(tmp_path, AS_OF, {"subscriptions": 60})


def test_a_morning_after_the_end_of_the_data_is_refused_for_nobody_seems_to_do_anything_there():
    check_reached(AS_OF, AS_OF)
    with pytest.raises(BeyondData, match=f"bring newer exports, or ask as of {AS_OF}"):
        check_reached(AS_OF + timedelta(days=1), AS_OF)
