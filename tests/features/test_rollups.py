from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.features.laws import company, instants, known
from tests.features.test_facts import built
from tests.worlds import table

USAGE = table("""
    account_id  occurred_at       feature  event_id user_id  count  minutes  department  recorded_at
    acme        2025-02-01T08:00  reports  e1        ann      2      10       legal       2025-02-01
    acme        2025-02-01T09:00  billing  e2        ann      3      -        sales       2025-02-04
    acme        2025-02-01T10:00  reports  e3        -        -      -        -           2025-02-01
    acme        2025-02-01T23:59  reports  e4        bob      1      1        sales       2025-02-02
    acme        2025-02-09T08:00  reports  e4        bob      1      1        sales       2025-02-06
""")


def visible(facts: Path, name: str, morning: str, columns: str) -> list[tuple]:
    """What a rollup says on a morning, sorted."""
    with duckdb.connect() as con:
        return con.execute(
            f"SELECT {columns} FROM read_parquet('{facts}/{name}/*.parquet') "
            f"WHERE day < DATE '{morning}' AND known_at < DATE '{morning}' "
            f"AND (replaced_at IS NULL OR replaced_at >= DATE '{morning}') ORDER BY ALL"
        ).fetchall()


@pytest.fixture(scope="module")
def facts(tmp_path_factory) -> Path:
    return built(tmp_path_factory.mktemp("rollups"), usage=USAGE)


def test_a_day_is_what_was_known_of_it(facts):
    columns = "CAST(day AS VARCHAR), CAST(events AS DOUBLE), CAST(minutes AS DOUBLE), users"
    first = "2025-02-01"
    assert visible(facts, "account_days", "2025-02-02", columns) == [(first, 3, 10, 1)]
    assert visible(facts, "account_days", "2025-02-03", columns) == [(first, 4, 11, 2)]
    assert visible(facts, "account_days", "2025-02-05", columns) == [(first, 7, 11, 2)]
    assert visible(facts, "account_days", "2025-02-10", columns) == [
        (first, 6, 10, 1),
        ("2025-02-09", 1, 1, 1),
    ]


def test_a_correction_that_moves_an_event_on_leaves_the_old_one_until_it_happens(facts):
    columns = "CAST(day AS VARCHAR), user_id"
    assert ("2025-02-01", "bob") in visible(facts, "user_days", "2025-02-09", columns)
    assert ("2025-02-01", "bob") not in visible(facts, "user_days", "2025-02-10", columns)


def test_an_event_replaced_before_it_was_known_is_never_seen(tmp_path):
    usage = table("""
        account_id  occurred_at  feature  event_id  user_id  recorded_at
        acme        2025-02-20   reports  e1        ann      2025-02-01   <- told in advance
        acme        2025-02-03   reports  e1        ann      2025-02-05   <- moved back
        acme        2025-02-20   reports  e2        ann      2025-02-20
    """)
    facts = built(tmp_path, usage=usage)
    days = visible(facts, "account_days", "2025-03-01", "CAST(day AS VARCHAR), events, users")
    assert days == [("2025-02-03", 1, 1), ("2025-02-20", 1, 1)]
    assert visible(facts, "user_days", "2025-02-06", "user_id, events") == [("ann", 1)]


def test_the_department_of_a_day_is_the_last_by_name_as_known(facts):
    before = visible(facts, "user_days", "2025-02-04", "user_id, department")
    after = visible(facts, "user_days", "2025-02-05", "user_id, department")
    assert ("ann", "legal") in before and ("ann", "sales") in after
    assert all(user is not None for user, _ in after), "events of nobody are the account's"


def test_without_user_ids_there_are_no_people(tmp_path):
    facts = built(tmp_path, usage=USAGE.drop(columns=["user_id", "minutes"]))
    assert not (facts / "user_days.parquet").exists()
    days = visible(facts, "account_days", "2025-02-02", "COLUMNS(* EXCLUDE (known_at))")
    assert len(days) == 1 and len(days[0]) == 4, "account, day, events, replaced"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_rollup_sums_the_events_that_are_visible_on_each_morning(seed, tmp_path):
    usage = company(seed).tables["usage"]
    facts = built(tmp_path, usage=usage)
    events = usage.assign(
        day=instants(usage["occurred_at"]).dt.normalize(), known=known("usage", usage)
    )
    events["recorded"] = instants(events["recorded_at"])
    events["n"] = events["count"].astype(float).fillna(1)
    for morning in pd.date_range("2024-06-02", "2025-06-01", freq="9D"):
        seen = events[(events["day"] < morning) & (events["known"] < morning)]
        seen = seen.sort_values("recorded").drop_duplicates("event_id", keep="last")
        for name, key in {
            "account_days": ["account_id", "day"],
            "user_days": ["account_id", "user_id", "day"],
            "feature_days": ["account_id", "feature", "day"],
        }.items():
            expected = seen.groupby(key)["n"].sum().reset_index()
            expected["day"] = expected["day"].dt.strftime("%Y-%m-%d")
            columns = ", ".join(key).replace("day", "CAST(day AS VARCHAR)")
            got = visible(facts, name, f"{morning:%Y-%m-%d}", f"{columns}, CAST(events AS DOUBLE)")
            assert got == sorted(map(tuple, expected.to_numpy().tolist())), (name, morning)
