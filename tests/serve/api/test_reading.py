"""What was published and sealed is told as it is: lists, accounts, runs, models, figures."""

from __future__ import annotations

import csv
import dataclasses
import io
import json

import numpy as np
import pandas as pd
import pytest

from features.publication import safe
from serve.api.renewals import EQUAL, Wanted
from serve.listing import SHOWN, Listing
from tests.serve.api.served import Client, app, is_problem, publish


def accounts(client, **asked):
    return [row["account_id"] for row in client.get("/v1/renewals", **asked).json()["renewals"]]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"status": "in_grace"}, ["fern"]),
        ({"risk_band": "high"}, ["acme", "cask"]),
        ({"agreement": "health_riskier"}, ["bolt"]),
        ({"risk_band": "high", "agreement": "agree"}, ["acme"]),
        ({"health_band": "unknown"}, ["gale", "fern", "jade"]),
        ({"owner": "nobody"}, []),
        ({"plan": "'; DROP TABLE"}, []),
        ({"due_from": "2025-07-11", "due_until": "2025-07-21"}, ["acme"]),
        ({"due_from": "9999-12-31"}, []),
        ({"due_until": "0001-01-01"}, []),
    ],
)
def test_filters_narrow_the_list(client, asked, found):
    assert accounts(client, **asked) == found


@pytest.mark.parametrize("sort", ["arr_due", "health_score", "due_date", "rank"])
def test_either_way_of_sorting_puts_what_is_missing_last(client, sort):
    for falling in (False, True):
        rows = client.get("/v1/renewals", sort="-" * falling + sort).json()["renewals"]
        values = [row[sort] for row in rows]
        known = [value for value in values if value is not None]
        assert known == sorted(known, reverse=falling)
        assert values == known + [None] * (len(values) - len(known))


def test_a_name_is_sorted_as_people_read_it_and_who_has_none_by_its_id(client):
    rows = client.get("/v1/renewals", sort="name").json()["renewals"]
    read = [(row["name"] or row["account_id"]).lower() for row in rows]
    assert read == sorted(read) and None in {row["name"] for row in rows}


def test_pages_follow_one_another_and_the_whole_is_counted(client):
    whole = accounts(client)
    page = client.get("/v1/renewals", limit=2, offset=1).json()
    assert (page["total"], page["limit"], page["offset"]) == (9, 2, 1)
    assert [row["account_id"] for row in page["renewals"]] == whole[1:3]
    assert list(page["renewals"][0]) == list(SHOWN)
    assert accounts(client, offset=10**9) == []


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 0}, {"limit": 501}, {"offset": -1}, {"sort": "password"}, {"status": "lost"},
        {"due_from": "20250711"}, {"due_from": "1751328000"}, {"due_until": "2025-02-30"},
        {"owner": "a" * 501},
    ],
)  # fmt: skip
def test_what_is_not_a_filter_is_refused(client, asked):
    (name,) = asked
    assert is_problem(client.get("/v1/renewals", **asked), 422, f"query.{name}")


def test_a_row_says_what_the_published_files_say(client):
    published = client.state.now.published
    rows = {row["prediction_id"]: row for row in client.get("/v1/renewals").json()["renewals"]}
    for row in published.outcomes.to_dict("records"):
        assert rows[row["prediction_id"]]["expected_arr"] == row["expected_arr"]
    for row in published.predictions.astype(object).to_dict("records"):
        told = rows[row["prediction_id"]]
        known = {name: value for name, value in row.items() if not pd.isna(value)}
        days = {name: str(known[name].date()) for name in ("as_of", "due_date")}
        assert {name: told[name] for name in known} == known | days
        assert all(told[name] is None for name in set(row) - set(known))


def test_the_columns_that_can_be_sorted_and_filtered_are_columns():
    sorts = Wanted.model_json_schema()["properties"]["sort"]["enum"]
    assert {name.removeprefix("-") for name in sorts} | set(EQUAL) <= set(SHOWN)


