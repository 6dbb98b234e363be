"""The data report says how much there is, until when, how whole, what is odd and what it costs."""

from __future__ import annotations

import json
from datetime import date
from html.parser import HTMLParser

import pytest

from pipeline.data_report import data_report
from pipeline.ingest import ingest
from pipeline.validate import render_html, render_text, write_report
from simulation.company import simulate
from tests.pipeline.exports import Company
from tests.simulation.conftest import SETTINGS
from tests.workspace import ROOT


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    company = Company(tmp_path_factory.mktemp("company"))
    company.csv(
        "tickets",
        "ticket_id,account_id,opened_at,resolved_at,priority,recorded_at\n"
        "t1,acme,2023-12-31,,urgent,2023-12-31\n"
        "t2,acme,2024-06-01,,high,2024-06-20\n"
        "t2,acme,2024-06-01,2024-06-02,high,2024-06-21\n"
        "t3,bolt,2024-07-01,,,2024-07-01\n",
    )
    company.sql("oddities/x", "SELECT 'rows are <b>odd</b>' AS finding, 1 AS figure, 400 AS of")
    company.ingest(data_until=date(2024, 7, 1))
    return company


@pytest.fixture(scope="module")
def report(company):
    return data_report(company.out)


def _table(report, name):
    return next(table for table in report["tables"] if table["table"] == name)


def test_it_counts_rows_days_and_what_lies_outside_the_period(report):
    tickets = _table(report, "tickets")
    assert (tickets["rows"], tickets["first"], tickets["last"]) == (4, "2023-12-31", "2024-06-01")
    assert tickets["days_missing_at_end"] == 29
    assert (tickets["before_data_from"], tickets["beyond_data_until"]) == (1, 1)
    assert tickets["rows_by_month"]["2024-06"] == 2
    assert list(tickets["rows_by_month"]) == [f"2024-0{month}" for month in range(1, 7)]


def test_it_counts_late_rows_and_their_further_versions_where_recorded_at_is_supplied(report):
    tickets = _table(report, "tickets")
    assert (tickets["late_rows"], tickets["lag_p95_days"], tickets["versions"]) == (1, 19, 1)
    assert "late_rows" not in _table(report, "usage")


def test_it_gives_the_missing_share_of_each_column(report):
    shares = {c["column"]: c["missing_share"] for c in _table(report, "tickets")["columns"]}
    assert shares["resolved_at"] == 0.75 and shares["priority"] == 0.25
    assert shares["ticket_id"] == 0


def test_it_says_what_each_missing_table_and_column_costs(report):
    costs = {
        (missing["table"], missing["column"]): missing["costs"] for missing in report["missing"]
    }
    assert costs["touchpoints", ""].startswith("the family relationship")
    assert "active" in costs["usage", "user_id"]
    assert ("subscriptions", "seats") not in costs and ("touchpoints", "kind") not in costs


def test_it_repeats_the_oddities_of_the_source_and_warns_of_its_own(report):
    assert report["oddities"] == [
        {"name": "x", "finding": "rows are <b>odd</b>", "figure": 1, "of": 400}
    ]
    assert {(w["table"], w["column"], w["count"]) for w in report["warnings"]} >= {
        ("tickets", "", 1),
        ("tickets", "account_id", 1),
    }


class _Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]


def test_the_page_needs_no_network_and_escapes_what_the_data_say(report):
    page = render_html(report)
    links = _Links()
    links.feed(page)
    assert links.links == [] and "script" not in links.tags and "url(" not in page
    assert "&lt;b&gt;odd" in page and "<b>odd" not in page
    assert "2024-07-01" in page and "&lt;1 %" in page


def test_the_text_names_every_table_oddity_warning_and_cost(report):
    text = render_text(report)
    for table in report["tables"]:
        assert table["table"] in text
    for part in (*report["warnings"], *report["oddities"]):
        assert part.get("message", part.get("finding")) in text
    for missing in report["missing"]:
        assert missing["costs"] in text


def test_it_is_written_for_programs_and_as_a_page_the_same_each_time(company, tmp_path):
    for run in ("one", "two"):
        text = write_report(company.out, tmp_path / run / "data.json", tmp_path / run / "data.html")
    assert text.startswith("company: 2024-01-01 until 2024-07-01")
    for name in ("data.json", "data.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert json.loads((tmp_path / "one" / "data.json").read_text()) == data_report(company.out)


def test_of_a_table_in_parts_the_rows_and_days_of_all_parts_count(report):
    usage = _table(report, "usage")
    assert (usage["rows"], usage["first"], usage["last"]) == (2, "2024-06-01", "2024-06-01")
    assert usage["beyond_data_until"] == 1 and usage["rows_by_month"]["2024-06"] == 1


def test_the_simulated_company_has_right_terms_accounts_and_priorities(tmp_path):
    simulate(SETTINGS.model_copy(update={"accounts": 60, "months": 18}), tmp_path / "raw")
    source, out = ROOT / "sources/simulated", tmp_path / "tables"
    ingest(source, str(tmp_path / "raw"), date(2023, 1, 1), None, out)
    warned = {(warning["table"], warning["column"]) for warning in data_report(out)["warnings"]}
    assert not warned & {
        ("accounts", "created_at"), ("subscriptions", "term_end"), ("tickets", "priority"),
    }  # fmt: skip


def test_tables_without_rows_or_days_are_reported_all_the_same(tmp_path):
    company = Company(tmp_path)
    company.csv("usage", "account_id,occurred_at,feature,minutes\n")
    company.csv("nps", "response_id,account_id,occurred_at,score\n")
    company.csv("product_features", "feature\nreports\n")
    company.sql("product_features", "SELECT * FROM raw_product_features")
    company.ingest()
    report = data_report(company.out)
    for name in ("nps", "usage"):
        assert _table(report, name)["rows"] == 0 and _table(report, name)["last"] is None
    lacking = {missing["column"] for missing in report["missing"] if missing["table"] == "usage"}
    assert "user_id" in lacking and "minutes" not in lacking
    assert "first" not in _table(report, "product_features")
    assert "product_features" in render_html(report) and "product_features" in render_text(report)
