"""Each page over a small company: what it says, what it links to, and what it says is missing."""

from __future__ import annotations

import csv
import io
import json
import re
from urllib.parse import quote

import pandas as pd
import pytest

from serve.api.state import State
from serve.predictions import of_publication
from serve.web import cycle, export, health
from serve.web.morning import Morning
from serve.web.rendering import FILES
from serve.web.told import Told
from tests.serve.web import shelves
from tests.serve.web.conftest import Pages

EVERY = ("/", "/renewals", "/accounts/acc_00003", "/predicted", "/health", "/data")


def rows(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


@pytest.mark.parametrize("path", EVERY)
def test_a_page_is_whole_and_loads_nothing_from_elsewhere(pages, path):
    answer = pages.get(path)
    assert answer.status_code == 200
    assert answer.text.endswith("</html>")
    for place in re.findall(r'(?:src|href|action|hx-get)="([^"]*)"', answer.text):
        assert place.startswith(("/", "#", "data:,")), place
    assert not re.search(r"<script(?! src)|\son\w+=|style=", answer.text)
    assert "Made-up &amp; Co" in answer.text


@pytest.mark.parametrize("path", EVERY)
def test_what_the_service_loads_lies_on_it(pages, path):
    for place in re.findall(r'(?:src|href)="(/static/[^"]*)"', pages.get(path).text):
        assert pages.get(place).status_code == 200
    assert set(FILES) >= {"htmx.min.js", "pages.css"}


@pytest.mark.parametrize("path", EVERY)
def test_a_page_of_a_bare_publication_says_what_is_missing_and_what_makes_it(bare, path):
    answer = bare.get(path)
    assert answer.status_code == 200
    assert "renewcast score" in answer.text
    if path == "/predicted":
        assert "reports/predicted.json" in answer.text and "dvc repro" in answer.text
    if path in ("/data", "/accounts/acc_00003"):
        assert "No ledger is connected" in answer.text


def test_words_are_of_risk_and_not_of_saving(pages):
    for path in EVERY:
        assert not re.search(r"will be saved|will churn|saved by", pages.get(path).text)


def test_every_number_of_the_cycle_leads_to_as_many_rows(pages):
    text = pages.get("/").text
    found = re.findall(r'<a href="(/renewals[^"]*)">(\d+)</a>', text)
    assert len(found) >= 10
    for place, number in found:
        asked = place.replace("&amp;", "&").replace("/renewals", "/renewals.csv", 1)
        whole = pages.get(asked + ("&" if "?" in asked else "?") + "rows=all")
        assert len(rows(whole)) == int(number), place


def test_a_reason_leads_to_the_renewals_that_have_it_and_to_no_others(tmp_path):
    rows_of = shelves.predictions(60)
    rows_of.loc[2, ["status", "status_reason"]] = ["decided", "already_renewed"]
    shelves.publish(tmp_path / "cycle", rows=rows_of)
    pages = Pages(tmp_path, State(tmp_path / "cycle"))
    text = pages.get("/").text
    for reason, account in (("notice_given", "acc_00000"), ("already_renewed", "acc_00002")):
        place = f"/renewals?status=decided&amp;reason={reason}"
        assert f'<a href="{place}">1</a>' in text
        found = rows(pages.get(place.replace("&amp;", "&").replace("?", ".csv?")))
        assert [row["account_id"] for row in found] == [account]
    assert 'value="notice_given"' in pages.get("/renewals?reason=notice_given").text


def test_sums_of_money_lead_to_the_renewals_they_are_of(pages):
    text = pages.get("/").text
    for what in ("ARR", "ARR due", "At risk"):
        cells = re.findall(rf'data-label="{what}">(.*?)</td>', text)
        linked = [re.fullmatch(r'<a href="/renewals[^"]*">[^<]+</a>', cell) for cell in cells]
        assert linked and all(linked), what


def test_what_happened_so_far_stands_beside_what_was_expected(pages):
    text = pages.get("/").text
    assert "The 3 of 58 contracts that are settled" in text
    assert "known by 15 Aug 2025" in text
    assert re.search(r'data-label="Actual">3<', text)


def test_who_decides_every_month_is_counted_apart(tmp_path):
    rows = shelves.predictions(60)
    scored = rows.index[rows["status"].eq("scored")]
    record = shelves.sealable(rows)
    shelves.publish(tmp_path / "whole", rows=rows)
    record.loc[scored[:7], "month_to_month"] = True
    shelves.publish(tmp_path / "cycle", rows=rows, record=record)
    state = State(tmp_path / "cycle")
    whole, found = (
        cycle.figures(Morning.of(of.now), None, None) for of in (State(tmp_path / "whole"), state)
    )
    chances = rows.loc[scored[:7], "churn_probability"].sum()
    assert found["monthly"] == {"renewals": 7, "expected_lost": pytest.approx(chances)}
    lost = [sum(row["expected_lost"] for row in of["months"]) for of in (whole, found)]
    assert lost[0] - lost[1] == pytest.approx(chances)
    ends = {"outcome": "churned", "arr_renewed": 0.0, "known_on": pd.Timestamp(2025, 8, 15)}
    actual = cycle.actual(record.assign(**ends, sealed=True))
    assert (actual["scored"], actual["monthly"]) == (len(scored) - 7, 7)
    page = Pages(tmp_path, state).get(f"/accounts/{rows['account_id'][scored[0]]}").text
    assert "within 90 days, deciding every month" in page


def test_a_forecast_of_another_publication_is_not_shown(tmp_path):
    shelves.publish(tmp_path / "cycle")
    morning = Morning.of(State(tmp_path / "cycle").now)
    row = {"terms": "contract", "every": "month", "cycle": "2025-07"}
    of = of_publication(morning.manifest)
    trade = {"book_rates": [], "renewal_rates": []}
    for other, shown in ((of, [row]), (of | {"due_within": 60}, []), (None, [])):
        told = Told(tmp_path, {"forecast": {"of": other, "coming": [row]}, "trade": trade})
        assert cycle.figures(morning, None, told)["forecast"] == shown


def test_the_export_is_what_is_on_the_screen(pages):
    asked = {"agreement": "differ", "sort": "due", "size": "25", "page": "1"}
    told = rows(pages.get("/renewals.csv", asked))
    shown = re.findall(r'href="/accounts/(acc_\d+)"', pages.get("/renewals", asked).text)
    assert [row["account_id"] for row in told] == shown
    assert len(told) == 25
    assert len(rows(pages.get("/renewals.csv", asked | {"rows": "all"}))) > 25


def test_no_exported_cell_is_a_formula_and_numbers_keep_their_minus(pages):
    told = {row["account_id"]: row for row in rows(pages.get("/renewals.csv", {"size": "100"}))}
    assert told["acc_00005"]["name"] == "'=Bolt()"
    assert any(row["trend"].startswith("-0.") for row in told.values())


@pytest.mark.parametrize(
    "begin", ["=", "+", "-", "@", "\t", "\r", "\r=", "＝", "＋", "－", "＠", " =", "−"]
)
def test_a_name_that_begins_a_formula_is_defused_in_the_export_and_stays_in_its_cell(begin):
    name = f"{begin}cmd|'/c calc'!A1"
    text = export.table([{"name": name, "change": -12.5}, {"name": "a\r=cmd()", "change": 0.0}])
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert first == {"name": f"'{name}", "change": "-12.5"}
    assert second["name"] == "a\r=cmd()" and '"a\r=cmd()"' in text


@pytest.mark.parametrize(
    "odd",
    ["/static/..%2f..%2fapp.py", "/static/%2e%2e/templates/layout.html", "/static//etc/passwd",
     "/cards/..%2f..%2fparams.md", "/cards/%2e%2e%2fREADME.md", "/cards/a%00b.md",
     "/predicted/..%2f..%2fREADME.csv", "/predicted/%2fetc%2fpasswd.csv"],
)  # fmt: skip
def test_a_path_in_the_place_of_a_name_reaches_no_file(own, odd):
    (own.folder / "reports" / "cards").mkdir(parents=True)
    (own.folder / "reports" / "predicted").mkdir()
    for outside in ("params.md", "README.md", "README.csv", "reports/README.md"):
        (own.folder / outside).write_text("secret")
    answer = own.get(odd)
    assert answer.status_code in (303, 404) and "secret" not in answer.text


def test_a_name_that_is_markup_is_text(pages):
    asked = {"q": "<script>alert(1)</script>"}
    assert "<script>alert" not in pages.get("/renewals", asked).text
    assert "<script>" not in pages.get(f"/accounts/{quote('<script>x')}").text


def test_the_account_page_says_why_and_what_changed(pages):
    text = pages.get("/accounts/acc_00003").text
    assert "Company 3" in text
    assert "Active days: 8 gives 40 of 100 points" in text
    assert "the probability went from 10% to 20% (+10 points)" in text
    assert "active days fell from 12 to 8" in text
    whole = re.sub(r"<[^>]+>", " ", text)
    assert re.search(r"The average\s+12%", whole)
    assert re.search(r"Together, if nothing happens before\s+25%", whole)
    assert re.search(r"Times the chance of that, 80%\s+20%", whole)
    assert "Ticket (high, bug), resolved" in text
    assert "The newest NPS answer." in text  # unknown, so it is among the gaps
    assert "sentiment is unknown" in text
    assert "churned" in text  # what the ledger knows of its end


def test_an_account_that_nobody_knows_is_not_found(pages):
    answer = pages.get("/accounts/nobody")
    assert answer.status_code == 404 and "No account of that name" in answer.text
    assert pages.get("/accounts/..%2f..%2fetc%2fpasswd").status_code == 404


def test_a_dry_run_changes_the_score_of_one_account_and_nothing_else(pages):
    text = pages.get("/health", {"account": "acc_00003", "w_frequency": "2"}).text
    assert "as configured, and as tried" in text
    assert "weight 2" in text
    weightless = pages.get("/health", {"account": "acc_00003", "w_frequency": "0"}).text
    assert "Every dimension needs a weight above 0" in weightless
    assert "is no customer" in pages.get("/health", {"account": "nobody"}).text


def test_runs_are_shown_with_their_zone(pages):
    assert "1 Jul 2025, 06:00 UTC" in pages.get("/data").text


def test_a_damaged_publication_is_told_while_the_old_one_serves(own):
    predictions = own.folder / "cycle" / "predictions.parquet"
    commit = own.folder / "cycle" / "MANIFEST.json"
    predictions.write_bytes(b"gone")
    commit.write_text(json.dumps(json.loads(commit.read_text()) | {"note": "edited"}))
    own.state.refresh()
    text = own.get("/renewals").text
    assert 'role="alert"' in text and "predictions.parquet differ" in text
    assert "58</b> renewals" in text


def test_the_newest_publication_is_shown_once_it_verifies(own, tmp_path):
    assert "<b>58</b> renewals" in own.get("/renewals").text
    fresh = shelves.publish(tmp_path / "fresh", accounts=12)
    (own.folder / "cycle").rename(tmp_path / "old")
    fresh.rename(own.folder / "cycle")
    own.state.refresh()
    assert "<b>10</b> renewals" in own.get("/renewals").text


def test_a_ledger_that_is_away_is_told(tmp_path, own):
    own.state._url = f"sqlite:///{tmp_path / 'nowhere' / 'ledger.db'}"
    own.state._ledger = None
    assert "cannot be reached" in own.get("/").text


def test_who_became_champion_and_who_did_not_is_shown_with_the_interval(own):
    assert "Champions and challengers" not in own.get("/data").text
    refused = {
        "decided_at": "2026-02-03T04:05:06Z", "target": "churn", "run_id": "5" * 32,
        "against": "7" * 32, "difference": 0.0381, "low": 0.0172, "high": 0.0619,
        "verdict": "worse", "promoted": False, "forced": False, "reason": "",
    }  # fmt: skip
    first = {**refused, "against": "base_rate", "difference": -0.02, "verdict": "better"}
    first |= {"promoted": True, "forced": True, "reason": "the <first>"}
    (own.folder / "reports").mkdir()
    told = json.dumps([refused, first])
    (own.folder / "reports" / "promotions.json").write_text(told, encoding="utf-8")
    text = own.get("/data").text
    assert "2026-02-03 04:05 UTC" in text and "555555555555" in text
    assert "+0.0381<small>+0.0172 to +0.0619</small>" in text and "no champion<small>worse" in text
    assert "the base rate" in text and "by force: the &lt;first&gt;" in text


def test_the_healths_history_says_what_changed_from_one_configuration_to_the_next():
    runs = pd.DataFrame(
        {
            "as_of": pd.to_datetime(["2025-06-01", "2025-07-01", "2025-08-01", "2025-09-01"]),
            "params_sha256": ["a", "a", "b", "c"],
            "published_at": pd.Timestamp("2025-07-01"),
        }
    )
    one = {"health": {"bands": [40, 70], "dimensions": {"use": {"weight": 0.2}}}}
    two = {"health": {"bands": [40, 75], "dimensions": {"use": {"weight": 0.2}, "nps": {}}}}
    newest, second, first = health.changes(runs, {"a": one, "b": two})
    assert first["differs"] is None and newest["differs"] is None  # the first; c was not kept
    assert second["differs"] == [
        {"name": "bands", "before": "[40, 70]", "after": "[40, 75]"},
        {"name": "dimensions.nps", "before": "none", "after": "{}"},
    ]


def test_bands_and_limits_that_differ_are_called_by_their_names():
    red, green = {"name": "red", "edges": [0, 40]}, {"name": "green", "edges": [40, 100]}
    limit = {"feature": "days_since_use", "over": 42, "cap": 39}
    before = {"bands": [red, green], "overrides": [limit]}
    after = {"bands": [red, green | {"edges": [45, 100]}], "overrides": [limit | {"cap": 20}]}
    assert health.differences(before, after) == [
        {"name": "bands.green.edges", "before": "[40, 100]", "after": "[45, 100]"},
        {"name": "overrides.days_since_use.cap", "before": "39", "after": "20"},
    ]
    twice = {"overrides": [limit, limit | {"over": 90}]}  # both are needed: neither may be lost
    (one,) = health.differences({"overrides": [limit]}, twice)
    assert one["name"] == "overrides" and "90" in one["after"]
