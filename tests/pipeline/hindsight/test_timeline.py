"""Misses with their evidence: read from the facts, in the versions that were known when."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.signals import SignalSettings
from pipeline.hindsight.timeline import happened, hindsight, touchpoints
from pipeline.settings import Settings, load
from serve.record import Record
from tests.models.records import BY, WAIT, outcomes, predictions
from tests.worlds import table

SUBSCRIPTIONS = table("""
    account_id  subscription_id  occurred_at  known_at    replaced_at  notice_at
    acme        s1               2024-03-01   2024-03-01  2025-04-20   -
    acme        s1               2024-03-01   2025-04-20  -            2025-02-10  <- told too late
    bolt        s2               2024-03-01   2024-03-01  -            -
""")
TICKETS = table("""
    account_id  ticket_id  occurred_at  known_at    replaced_at
    acme        t1         2025-02-20   2025-02-20  2025-03-20
    acme        t1         2025-02-20   2025-03-20  -            <- a later version of it
    acme        t2         2025-02-25   2025-03-05  -
""")
TOUCHPOINTS = table("""
    account_id  touchpoint_id  occurred_at  known_at    replaced_at
    acme        p1             2025-02-05   2025-02-05  2025-02-06
    acme        p1             2025-02-04   2025-02-06  -
""")
USED = table("""
    account_id  day         known_at    replaced_at
    acme        2025-02-27  2025-03-02  -
    acme        2025-02-26  2025-02-26  -
""")
SAID = predictions(
    table("""
    account_id  due_date    as_of       health_band  risk_band
    acme        2025-03-15  2025-02-01  green        low
    acme        2025-03-15  2025-03-01  green        low
    bolt        2025-03-15  2025-02-01  red          high
    """)
)
ENDED = outcomes("""
    account_id  due_date    outcome
    acme        2025-03-15  churned
    bolt        2025-03-15  renewed
""")


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    for name, rows in {
        "subscriptions": SUBSCRIPTIONS,
        "tickets": TICKETS,
        "touchpoints": TOUCHPOINTS,
        "account_days/2025-02": USED,
    }.items():
        days = [c for c in rows if c.endswith("_at") or c == "day"]
        path = tmp_path / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        rows.astype(dict.fromkeys(days, "datetime64[us]")).to_parquet(path)
    return tmp_path


def features(settings: Settings) -> pd.DataFrame:
    """Every measure of the health score, steady, but for the use of acme in March."""
    of = settings.health
    names = {name for dimension in of.dimensions.values() for name in dimension.measures}
    names |= {override.feature for override in of.overrides} | {of.no_use.feature}
    index = pd.MultiIndex.from_product(
        [["acme", "bolt", "cask"], pd.to_datetime(["2025-01-01", "2025-02-01", "2025-03-01"])],
        names=["account_id", "as_of"],
    )
    steady = pd.DataFrame(np.nan, index, sorted(names)).assign(
        tenure_days=400.0, events_91d=9.0, active_days_28d=20.0, nps_last=9.0, segment="SMB"
    )
    steady.loc[("acme", pd.Timestamp("2025-03-01")), "active_days_28d"] = 1.0
    return steady


def test_touchpoints_are_those_of_the_newest_version(facts):
    assert touchpoints(facts)["occurred_at"].dt.day.tolist() == [4]
    assert touchpoints(facts / "nowhere").empty


def test_a_fact_is_known_with_its_first_version_and_notice_with_the_version_that_brings_it(facts):
    found = happened(facts, ["acme"]).set_index(["table", "id"])["known_at"]
    assert found.dt.strftime("%m-%d").to_dict() == {
        ("subscriptions", "s1"): "03-01",
        ("subscriptions.notice_at", "s1"): "04-20",
        ("tickets", "t1"): "02-20",
        ("tickets", "t2"): "03-05",
        ("touchpoints", "p1"): "02-05",
        ("usage", "2025-02-26"): "02-26",
        ("usage", "2025-02-27"): "03-02",
    }
    assert happened(facts, []).empty


def test_each_miss_and_false_alarm_has_what_was_known_when_and_what_came_late(facts):
    settings = load()
    found = hindsight(
        Record(SAID, ENDED),
        settings,
        SignalSettings(points=10, probability=0.05, back=60),
        features(settings),
        facts,
        by=BY,
        wait=WAIT,
    )
    rows = found.misses.rows.set_index(["kind", "by"])
    assert rows.loc[("miss", "both"), ["account_id", "contacts", "moved_first"]].tolist() == [
        "acme", 1, "frequency, 14 days ahead",
    ]  # fmt: skip
    assert rows.loc[("false_alarm", "both"), ["account_id", "touched"]].tolist() == [
        "bolt", "untouched",
    ]  # fmt: skip
    acme = found.timelines[found.timelines["account_id"].eq("acme")]
    assert acme["days_to_due"].tolist() == [42, 14]  # January is longer ago than asked
    assert acme["frequency_score"].iloc[0] > acme["frequency_score"].iloc[1]
    late = found.late.drop_duplicates(["table", "id"])
    assert late.set_index("table")["days_late"].to_dict() == {
        "usage": 3, "tickets": 8, "subscriptions.notice_at": 69,
    }  # fmt: skip
