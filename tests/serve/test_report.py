"""The report: page and JSON say the same, need nothing else, and promise nothing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from models.comparison import compare
from models.duel import ComparisonSettings
from serve import report
from serve.batch import score_cycle
from tests.serve.cycles import AS_OF, IDENTITY, SCORERS, SETTINGS, TREE, due, renewals

META = {
    "company": "Sample & Sons",
    "currency": "EUR",
    "data_from": "2023-01-01",
    "data_until": "2025-07-01",
    "model_version": "v1",
    "hashes": {"bundle": "b" * 64},
    "share": 0.34,
    "model": "model",
    "rival": "health",
    "targets": [
        {
            "name": "churn",
            "outcome": "lost",
            "horizon": 91,
            "rows": 480,
            "positives": 60,
            "rung": "blend",
            "note": None,
        }
    ],
}
AT_RISK = {"expected": 1265.0, "low": 600.0, "high": 2100.0, "of": 7700.0}
DATA = {
    "missing": [{"table": "touchpoints", "costs": "no relationship features"}],
    "oddities": [{"table": "usage", "message": "3 rows before the start", "action": "Why?"}],
}


def comparison():
    """Forty accounts on six mornings; the model knows something, the health score does not."""
    rng = np.random.default_rng(1)
    mornings = pd.date_range("2024-07-01", periods=6, freq="MS")
    index = pd.MultiIndex.from_product([[f"a{n}" for n in range(40)], mornings])
    labels = index.to_frame(index=False, name=["account_id", "as_of"])
    p = rng.uniform(0.02, 0.6, len(labels))
    labels = labels.assign(
        target="churn",
        outcome=rng.random(len(labels)) < p,
        weight=1.0,
        arr=1000.0,
        days_to_due=rng.integers(0, 91, len(labels)),
        month_to_month=False,
    )
    rows = labels[["account_id", "as_of", "target"]]
    predictions = pd.concat(
        [
            rows.assign(model="model", score=p),
            rows.assign(model="health", score=rng.uniform(0, 100, len(rows))),
        ]
    )
    settings = ComparisonSettings(
        primary="log_loss",
        rules_primary="auc",
        draws=100,
        seed=1,
        min_outcomes=5,
        leads=(0, 46, 92),
    )
    kinds = {"model": "probability", "health": "rule"}
    return compare(predictions, labels, kinds, settings, share=0.2).to_dict()


def rates():
    shown = ["logo_renewal_rate", "logo_renewal_rate_low", "logo_renewal_rate_high"]
    first = dict(zip(shown, (0.9, 0.8, 0.95), strict=True)) | {"dollar_renewal_rate": 0.93}
    counts = {"terms": "contract", "due": 40, "churned": 4, "in_grace": 0}
    return pd.DataFrame(
        [
            {"period": "2025Q1", **counts, "open": 0, **first, "note": ""},
            {"period": "2025Q2", **counts, "open": 30, "note": "not enough (10 due, 4 churned)"},
            {"period": "2025Q3", **counts, "open": 40, "note": ""},
        ]
    )


def build(scorers=SCORERS, **changes):
    found = score_cycle(due(**changes), scorers, SETTINGS, IDENTITY)
    return report.build(found.frame, found.summary, comparison(), DATA, rates(), META, AT_RISK)


@pytest.fixture(scope="module")
def figures():
    return build()


@pytest.fixture(scope="module")
def page(figures):
    return report.page(figures)


class Reader(HTMLParser):
    """Collects the ids, the targets of links, and any element left open."""

    VOID = {"meta", "br", "link", "input", "img", "hr"}

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.faults = [], [], [], []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"]] if "href" in named else []
        self.faults += ["src"] if "src" in named else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def test_the_page_is_whole_and_needs_no_other_file(page):
    reader = Reader()
    reader.feed(page)
    assert not reader.faults and not reader.open
    assert len(reader.ids) == len(set(reader.ids))
    second = [link for link in reader.links if link.startswith("predicted.html")]
    assert second and all(link[1:] in reader.ids for link in set(reader.links) - set(second))
    assert "<script" not in page and "@import" not in page
    outside = re.findall(r"url\((?!#)[^)]*\)", page)
    assert not outside


def test_page_and_json_come_from_the_same_figures(figures, tmp_path):
    report.write(figures, tmp_path / "a" / "renewcast.html", tmp_path / "a" / "renewcast.json")
    written = json.loads((tmp_path / "a" / "renewcast.json").read_text())
    assert report.page(written) == (tmp_path / "a" / "renewcast.html").read_text()


def test_the_same_figures_give_the_same_bytes(figures, page):
    assert report.page(figures) == page == report.page(build())


def test_the_headline_adds_up(figures, page):
    # 0.1 x 5000 + 0.4 x 1000 + 0.4 x 800 + 0.05 x 900 of the 7,700 that is undecided
    assert sum(row["arr_at_risk"] for row in figures["renewals"]) == AT_RISK["expected"]
    assert "80% interval 600 to EUR\u00a02.1k" in page
    assert figures["counts"] == {"high": 2, "warned": 1, "disputed": 2}
    assert "9 renewals" in page and "none without a prediction" in page and "EUR\u00a01.26k" in page


def test_the_arr_to_expect_stands_beside_the_arr_due_with_the_branches():
    figures = build(TREE)
    told, page = figures["outcomes"], report.page(figures)
    assert told["expected_arr_renewed"] < told["arr_due"] == figures["at_risk"]["of"]
    lost = told["branches"]["churned"]["arr_due"]
    assert lost == pytest.approx(figures["at_risk"]["expected"])
    for said in ("of EUR\u00a07.7k due", ">Contracted<", "pays the same", "2 settled contractions"):
        assert said in page


def test_without_a_target_that_contracts_the_page_tells_no_such_branch(page):
    assert ">Contracted<" not in page and "it stays and does not expand" in page


def test_the_kinds_of_expansion_are_said_where_they_are_known(figures, page):
    assert "expansions to expect" not in page
    told = {"seats": 1.5, "plan": 0.2, "product": 0.0, "price": 1.0}
    outcomes = figures["outcomes"] | {"kinds": told}
    assert "1.5 by more seats, 1.0 by price, 0.2 by a higher plan and 0.0 by another product" in (
        report.page(figures | {"outcomes": outcomes})
    )


def test_the_list_goes_by_rank_and_names_what_has_no_prediction(figures, page):
    assert [row["account_id"] for row in figures["renewals"]] == ["bolt", "acme", "cask", "gale"]
    assert {row["account_id"] for row in figures["unscored"]} == {"fern", "jade", "dune", "echo"}
    for said in ("notice given", "already renewed", "within grace", "early warning"):
        assert said in page


def test_the_duel_is_told_in_words_and_figures(figures, page):
    part = figures["held_out"][0]
    assert part["verdict"]["verdict"] == "better"
    assert part["models"][0]["model"] == "model"
    assert "the model told better than the health score who left" in page
    assert page.count('<svg role="img"') == 5


def test_a_verdict_that_cannot_be_told_is_said_to_be_so():
    figures = build()
    figures["held_out"][0]["verdict"] |= {"verdict": "cannot tell", "reason": "only 3 accounts"}
    page = report.page(figures)
    assert "Cannot tell." in page and "cannot be told from the period held out" in page


def test_periods_of_which_nothing_is_settled_are_not_shown(figures, page):
    assert [row["period"] for row in figures["rates"]] == ["2025Q1", "2025Q2"]
    assert "not enough (10 due, 4 churned)" in page


def test_names_are_escaped(page):
    assert "Sample &amp; Sons" in page and "Sample & Sons" not in page


def test_words_promise_nothing(page):
    for word in ("will churn", "will be saved", "saved by", "guarantee", "because of"):
        assert word not in page.lower()


def test_what_the_data_lack_is_said(page):
    assert "no relationship features" in page and "3 rows before the start" in page


def test_nothing_due_and_nothing_compared_is_a_page_too():
    found = score_cycle(due(renewals=renewals().iloc[:0]), SCORERS, SETTINGS, IDENTITY)
    nothing = {name: [] for name in comparison()}
    empty = {"missing": [], "oddities": []}
    unknown = dict.fromkeys(AT_RISK)
    figures = report.build(
        found.frame, found.summary, nothing, empty, pd.DataFrame(), META, unknown
    )
    page = report.page(figures)
    assert "No renewal is due" in page and "nothing in them looked odd" in page
    assert f"{AS_OF.day} Jul 2025" in page
