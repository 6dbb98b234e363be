"""Facts cut at a morning hold what was known before it, and nothing else is changed."""

from __future__ import annotations

from datetime import date

import duckdb
import pandas as pd
import pytest

from pipeline.cut import cut

DAY = date(2025, 3, 1)
NEW = pd.Timestamp("2025-03-01")


@pytest.fixture
def then(company, tmp_path):
    with duckdb.connect() as con:
        cut(con, company.folder / "data/facts", DAY, tmp_path / "then")
    return tmp_path / "then"


def test_every_table_holds_exactly_the_rows_known_before(company, then):
    facts = company.folder / "data/facts"
    for table in sorted(path.name for path in facts.iterdir() if path.suffix != ".json"):
        was, now = (pd.read_parquet(place / table) for place in (facts, then))
        assert len(now) == (pd.to_datetime(was["known_at"]) < NEW).sum(), table
        assert list(now.columns) == list(was.columns), table
        if "replaced_at" in now:
            assert not (pd.to_datetime(now["replaced_at"]) >= NEW).any(), table


def test_what_was_written_later_than_its_row_is_not_there_yet(company, then):
    tickets = pd.read_parquet(then / "tickets.parquet")
    assert not (tickets["resolved_at"] >= NEW).any()
    written = tickets["csat_at"].fillna(tickets["resolved_at"])
    assert tickets["csat"].notna().any()
    assert not (tickets["csat"].notna() & written.isna()).any()
    contracts = pd.read_parquet(then / "subscriptions.parquet")
    told = contracts[["notice_at", "ended_at"]].min(axis=1)
    assert not (pd.to_datetime(told) >= NEW).any()
