"""RavenStack comes through the door, and the data report names what is odd about it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from pipeline.data_report import data_report
from pipeline.ingest import ingest

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/ravenstack"

UNKNOWN_TO_IT = {
    ("accounts", "created_at"),
    ("subscriptions", "term_end"),
    ("tickets", "priority"),
}

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"the RavenStack files are not in {DATA}: see sources/ravenstack"
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    out = tmp_path_factory.mktemp("ravenstack") / "tables"
    ingest(ROOT / "sources/ravenstack", str(DATA), date(2023, 1, 1), None, out)
    return out


@pytest.fixture(scope="module")
def report(tables):
    return data_report(tables)


def test_every_row_arrives(report):
    assert {table["table"]: table["rows"] for table in report["tables"]} == {
        "accounts": 500,
        "subscriptions": 5000,
        "usage": 25000,
        "tickets": 2000,
    }
    assert report["data_until"] == "2025-01-01"


def test_its_oddities_are_named_with_figures(report):
    figures = {oddity["name"]: (oddity["figure"], oddity["of"]) for oddity in report["oddities"]}
    assert figures == {
        "accounts_that_leave": (352, 500),
        "accounts_that_leave_by_end_date": (0, 500),
        "annual_rows_that_ended": (240, 247),
        "churn_flag": (312, 500),
        "churned_but_active": (578, 600),
        "closed_at_churn": (2013, 5000),
        "plan": (1635, 5000),
        "tickets_before_signup": (1077, 2000),
        "usage_before_start": (19142, 25000),
        "usage_id": (21, 25000),
    }


def test_its_overlaps_and_early_rows_are_warned_of(report):
    warned = {(warning["table"], warning["column"]) for warning in report["warnings"]}
    assert {
        ("subscriptions", "ended_at"),
        ("usage", "account_id"),
        ("tickets", "account_id"),
    } <= warned
    assert not warned & UNKNOWN_TO_IT


def test_what_it_lacks_is_said(report):
    missing = {(gap["table"], gap["column"]) for gap in report["missing"]}
    assert {("nps", ""), ("touchpoints", ""), ("usage", "user_id")} <= missing
    assert {("subscriptions", "auto_renew"), ("accounts", "segment")} <= missing


def test_no_row_of_an_account_outlives_its_next_churn_event(tables):
    outliving = duckdb.sql(
        f"""
        SELECT count(*) FROM '{tables}/subscriptions.parquet' AS s
        JOIN '{DATA}/ravenstack_churn_events.csv' AS e USING (account_id)
        WHERE e.churn_date > s.start_date
            AND coalesce(s.ended_at, DATE '9999-12-31') > e.churn_date
        """
    ).fetchall()
    assert outliving == [(0,)]


def test_trials_are_not_customers(tables):
    trials = duckdb.sql(
        f"""
        SELECT count(*), max(arr) FROM '{tables}/subscriptions.parquet'
        JOIN '{DATA}/ravenstack_subscriptions.csv' USING (subscription_id) WHERE is_trial
        """
    ).fetchall()
    assert trials == [(778, 0.0)]