def test_the_choices_of_a_filter_are_those_that_are_there(client):
    assert client.state.now.listing.values("risk_band") == ["high", "low", "medium", "unknown"]


def test_a_publication_without_a_renewal_is_an_empty_list(client):
    whole = client.state.now.published
    parts = ("predictions", "outcomes", "record", "health")
    none = dataclasses.replace(whole, **{part: getattr(whole, part).iloc[:0] for part in parts})
    listing = Listing(none.predictions, none.record, none.outcomes)
    assert len(listing) == 0
    assert listing.rows(listing.find(Wanted(owner="a", sort="-name").view()).places) == []
    assert len(listing.of_account("acme")) == 0


def test_a_spreadsheet_has_what_the_list_has_and_no_formula(client):
    text = client.get("/v1/renewals.csv", status="scored", sort="name")
    header, *rows = list(csv.reader(io.StringIO(text.text)))
    assert header == list(SHOWN)
    told = client.get("/v1/renewals", status="scored", sort="name").json()["renewals"]
    assert len(rows) == len(told) > 2
    assert [row[header.index("account_id")] for row in rows] == [row["account_id"] for row in told]
    names = [row[header.index("name")] for row in rows]
    assert "'=Bolt()" in names and not any(name.startswith(("=", "+", "@")) for name in names)
    assert text.headers["content-disposition"] == 'attachment; filename="renewals-2025-07-01.csv"'


@pytest.mark.parametrize(
    "begin", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", " =", "−"]
)
def test_no_cell_of_the_spreadsheet_begins_a_formula(public, saved, begin):
    client = Client(app(public, saved))
    listing = client.state.now.listing
    listing.columns["name"] = np.array([f"{begin}cmd|'/c calc'!A1"] * len(listing), dtype=object)
    listing.columns["arr_due"] = np.full(len(listing), -12.5)
    first = next(csv.DictReader(io.StringIO(client.get("/v1/renewals.csv").text, newline="")))
    assert first["name"].startswith("'") and first["name"] == safe(f"{begin}cmd|'/c calc'!A1")
    assert first["arr_due"] == "-12.5"


def test_a_cell_cannot_end_its_line(public, saved):
    client = Client(app(public, saved))
    listing = client.state.now.listing
    listing.columns["name"] = np.array(["a\r=cmd()\nb"] * len(listing), dtype=object)
    text = client.get("/v1/renewals.csv").text
    assert '"a\r=cmd()\nb"' in text
    assert len(list(csv.reader(io.StringIO(text, newline="")))) == 1 + len(listing)


def test_an_account_is_told_whole(client):
    acme = client.get("/v1/accounts/acme").json()
    assert [row["due_date"] for row in acme["renewals"]] == ["2025-07-11", "2025-09-11"]
    assert acme["health"]["score"] == 30.0 and acme["health"]["dimensions"] == {"frequency": 30.0}
    assert acme["health"]["rules"][0]["text"] == "a few"
    assert acme["explanations"] == {"churn": {"probability": 0.4}}
    assert acme["series"][0]["morning"] == "2025-07-01" and acme["events"][0]["value"] == 9.0
    assert acme["ranges"]["open_tickets"] == [None, None]
    assert acme["customer"] is True and acme["missing"] == {}


def test_an_account_has_its_past_from_the_ledger_corrections_too(client):
    past = client.get("/v1/accounts/bolt").json()["history"]
    assert [row["as_of"] for row in past["predictions"]] == ["2025-07-01", "2025-08-01"]
    assert [row["outcome"] for row in past["outcomes"]] == ["in_grace", "renewed"]
    assert client.get("/v1/history/bolt").json() == past
    assert client.get("/v1/history/acme").json() == {"predictions": [], "outcomes": []}


def test_what_is_not_known_of_an_account_is_null_and_said(client):
    fern = client.get("/v1/accounts/fern").json()
    assert fern["health"] is None and "not assessed" in fern["missing"]["health"]
    assert fern["renewals"][0]["churn_probability"] is None
    other = client.get("/v1/accounts/c050").json()
    assert other["customer"] is True and other["renewals"] == [] and other["series"] is None
    assert "not among those" in other["missing"]["explanations"]


