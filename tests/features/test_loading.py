"""What the passes read of the day rollups: near days, numbered units, the catalogue as it stood."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from features.loading import days_of, load, nearest
from features.sets import BITS
from tests.features.test_facts import built
from tests.features.test_rollups import USAGE
from tests.worlds import table


def loaded(facts: Path, name: str, columns, units, days, listed: str) -> list[tuple]:
    """What is loaded of a rollup for every account, sorted."""
    with duckdb.connect() as con:
        con.execute(
            "CREATE TEMP TABLE account_codes AS SELECT account_id, row_number() OVER (ORDER BY "
            "account_id) AS account FROM (SELECT DISTINCT account_id FROM "
            f"read_parquet('{facts}/account_days/*.parquet'))"
        )
        load(facts, name, columns, units, days, con)
        return con.execute(f"SELECT {listed} FROM {days_of(name)} ORDER BY ALL").fetchall()


def keyed(facts: Path, morning: str) -> list[tuple]:
    """What was key of the features that were seen on a morning."""
    day = date.fromisoformat(morning)
    listed = "feature, is_key, key_features, known_at, replaced_at"
    columns = {"feature", "is_key", "key_features"}
    rows = loaded(facts, "feature_days", columns, (), (None, day), listed)
    return [row[:3] for row in rows if row[3] < day and (row[4] is None or row[4] >= day)]


@pytest.fixture(scope="module")
def facts(tmp_path_factory) -> Path:
    return built(tmp_path_factory.mktemp("loading"), usage=USAGE)


def test_only_the_days_that_are_near_are_loaded(facts):
    def days(first, until):
        rows = loaded(facts, "account_days", {"events"}, (), (first, until), "occurred_at")
        return {str(day) for (day,) in rows}

    assert days(None, date(2025, 3, 1)) == {"2025-02-01", "2025-02-09"}
    assert days(date(2025, 2, 2), date(2025, 3, 1)) == {"2025-02-09"}
    assert days(None, date(2025, 2, 9)) == {"2025-02-01"}, "the last morning itself is future"
    assert days(date(2026, 1, 1), date(2026, 2, 1)) == set()


def test_the_days_before_several_mornings_reach_from_the_first():
    mornings = [date(2025, 3, 1), date(2025, 2, 1)]
    assert nearest(mornings, 28) == (date(2025, 1, 4), date(2025, 3, 1))
    assert nearest(mornings, None) == (None, date(2025, 3, 1))


def test_a_unit_is_one_bit_of_a_word_and_units_beyond_a_word_begin_another(tmp_path):
    usage = table("\n".join(
        ["account_id  occurred_at  feature  user_id"]
        + [f"acme  2025-02-01  reports  u{number:03}" for number in range(BITS + 2)]
        + ["bolt  2025-02-01  reports  zoe"]
    ))  # fmt: skip
    listed = 'account, "word user_id", "bit user_id"'
    span = (None, date(2025, 3, 1))
    facts = built(tmp_path, usage=usage)
    rows = loaded(facts, "user_days", (), {"user_id"}, span, listed)
    assert rows[0] == (1, 0, 1) and rows[BITS - 1] == (1, 0, 1 << (BITS - 1))
    assert rows[BITS:] == [(1, 1, 1), (1, 1, 2), (2, 0, 1)]


def test_rows_without_a_department_have_no_bit(tmp_path):
    nobodys = USAGE.assign(department=None)
    rows = loaded(
        built(tmp_path, usage=nobodys), "user_days", (), {"department"},
        (None, date(2025, 3, 1)), '"bit department"',
    )  # fmt: skip
    assert rows and set(rows) == {(None,)}


def test_without_a_catalogue_features_count_as_far_as_they_were_known(facts):
    assert keyed(facts, "2025-02-03") == [("reports", True, 1)]
    late = keyed(facts, "2025-02-05")
    assert ("billing", True, 2) in late


def test_a_catalogue_says_what_is_key_and_what_it_does_not_name_is_not(tmp_path):
    catalogue = table("""
        feature  is_key
        billing  true
        exports  true
        search   false
    """)
    facts = built(tmp_path, usage=USAGE, product_features=catalogue)
    assert keyed(facts, "2025-02-05") == [
        ("billing", True, 2),
        ("reports", False, 2),
    ]


def test_a_version_of_the_catalogue_is_unknown_until_it_is_recorded(tmp_path):
    catalogue = table("""
        feature  is_key  recorded_at
        billing  false   2025-01-01
        billing  true    2025-02-10   <- later than every state
        reports  true    2025-02-01   <- on the day of the first states
        exports  true    -            <- of no known day: always so
    """)
    facts = built(tmp_path, usage=USAGE, product_features=catalogue)
    for morning in ("2025-02-05", "2025-03-01"):
        assert keyed(facts, morning)[:2] == [
            ("billing", False, 2),
            ("reports", True, 2),
        ]
