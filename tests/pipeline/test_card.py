"""The model card says what was learnt, how good it is with which noise, and what it is not for."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from pipeline.card import card, noise, render

TARGET = {"name": "churn", "eligible": "due", "outcome": "lost", "horizon": 90}
REPORT = {
    "rows": 1680, "accounts": 460, "mornings": 13, "weight": 703.0, "positives": 81.0,
    "base_rate": 0.1152, "rung": "blend", "why": "81 positives; trees join from 20", "rounds": 60,
    "ridge": 300.0, "blend_weight": 0.51, "calibration": "intercept", "folds": "walk-forward",
    "oof_positives": 33.5, "oof_log_loss": 0.3267, "oof_log_loss_base_rate": 0.3413,
    "oof_auc": 0.654, "oof_auc_seen": 0.678, "oof_auc_unseen": 0.628,
}  # fmt: skip
ABOUT = {"cutoff": "2025-01-01", "identity": "ab" * 32, "params": "cd" * 32}
GATE = {
    "passed": True,
    "evidence": [],
    "measures": {"label echo": 90, "decided rows": 1},
    "closest": [
        {"probe": "label echo", "column": "seats", "figure": 2.4, "limit": 9.0, "found": False},
        {"probe": "decided rows", "column": None, "figure": 0.0, "limit": 0.05, "found": False},
    ],
}
COMPANY = {"name": "Acme <b>", "data_from": "2023-01-01", "data_until": "2026-01-01"}


def models(**changes: object) -> dict:
    report = REPORT | changes
    one = {"report": report, "signs": {"open_tickets": 1, "users": -1}, "about": ABOUT}
    return {"backtest": one, "serving": one}


def measured(model: str, metric: str, value: float, **where: str) -> dict:
    place = {"by": "all", "slice": "all", "target": "churn"} | where
    return place | {"model": model, "metric": metric, "value": value, "low": value - 0.07,
                    "high": value + 0.07}  # fmt: skip


@pytest.fixture
def comparison() -> dict:
    count = {"rows": 1074, "accounts": 389, "renewals": 462.0, "outcomes": 68, "target": "churn"}
    few = {"rows": 33, "accounts": 20, "renewals": 12.0, "outcomes": 2, "target": "churn"}
    return {
        "counts": [
            count | {"by": "all", "slice": "all"},
            few | {"by": "lead", "slice": "61–90"},
            few | {"by": "all", "slice": "all", "target": "upsell", "rows": 9},
        ],
        "metrics": [
            measured("model", "auc", 0.68),
            measured("health", "auc", 0.66),
            measured("model", "log_loss", 0.42),
            measured("model", "auc", 0.71, by="lead", slice="61–90"),
            measured("health", "auc", 0.55, by="lead", slice="61–90"),
            measured("model", "auc", 0.99, target="upsell"),
        ],
        "pairs": [
            {"target": "churn", "by": "all", "model": "model", "against": "health",
             "primary": True, "verdict": "cannot tell"},
            {"target": "churn", "by": "all", "model": "model", "against": "health",
             "primary": False, "verdict": "better"},
        ],
        "calibration": [
            {"target": "churn", "model": "model", "predicted": 0.05, "observed": 0.04,
             "observed_low": 0.01, "observed_high": 0.12, "rows": 123},
            {"target": "churn", "model": "base_rate", "predicted": 0.77, "observed": 0.1,
             "observed_low": 0.01, "observed_high": 0.12, "rows": 123},
        ],
    }  # fmt: skip


def test_the_figures_are_the_targets_own_with_their_interval_and_verdict(comparison):
    page = render(card(TARGET, models(), GATE, comparison, COMPANY), "card.md")
    assert "| model | 0.68 (0.61–0.75) | 0.420 (0.350–0.490) | – |  |" in page
    assert "| health | 0.66 (0.59–0.73) | – | – | cannot tell |" in page
    assert "| lead: 61–90 | 33 | 2 | 0.71 (0.64–0.78) | – |" in page
    assert "| 5.0 % | 4.0 % | 1.0 % to 12.0 % | 123 |" in page
    assert [other for other in ("0.99", "77.0 %", "0.55 (") if other in page] == []


def test_it_says_what_was_chosen_and_why_and_how_accounts_seen_differ(comparison):
    page = render(card(TARGET, models(), GATE, comparison, COMPANY), "card.md")
    assert "81 positives; trees join from 20. Ridge 300, 60 rounds" in page
    assert "of accounts seen in training 0.68, unseen 0.63" in page
    assert "never lowers the score of the trees: open_tickets." in page
    assert "Nothing was found in 91 measures" in page


def test_the_noise_is_that_of_hanley_and_mcneil_in_words():
    assert "± 0.04" in noise(68, 321) and "± 0.09" in noise(10, 300)
    assert noise(0, 300) == "without accounts of both kinds no AUC can be said"


def test_it_says_what_it_must_not_be_used_for(comparison):
    for page in ("card.md", "card.html"):
        text = render(card(TARGET, models(), GATE, comparison, COMPANY), page)
        assert "risk is not savability" in text
        assert "Anything further off than 90 days" in text
        assert "sets nobody's pay" in text.replace("&#39;", "'")


def test_before_anything_is_compared_the_card_says_so(comparison):
    shown = card(TARGET, models(), GATE, None, COMPANY)
    assert "judged after training" in render(shown, "card.md")
    assert "judged after training" in render(shown, "card.html")


def test_a_model_that_abstains_and_a_target_without_held_out_rows_have_a_card():
    bare = models(rung="base rate", why="3 positives, at least 10 are needed")
    for model in bare.values():
        for key in ("rounds", "ridge", "blend_weight", "folds", "oof_auc", "oof_positives"):
            model["report"].pop(key, None)
    empty = {"counts": [], "metrics": [], "pairs": [], "calibration": []}
    shown = card(TARGET, bare, GATE, empty, COMPANY)
    assert "at least 10 are needed" in render(shown, "card.md")
    assert "No held-out row has an outcome yet" in render(shown, "card.html")


class Page(HTMLParser):
    """Whether every element that was opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "br", "!doctype"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_needs_no_network_and_escapes_names(comparison):
    text = render(card(TARGET, models(), GATE, comparison, COMPANY), "card.html")
    page = Page()
    page.feed(text)
    assert page.open == [] and page.links == []
    assert "Acme &lt;b&gt;" in text and "Acme <b>" not in text