def test_who_is_no_customer_and_has_nothing_due_is_unknown(client):
    assert is_problem(client.get("/v1/accounts/nobody"), 404, "account nobody is no customer")
    assert is_problem(client.get("/v1/explain/nobody"), 404, "account nobody is no customer")
    for account, target, said in (
        ("acme", "upsell", "upsell does not ask about this account"),
        ("acme", "nothing", "nothing is no target of this publication: churn, upsell"),
        ("c100", "churn", "raise service.most in params.yaml and publish again"),
    ):
        assert is_problem(client.get(f"/v1/explain/{account}", target=target), 404, said)


def test_a_publication_without_a_dossier_is_told_with_what_is_missing(tmp_path):
    publish(tmp_path / "cycle", told=False)
    client = Client(app(tmp_path, None))
    acme = client.get("/v1/accounts/acme").json()
    assert acme["renewals"] and acme["series"] is None and acme["health"]["rules"] == []
    assert "no dossier" in acme["missing"]["series"] and "ledger" in acme["missing"]["history"]
    assert is_problem(client.get("/v1/explain/acme"), 404, "no dossier")
    for path in ("/v1/runs", "/v1/history/acme"):
        assert is_problem(client.get(path), 404, "started without a ledger")
    ready = client.get("/readyz")
    assert is_problem(ready, 503, "not ready: bundles") and ready.headers["retry-after"] == "5"
    assert client.get("/v1/models").json() == {"models": [], "refused": None}


def test_runs_come_newest_first_with_the_zone_of_their_time(client):
    told = client.get("/v1/runs", limit=1).json()
    assert told["total"] == 2 and [run["as_of"] for run in told["runs"]] == ["2025-08-01"]
    assert told["runs"][0]["published_at"] == "2025-07-01T06:00:00Z"
    assert client.get("/v1/runs", offset=1).json()["runs"][0]["as_of"] == "2025-07-01"


def test_models_say_which_bundle_serves_and_whether_it_scored_the_publication(client):
    churn, upsell = client.get("/v1/models").json()["models"]
    assert (churn["name"], churn["horizon"], churn["published"]) == ("churn", 90, True)
    assert upsell["given"] == "churn" and len(upsell["bundle_sha256"]) == 64


def test_figures_of_the_comparison_are_those_of_the_pipeline(public, saved, tmp_path):
    rows = [
        {"target": target, "by": by, "value": 1}
        for target in ("churn", "upsell")
        for by in ("all", "lead")
    ]
    parts = {"metrics": rows, "pairs": rows, "calibration": [{"target": "churn"}]}
    text = json.dumps({**parts, "counts": [], "months": []})
    (tmp_path / "comparison.json").write_text(text)
    client = Client(app(public, saved, reports=tmp_path))
    told = client.get("/v1/metrics", target="churn", by="lead").json()
    assert told["metrics"] == [{"target": "churn", "by": "lead", "value": 1}]
    assert told["calibration"] == [{"target": "churn"}]
    assert len(client.get("/v1/metrics").json()["pairs"]) == 2


def test_without_a_comparison_the_command_is_named(client):
    assert is_problem(client.get("/v1/metrics"), 404, "dvc repro")


def test_agreement_adds_up_to_the_scored(client):
    rows = client.get("/v1/agreement").json()["rows"]
    scored = client.get("/v1/renewals", status="scored").json()
    assert sum(row["renewals"] for row in rows) == scored["total"]
    assert sum(row["arr_due"] for row in rows) == sum(r["arr_due"] for r in scored["renewals"])


def test_ready_says_how_old_the_morning_is(client):
    told = client.get("/readyz").json()
    assert told["checks"]["publication"]["age_days"] == 3 and told["status"] == "ready"
    assert all(check["ok"] for check in told["checks"].values())
