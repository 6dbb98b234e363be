from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from features.facts import MixedFacts, UnknownColumn, build_facts, moment, supplied
from features.publication import manifest
from tests.features.laws import company
from tests.features.worked import write_tables
from tests.worlds import table

ACCOUNTS = table("""
    account_id  created_at           segment  country
    acme        2024-01-01T00:00:00  small    ch
""")
SUBSCRIPTIONS = table("""
    subscription_id  account_id  start_date  term_end    ended_at  arr   auto_renew
    s1               acme        2024-01-01  2025-01-01  -         1000  true
""")


def built(
    folder: Path, static: list[str] | None = None, threads: int = 1, **tables: pd.DataFrame
) -> Path:
    raw = folder / "tables"
    raw.mkdir(parents=True)
    write_tables(raw, {"accounts": ACCOUNTS, "subscriptions": SUBSCRIPTIONS, **tables})
    with duckdb.connect(config={"threads": threads}) as con:
        build_facts(con, raw, folder / "facts", static or [])
    return folder / "facts"


def rows(built: Path, name: str, columns: str) -> list[tuple]:
    with duckdb.connect() as con:
        place = f"{name}/*" if (built / name).is_dir() else name
        sql = f"SELECT {columns} FROM read_parquet('{built}/{place}.parquet') ORDER BY ALL"
        return [tuple(map(str, row)) for row in con.execute(sql).fetchall()]


def test_a_fact_is_known_when_it_is_recorded_but_never_before_it_happens(tmp_path):
    nps = table("""
        response_id  account_id  occurred_at          score  recorded_at
        n1           acme        2025-02-01T10:00:00  9      2025-02-03T08:00:00  <- told later
        n2           acme        2025-02-01T10:00:00  3      2025-01-30T08:00:00  <- told before
        n3           acme        2025-02-01T10:00:00  5      -
    """)
    assert rows(built(tmp_path, nps=nps), "nps", "response_id, known_at, replaced_at") == [
        ("n1", "2025-02-03 08:00:00", "None"),
        ("n2", "2025-02-01 10:00:00", "None"),
        ("n3", "2025-02-01 10:00:00", "None"),
    ]


def test_a_version_is_replaced_when_any_newer_one_becomes_known(tmp_path):
    nps = table("""
        response_id  account_id  occurred_at  score  recorded_at
        n1           acme        2025-02-01   9      2025-02-01
        n1           acme        2025-02-20   8      2025-02-05   <- moved on, known on the 20th
        n1           acme        2025-02-02   7      2025-02-10   <- moved back, known on the 10th
        n2           acme        2025-02-02   1      2025-02-02
    """)
    known = rows(built(tmp_path, nps=nps), "nps", "score, known_at, replaced_at")
    assert known == [
        ("1", "2025-02-02 00:00:00", "None"),
        ("7", "2025-02-10 00:00:00", "None"),
        ("8", "2025-02-20 00:00:00", "2025-02-10 00:00:00"),  # never seen
        ("9", "2025-02-01 00:00:00", "2025-02-10 00:00:00"),
    ]


def test_events_without_an_id_all_stand(tmp_path):
    usage = table("""
        account_id  occurred_at  feature  recorded_at
        acme        2025-02-01   reports  2025-02-01
        acme        2025-02-01   reports  2025-02-09
    """)
    days = rows(built(tmp_path, usage=usage), "account_days", "events, known_at, replaced_at")
    assert days == [
        ("1.000", "2025-02-01", "2025-02-09"),
        ("2.000", "2025-02-09", "None"),
    ]


def test_signing_is_the_fact_and_the_start_a_value(tmp_path):
    booked = SUBSCRIPTIONS.assign(booked_at="2023-11-05")
    columns = "occurred_at, known_at, start_date"
    assert rows(built(tmp_path / "a", subscriptions=booked), "subscriptions", columns) == [
        ("2023-11-05 00:00:00", "2023-11-05 00:00:00", "2024-01-01")
    ]
    assert rows(built(tmp_path / "b"), "subscriptions", columns) == [
        ("2024-01-01 00:00:00", "2024-01-01 00:00:00", "2024-01-01")
    ]


