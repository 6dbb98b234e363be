"""Safe and lost, at risk and renewed: apart by who said so, and by who was in touch."""

from __future__ import annotations

import pandas as pd
import pytest

from models.misses import Bands, Misses, misses
from tests.models.records import BY, WAIT, outcomes, predictions
from tests.worlds import table

BANDS = {
    "health": Bands("health_band", safe="green", risky="red"),
    "model": Bands("risk_band", safe="low", risky="high"),
}
SAID = predictions(
    table("""
    account_id  due_date    as_of       health_band  risk_band
    acme        2025-03-15  2025-01-01  red          low
    acme        2025-03-15  2025-02-01  green        low       <- green to the last, and lost
    bolt        2025-03-15  2025-02-01  green        medium    <- only health was wrong
    cask        2025-03-15  2025-02-01  unknown      low       <- only the model was
    dune        2025-03-15  2025-02-01  yellow       high
    echo        2025-03-15  2025-01-01  red          high      <- taken back
    echo        2025-03-15  2025-02-01  green        medium
    fern        2025-03-15  2025-01-01  red          low
    fern        2025-03-15  2025-02-01  red          low
    gale        2025-03-15  2025-02-01  red          high      <- contracted: neither
    hill        2025-03-15  2025-02-01  green        low       <- safe, and stayed
    """)
)
ENDED = outcomes("""
    account_id  due_date    outcome     arr_due
    acme        2025-03-15  churned     100
    bolt        2025-03-15  churned     700
    cask        2025-03-15  churned     -
    dune        2025-03-15  churned     50
    echo        2025-03-15  expanded    20
    fern        2025-03-15  renewed     30
    gale        2025-03-15  contracted  30
    hill        2025-03-15  renewed     30
""")
TOUCHED = table("""
    account_id  occurred_at
    acme        2025-01-01T09:00:00   <- on the first morning
    acme        2025-03-14T18:00:00
    bolt        2025-03-15T00:00:00   <- on the due date: too late
    bolt        2025-01-31T23:00:00   <- before the first morning
    fern        2025-02-10T12:00:00
""")
TOUCHED["occurred_at"] = pd.to_datetime(TOUCHED["occurred_at"])


def found(said: pd.DataFrame = SAID) -> Misses:
    return misses(said, ENDED, TOUCHED, BANDS, by=BY, wait=WAIT)


def named(rows: pd.DataFrame) -> dict[tuple[str, str], list[str]]:
    return {key: part["account_id"].tolist() for key, part in rows.groupby(["kind", "by"])}


def test_misses_and_false_alarms_of_each_and_of_both_by_the_arr_at_stake():
    assert named(found().rows) == {
        ("miss", "health"): ["bolt", "acme"],
        ("miss", "model"): ["acme", "cask"],  # unknown ARR comes last
        ("miss", "both"): ["acme"],
        ("false_alarm", "health"): ["fern", "echo"],
        ("false_alarm", "model"): ["echo"],
        ("false_alarm", "both"): ["echo"],
    }
    assert found().rows.groupby(["kind", "by"])["rank"].first().eq(1).all()


def test_a_false_alarm_begins_with_the_first_alarm_and_says_whether_it_stayed():
    rows = found().rows.query("kind == 'false_alarm' and by == 'health'").set_index("account_id")
    assert rows["stayed"].to_dict() == {"fern": True, "echo": False}
    assert rows["since"].dt.month.tolist() == [1, 1]
    assert rows["last"].dt.month.tolist() == [2, 2]


def test_touchpoints_count_from_the_first_morning_to_the_day_before_the_due_date():
    rows = found().rows.drop_duplicates("account_id").set_index("account_id")
    assert rows["contacts"].to_dict() == {"acme": 2, "bolt": 0, "cask": 0, "echo": 0, "fern": 1}
    assert rows.loc[["acme", "bolt"], "touched"].tolist() == ["contacted", "untouched"]


def test_counts_say_of_how_many_and_split_into_contacted_and_untouched():
    counts = found().counts.set_index(["kind", "by", "touched"]).sort_index()
    whole = counts.loc[("miss", "model", "all")]
    assert whole[["terms", "renewals", "arr", "arr_unknown", "of"]].tolist() == [
        "contract", 2, 100, 1, 4,
    ]  # fmt: skip
    assert whole["share"] == pytest.approx(0.5)
    assert counts.loc[("false_alarm", "health", "all"), "of"] == 3
    for kind, by in {(kind, by) for kind, by, _ in counts.index}:
        parts = counts.loc[(kind, by)]
        apart = parts.drop(index="all")[["renewals", "arr", "of"]].sum()
        assert apart.tolist() == parts.loc["all", ["renewals", "arr", "of"]].tolist()


def test_the_order_of_rows_changes_nothing():
    pd.testing.assert_frame_equal(found(SAID.sample(frac=1, random_state=1)).rows, found().rows)


def test_nothing_is_called_a_saving():
    words = " ".join(str(value) for value in found().rows.astype(str).to_numpy().ravel())
    assert "sav" not in words
