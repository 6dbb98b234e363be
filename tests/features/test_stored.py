"""A table of events lies in parts by the day a row became known, and news leaves old parts be."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from features.parts import names
from features.publication import manifest
from features.stored import relation, write_table
from tests.features.worked import write_tables
from tests.worlds import table

LATE = table("""
    account_id  occurred_at          feature  event_id  recorded_at
    acme        2025-01-30T23:00:00  reports  e1        -
    acme        2025-01-31T23:00:00  reports  e2        2025-02-01T01:00:00  <- the month after
    acme        2025-01-15T10:00:00  reports  e3        2025-03-02T09:00:00  <- weeks late
    acme        2025-03-02T10:00:00  billing  e4        2025-03-01T10:00:00  <- noted before
    acme        2025-01-30T22:00:00  billing  e1        2025-03-05T10:00:00  <- corrected
""")


def events(days: int, seed: int = 3, each: int = 40) -> pd.DataFrame:
    """Events of some days from 2025-01-20 on, a third of them recorded up to nine days late."""
    draw, rows = np.random.default_rng(seed), days * each
    first = pd.Timestamp("2025-01-20")
    occurred = first + pd.to_timedelta(draw.integers(0, days * 86400, rows), "s")
    late = pd.to_timedelta(draw.integers(1, 9 * 86400, rows), "s")
    return pd.DataFrame(
        {
            "account_id": draw.choice(["acme", "bolt"], rows), "occurred_at": occurred,
            "feature": draw.choice(["reports", "billing"], rows), "minutes": draw.random(rows),
            "recorded_at": (occurred + late).where(draw.random(rows) < 1 / 3),
        }
    )  # fmt: skip


def write(folder: Path, usage: pd.DataFrame, threads: int = 2) -> dict:
    folder.mkdir(parents=True)
    with duckdb.connect(config={"threads": threads}) as con:
        con.register("usage", usage)
        return write_table(con, "usage", list(usage.columns), folder)


def parts(folder: Path, columns: str) -> dict[str, list[tuple]]:
    found = {}
    for name in names(folder / "usage"):
        sql = f"SELECT {columns} FROM '{folder}/usage/{name}.parquet'"
        found[name] = [tuple(map(str, row)) for row in duckdb.sql(sql).fetchall()]
    return found


def test_a_row_lies_in_the_part_of_the_day_on_which_it_became_known(tmp_path):
    write_tables(tmp_path, {"usage": LATE})
    assert parts(tmp_path, "event_id, feature") == {
        "2025-01": [("e1", "reports")],
        "2025-02": [("e2", "reports")],
        "2025-03-02": [("e3", "reports"), ("e4", "billing")],
        "2025-03-05": [("e1", "billing")],
    }


def test_without_recorded_at_a_row_lies_in_the_part_of_its_own_day(tmp_path):
    write_tables(tmp_path, {"usage": LATE.drop(columns="recorded_at")})
    assert {name: len(rows) for name, rows in parts(tmp_path, "event_id").items()} == {
        "2025-01": 4, "2025-03-02": 1,
    }  # fmt: skip


def test_the_parts_hold_every_row_once_and_are_sorted_by_all_columns(tmp_path):
    usage = events(45)
    entry = write(tmp_path / "tables", usage)
    assert entry["rows"] == len(usage) == sum(map(len, parts(tmp_path / "tables", "1").values()))
    with duckdb.connect() as con:
        con.register("usage", usage)
        kept = con.execute(f"FROM {relation(tmp_path / 'tables', 'usage')} ORDER BY ALL").fetchall()
        assert kept == con.execute("FROM usage ORDER BY ALL").fetchall()
        for name in entry["parts"]:
            file = f"FROM '{tmp_path}/tables/usage/{name}.parquet'"
            assert con.execute(file).fetchall() == con.execute(f"{file} ORDER BY ALL").fetchall()


def test_equal_rows_are_equal_parts_in_any_order_on_one_thread_or_two(tmp_path):
    usage = events(45)
    write(tmp_path / "one", usage, threads=1)
    entry = write(tmp_path / "two", usage.sample(frac=1, random_state=1), threads=2)
    assert manifest(tmp_path / "one") == manifest(tmp_path / "two")
    hashes = {f"usage/{name}.parquet": sha for name, sha in entry["parts"].items()}
    assert hashes == manifest(tmp_path / "two")


def test_a_day_of_news_adds_a_file_and_leaves_the_others_byte_by_byte(tmp_path):
    """Each export holds what was known by then; the last one is the table written at once."""
    usage = events(60)
    known = usage[["occurred_at", "recorded_at"]].max(axis=1)
    before: dict[str, str] = {}
    for day in (date(2025, 2, 25) + timedelta(number) for number in range(9)):
        folder = tmp_path / str(day)
        now = write(folder, usage[known < pd.Timestamp(day + timedelta(1))])["parts"]
        common = before.keys() & now.keys()
        assert {name: before[name] for name in common} == {name: now[name] for name in common}
        month = f"{day - timedelta(1):%Y-%m}"  # on the first of a month the one before is closed
        gone, new = before.keys() - now.keys(), now.keys() - before.keys()
        assert all(name.startswith(f"{month}-") and day.day == 1 for name in gone)
        if before:
            assert new == {str(day)} | ({month} if day.day == 1 else set())
        before = now
    assert sorted(before) == ["2025-01", "2025-02", *(f"2025-03-0{day}" for day in range(1, 6))]


@pytest.mark.parametrize("recorded", [True, False])
def test_a_table_without_rows_keeps_its_columns_and_one_of_a_single_day_is_one_part(
    tmp_path, recorded
):
    usage = events(1).assign(recorded_at=pd.NaT)
    usage = usage if recorded else usage.drop(columns="recorded_at")
    assert write(tmp_path / "day", usage)["parts"].keys() == {"2025-01-20"}
    entry = write(tmp_path / "none", usage[:0])
    assert entry["rows"] == 0 and list(entry["parts"]) == ["1970-01-01"]
    with duckdb.connect() as con:
        rows = con.sql(f"FROM {relation(tmp_path / 'none', 'usage')}")
        assert rows.columns == list(usage.columns) and rows.fetchall() == []


def test_every_other_table_lies_in_one_file(tmp_path):
    nps = table("""
        response_id  account_id  occurred_at  score
        n1           acme        2025-01-31   9
        n2           acme        2025-02-01   3
    """)
    write_tables(tmp_path, {"nps": nps})
    assert sorted(manifest(tmp_path)) == ["nps.parquet", "source.json"]
    assert len(duckdb.sql(f"FROM {relation(tmp_path, 'nps')}").fetchall()) == 2