def test_money_is_exact(tmp_path):
    priced = SUBSCRIPTIONS.assign(arr="0.1", discount="0.333333")
    types = "typeof(arr), typeof(discount), arr, discount"
    assert rows(built(tmp_path, subscriptions=priced), "subscriptions", types) == [
        ("DECIMAL(18,2)", "DECIMAL(9,6)", "0.10", "0.333333")
    ]


def test_an_end_is_known_by_its_notice_and_csat_by_its_date_or_the_resolution():
    assert moment("subscriptions", "ended_at", ["ended_at", "notice_at"]) == (
        "least(f.notice_at, f.ended_at)"
    )
    assert moment("tickets", "csat", ["csat"]) == "CAST(NULL AS TIMESTAMP)", "never known"
    assert moment("tickets", "priority", ["priority"]) is None


def test_an_overwritten_flag_is_a_feature_only_with_versions_or_if_static(tmp_path):
    assert "auto_renew" not in supplied(built(tmp_path / "a"))["subscriptions"]
    static = built(tmp_path / "b", static=["auto_renew"])
    assert "auto_renew" in supplied(static)["subscriptions"]
    versioned = SUBSCRIPTIONS.assign(recorded_at="2024-01-01")
    kept = built(tmp_path / "c", subscriptions=versioned)
    assert "auto_renew" in supplied(kept)["subscriptions"]


def test_a_static_column_that_no_table_has_is_refused(tmp_path):
    with pytest.raises(UnknownColumn, match="'contry'.*country"):
        built(tmp_path, static=["contry"])


def test_what_is_missing_is_not_there(tmp_path):
    facts = built(tmp_path)
    assert sorted(manifest(facts)) == ["accounts.parquet", "facts.json", "subscriptions.parquet"]
    stated = json.loads((facts / "facts.json").read_text())
    assert stated["data_from"] == "2022-01-01" and stated["data_until"] == "2026-01-01"
    assert sorted(stated["tables"]) == ["accounts", "subscriptions"]


def test_the_delay_is_how_late_starts_and_ends_become_known(tmp_path):
    late = table("""
        subscription_id  account_id  start_date  term_end  ended_at    notice_at   arr  recorded_at
        s1               acme        2024-01-01  -         -           -           10   2023-12-01
        s1               acme        2024-01-01  -         2024-06-01  -           10   2024-06-08
        s2               acme        2024-06-01  -         -           -           10   2024-06-04
        s3               acme        2024-06-01  -         2025-01-01  2024-11-01  10   2024-06-01
    """)
    stated = json.loads((built(tmp_path, subscriptions=late) / "facts.json").read_text())
    assert stated["delay_days"] == 7, "the end of s1 was told a week late"


def test_two_builds_are_the_same_bytes_on_one_thread_or_two(tmp_path):
    world = company(4)
    first, *others = [
        manifest(built(tmp_path / str(number), threads=threads, **world.tables))
        for number, threads in enumerate((1, 2, 2))
    ]
    assert all(other == first for other in others)
    assert {"user_days/2024-06.parquet", "feature_days/2024-06.parquet"} <= set(first)


def test_parts_of_another_build_are_refused_and_so_is_a_part_that_is_gone(tmp_path):
    facts = built(tmp_path, **company(4).tables)
    assert "user_days" in supplied(facts)
    part = facts / "user_days" / "2024-06.parquet"
    older = part.with_name("2024-06-w1.parquet")  # as it lay while June was the open month
    older.write_bytes(part.read_bytes())
    with pytest.raises(MixedFacts, match="2024-06-w1 is of another build"):
        supplied(facts)
    older.unlink()
    part.unlink()
    with pytest.raises(MixedFacts, match="2024-06 is of another build, or missing"):
        supplied(facts)
