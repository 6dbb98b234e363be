"""A stale feed is refused before it looks like dying customers."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from serve.freshness import KEPT_AS, StaleTable, check_freshness

AS_OF = date(2025, 7, 1)


def facts(folder: Path, table: str, *rows: tuple[str, str]) -> Path:
    """A facts file of (occurred_at, known_at)."""
    values = ", ".join(f"(TIMESTAMP '{at}', TIMESTAMP '{known}')" for at, known in rows)
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT * FROM (VALUES {values}) AS t(occurred_at, known_at)) "
            f"TO '{folder / f'{KEPT_AS.get(table, table)}.parquet'}' (FORMAT parquet)"
        )
    return folder


def test_the_last_day_allowed_is_fresh_and_the_day_before_it_is_stale(tmp_path):
    facts(tmp_path, "usage", ("2025-06-17 23:00", "2025-06-17 23:00"))
    check_freshness(tmp_path, AS_OF, {"usage": 14})
    with pytest.raises(StaleTable) as said:
        check_freshness(tmp_path, AS_OF, {"usage": 13})
    assert str(said.value) == (
        "usage ends 14 days before 2025-07-01: its last fact is of 2025-06-17, "
        "freshness.usage allows 13 days. Bring newer exports, or ask for an earlier morning"
    )


def test_a_fact_of_the_morning_or_recorded_on_it_does_not_count(tmp_path):
    facts(
        tmp_path,
        "usage",
        ("2025-05-01", "2025-05-01"),
        ("2025-07-01", "2025-07-01"),
        ("2025-06-30", "2025-07-01 08:00"),
    )
    with pytest.raises(StaleTable, match="its last fact is of 2025-05-01"):
        check_freshness(tmp_path, AS_OF, {"usage": 14})


def test_every_stale_table_is_named_at_once(tmp_path):
    facts(tmp_path, "usage", ("2025-05-20", "2025-05-20"))
    facts(tmp_path, "tickets", ("2025-07-02", "2025-07-02"))
    with pytest.raises(StaleTable) as said:
        check_freshness(tmp_path, AS_OF, {"usage": 14, "tickets": 30})
    assert "usage ends 42 days" in str(said.value)
    assert "tickets holds no fact known before 2025-07-01" in str(said.value)


def test_a_table_that_is_not_supplied_is_stale_only_if_every_source_must_have_it(tmp_path):
    check_freshness(tmp_path, AS_OF, {"usage": 14})
    with pytest.raises(StaleTable, match="subscriptions"):
        check_freshness(tmp_path, AS_OF, {"subscriptions": 60})
