"""The second page of a small company: figures, page and tables say the same."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from pipeline import compare, files, predicted, replay
from pipeline.calendar import Calendar
from pipeline.hindsight import cases
from pipeline.settings import load
from serve import predicted as drawn
from serve.record import Record


@pytest.fixture(scope="module")
def asked(company):
    with company.inside():
        settings, calendar = load(), Calendar.read(files.CALENDAR)
        return settings, calendar, replay.replayed(settings, calendar)


@pytest.fixture(scope="module")
def found(company, asked):
    with company.inside():
        return predicted.figures(*asked, source="replay")


def test_the_figures_are_json_and_the_page_needs_no_more(found, tmp_path):
    figures, frames = found
    drawn.write(figures, frames, tmp_path / "predicted")
    written = json.loads((tmp_path / "predicted.json").read_text())
    assert written == figures
    assert (tmp_path / "predicted.html").read_text() == drawn.page(written)


def test_every_table_lies_beside_the_page_and_is_linked_from_it(found, tmp_path):
    figures, frames = found
    drawn.write(figures, frames, tmp_path / "predicted")
    page = (tmp_path / "predicted.html").read_text()
    links = set(re.findall(r'href="([^"]+)"', page))
    tables = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.csv")}
    assert tables == {link for link in links if link.endswith(".csv")}
    assert tables == {f"predicted/{name}.csv" for name in figures["files"]}
    ids = set(re.findall(r' id="([^"]+)"', page))
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert links - tables - {f"#{name}" for name in ids} == {"renewcast.html"}
    assert "<script" not in page and " src=" not in page and len(page) < 1_500_000
    for name, of in figures["files"].items():
        rows = pd.read_csv(tmp_path / "predicted" / f"{name}.csv")
        assert [len(rows), list(rows.columns)] == [of["rows"], of["columns"]], name


def test_every_predicted_renewal_is_settled_waiting_or_never_due(found, asked):
    summary, record = found[0]["summary"], asked[2]
    parts = [summary[name] for name in (*predicted.ENDS, "not_due")]
    scored = record.predictions[record.predictions["status"].eq("scored")]
    assert sum(parts) == summary["renewals"] == len(scored.groupby(["account_id", "due_date"]))
    assert summary["settled"] == sum(parts[:4]) > 20 and summary["predictions"] == len(scored)


def test_the_figures_can_be_counted_again_from_their_rows(found):
    figures, frames = found
    rows = frames["duel_rows"]
    dense = rows.drop(columns="csm_call")
    known = dense[
        dense[["model", "health", "health_refitted", "early_warning"]].notna().all(axis=1)
    ]
    assert figures["duel"]["counts"]["rows"] == len(known)
    assert (
        figures["duel"]["counts"]["outcomes"] == known.loc[known["outcome"], "account_id"].nunique()
    )
    leads = frames["lead_time_renewals"]
    [told] = [
        row
        for row in figures["lead_time"]["table"]
        if (row["terms"], row["scorer"], row["by"], row["days"])
        == ("contract", "model", "list", 30)
    ]
    mine = leads[leads["terms"].eq("contract") & leads["scorer"].eq("model")]
    lost = mine[mine["by"].eq("list") & mine["outcome"].eq("churned")]
    assert told["caught"] == lost["lead"].ge(30).sum()
    assert told["churned"] == lost["first_known"].ge(30).sum() > 5
    wrong = frames["misses"].groupby(["kind", "by"]).size()
    counts = pd.DataFrame(figures["misses"]["counts"]).query("touched == 'all'")
    assert counts.groupby(["kind", "by"])["renewals"].sum()[lambda n: n > 0].to_dict() == (
        wrong.to_dict()
    )
    bands = frames["health_trial_rows"].groupby("health_band")["weight"].sum()
    shown = {
        row["band"]: row["renewals"] for row in figures["trial"]["bands"] if row["by"] == "all"
    }
    assert {band: shown[band] for band in bands.index} == pytest.approx(bands.to_dict())


def test_the_verb_compares_the_rows_that_the_page_counts(company, found, asked):
    settings, _, record = asked
    with company.inside():
        counts = compare.of_record(settings, record).counts
    (row,) = counts[counts["by"].eq("all")].to_dict("records")
    on_page = found[0]["duel"]["counts"]
    assert (row["rows"], row["outcomes"]) == (on_page["rows"], on_page["outcomes"])


def test_the_order_of_the_rows_does_not_matter(found, company, asked):
    settings, calendar, record = asked
    backwards = Record(
        record.predictions.iloc[::-1].reset_index(drop=True),
        record.outcomes.iloc[::-1].reset_index(drop=True),
    )
    with company.inside():
        figures, _ = predicted.figures(settings, calendar, backwards, source="replay")
    for name, told in found[0].items():
        assert figures[name] == told, name


def test_where_nothing_is_settled_the_page_says_so(company, asked):
    settings, calendar, record = asked
    waiting = record.outcomes.assign(outcome="open", arr_kept=None, arr_renewed=None)
    with company.inside():
        figures, frames = predicted.figures(
            settings, calendar, Record(record.predictions, waiting), source="ledger"
        )
    assert figures["duel"] is None and figures["verdicts"] == []
    page = drawn.page(figures)
    assert "can be judged yet: who was right is open" in page and "The sealed record." in page
    assert figures["misses"]["cases"] == [] and frames["duel_rows"].empty


def test_a_renewal_that_both_judged_wrong_is_one_case(found):
    told = found[0]["misses"]["cases"]
    keys = [(one["kind"], one["touched"], one["account_id"], one["due_date"]) for one in told]
    assert len(keys) == len(set(keys)) > 3
    assert any(one["scorers"] == ["health", "model"] for one in told)
    assert all((one["contacts"] > 0) == (one["touched"] == "contacted") for one in told)
    for one in told:
        assert all(row["as_of"] <= one["due_date"] for row in one["timeline"])
        assert one["timeline"][0]["moved"] == [] and len(one["timeline"][0]["dimensions"]) == 7
    sizes = pd.Series([key[:2] for key in keys]).value_counts()
    assert sizes.max() <= cases.LISTED
