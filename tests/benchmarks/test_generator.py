"""The generated company: the same on any threads, grown like any other, and without faults."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import duckdb
import pytest

from benchmarks.generator import SPARSE, Company, append_day, generate
from features.checks import faults
from features.publication import manifest
from features.tables import TABLES

SMALL = Company(events=12_000, accounts=40, months=3)
LATE = replace(SMALL, late=True)
KINDS = pytest.mark.parametrize("company", [SMALL, LATE], ids=["punctual", "late"])


@KINDS
def test_a_company_is_the_same_bytes_on_any_number_of_threads(company, tmp_path):
    generate(company, tmp_path / "one", threads=1)
    generate(company, tmp_path / "three", threads=3)
    assert manifest(tmp_path / "one") == manifest(tmp_path / "three")


@KINDS
@pytest.mark.parametrize("end", [date(2024, 3, 14), date(2024, 4, 1)])
def test_a_day_that_is_added_leaves_the_files_of_a_company_of_a_day_more(company, end, tmp_path):
    generate(replace(company, until=str(end)), tmp_path / "grown")
    assert append_day(tmp_path / "grown") == end
    generate(replace(company, until=str(end + timedelta(1))), tmp_path / "whole")
    grown, whole = manifest(tmp_path / "grown"), manifest(tmp_path / "whole")
    assert {name for name in grown if name.startswith("usage/")} >= {f"usage/{end}.parquet"}
    for name in grown.keys() | whole.keys():
        if name.startswith("usage/"):
            assert grown.get(name) == whole.get(name), name


def test_the_tables_have_no_fault_and_the_columns_of_the_contract(tmp_path):
    generate(LATE, tmp_path / "tables")
    with duckdb.connect() as con:
        for name, table in TABLES.items():
            files = tmp_path / "tables" / ("usage/*" if name == "usage" else name)
            con.execute(f"CREATE TABLE {name} AS FROM read_parquet('{files}.parquet')")
            there = [row[0] for row in con.execute(f"DESCRIBE {name}").fetchall()]
            assert there == [column for column in table.names if column in there]
        assert faults(con) == []


def test_people_of_a_sparse_company_come_for_one_or_two_events_a_day(tmp_path):
    events = {}
    for per_day in (SMALL.per_day, SPARSE):
        generate(replace(SMALL, accounts=400, per_day=per_day), tmp_path / str(per_day))
        usage = tmp_path / str(per_day) / "usage" / "*.parquet"
        with duckdb.connect() as con:
            ((rows, days),) = con.execute(
                "SELECT count(*), count(DISTINCT (user_id, CAST(occurred_at AS DATE))) "
                f"FROM read_parquet('{usage}') WHERE user_id IS NOT NULL"
            ).fetchall()
        assert rows == pytest.approx(SMALL.events, rel=0.2)
        events[per_day] = rows / days
    assert events[SMALL.per_day] == pytest.approx(20, rel=0.1)
    assert events[SPARSE] == pytest.approx(1.5, rel=0.1)


def test_a_company_too_small_to_reach_its_last_day_is_refused(tmp_path):
    with pytest.raises(ValueError, match="30 events leave 2024-04-13 without any: ask for more"):
        generate(replace(SMALL, events=30, accounts=3, seed=2), tmp_path / "tables")
