"""The second page: what it claims, what it does not, and that it is written whole or not at all."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from serve import charts, predicted
from serve.report import held_out
from tests.serve import test_report

META = test_report.META | {
    "as_of": "2026-01-01",
    "first": "2025-01-01",
    "last": "2025-12-01",
    "mornings": 12,
    "source": "replay",
    "within": 90,
    "wait": 38,
    "grace": 30,
    "every": "quarter",
    "primary": "log_loss",
    "rules_primary": "auc",
    "target": test_report.META["targets"][0],
}
NOTHING = {
    "files": {},
    "forecast": {"coming": [], "past": [], "held": [], "charted": []},
    "trade": {
        "renewal_rates": [], "book_rates": [], "nps": [], "definitions_due": [],
        "definitions_book": [], "orders": [], "involuntary": "Not told apart.", "every": "quarter",
        "grace": 30, "as_of": "2026-01-01", "definitions_period": "2024-11-24 to 2025-11-24",
    },
    "lead_time": {"table": [], "days": [60, 30], "share": 0.1},
    "misses": {"counts": [], "cases": []},
    "signals": {"points": 10.0, "probability": 0.05, "back": 180},
    "trial": None,
    "monitoring": {
        "performance": [], "drift": {"columns": 0, "beyond": 0, "by_chance": 0.0, "most": []},
        "alarm": {"raised": False, "reason": "nothing to judge by"}, "month_to_month": 0,
        "retrain": {"now": False, "reasons": ["no rule asks for training"]},
    },
    "holdout": {"text": "no hold-out was assigned, so no saving can be claimed"},
}  # fmt: skip


@pytest.fixture(scope="module")
def duel():
    told = held_out(META["target"], test_report.comparison(), META)
    return told | {"sparse": [], "bands": []}


def figures(duel, **changes):
    summary = dict.fromkeys(("renewed", "expanded", "contracted", "not_due", "unsealed"), 0)
    summary |= {"predictions": 240, "renewals": 40, "settled": 30, "churned": 9, "open": 7}
    summary |= {"in_grace": 3, "arr_churned": 9000.0, "waiting": 12}
    verdicts = [pair | {"known": None} for pair in duel["pairs"]] if duel else []
    told = {"meta": META, "summary": summary, "verdicts": verdicts, "duel": duel}
    return NOTHING | told | changes


def reworded(duel, verdict):
    pairs = [pair | {"verdict": verdict} for pair in duel["pairs"]]
    return duel | {"pairs": pairs}


def test_the_lead_says_who_was_right_and_with_which_figures(duel):
    page = predicted.page(figures(duel))
    assert "<b>30</b> of the 40 renewals predicted are settled" in page
    assert "<b>the model told better who left</b>" in page
    own, other = (of["auc"]["value"] for of in duel["models"])
    assert f"By AUC the model has {own:.2f}, the health score {other:.2f}" in page
    worse = predicted.page(figures(reworded(duel, "worse")))
    assert "<b>the health score told better who left</b>" in worse and "rely on the" in worse
    unsure = predicted.page(figures(reworded(duel, "cannot tell")))
    assert "<b>who was right cannot be told yet</b>" in unsure


def test_a_replay_is_called_a_replay_and_a_sealed_record_sealed(duel):
    assert "A replay, not a sealed record." in predicted.page(figures(duel))
    sealed = predicted.page(figures(duel, meta=META | {"source": "ledger"}))
    assert "The sealed record." in sealed and "replay" not in sealed.lower()
    assert "before the renewals were due" in sealed
    late = figures(duel, meta=META | {"source": "ledger"})
    late = late | {"summary": late["summary"] | {"unsealed": 4}}
    assert "4 of the predictions only after the due date" in predicted.page(late)


def test_what_is_not_settled_is_counted(duel):
    page = predicted.page(figures(duel))
    assert "7 open, 3 in grace" in page and "12 predictions wait" in page


def test_nothing_settled_and_nothing_coming_is_a_page_too():
    page = predicted.page(figures(None))
    assert "who was right is open" in page and "Nothing is left to forecast" in page


def test_no_saving_is_claimed(duel):
    page = predicted.page(figures(duel)).lower()
    assert "no saving can be claimed" in page
    for word in ("saved", "will churn", "because of", "thanks to"):
        assert word not in page


def test_a_name_is_no_markup(duel):
    page = predicted.page(figures(duel, meta=META | {"company": "<b>Sample</b>"}))
    assert "&lt;b&gt;Sample" in page and "<b>Sample" not in page


def test_days_are_days_in_the_tables_and_formulas_are_text(duel, tmp_path):
    frame = pd.DataFrame(
        {
            "name": ["=1+1", "plain"],
            "due_date": pd.to_datetime(["2025-01-31", None]),
            "known_at": pd.to_datetime(["2025-01-31 10:15", "2025-02-01 00:00"]),
        }
    )
    predicted.write(figures(duel), {"rows": frame}, tmp_path / "predicted")
    lines = (tmp_path / "predicted" / "rows.csv").read_text().splitlines()
    assert lines[1:] == ["'=1+1,2025-01-31,2025-01-31 10:15:00", "plain,,2025-02-01 00:00:00"]


def test_where_a_table_cannot_be_written_what_stood_there_stays(duel, tmp_path, monkeypatch):
    place = tmp_path / "predicted"
    predicted.write(figures(duel), {"rows": pd.DataFrame({"a": [1]})}, place)
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(predicted, "write_csv", full)
    with pytest.raises(OSError, match="no space"):
        predicted.write(figures(None), {"rows": pd.DataFrame({"a": [2]})}, place)
    after = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_the_page_is_drawn_from_the_json_alone(duel, tmp_path):
    told = predicted.plain(figures(duel))
    predicted.write(told, {}, tmp_path / "predicted")
    written = json.loads((tmp_path / "predicted.json").read_text())
    assert predicted.page(written) == (tmp_path / "predicted.html").read_text()


def test_the_links_follow_the_name_under_which_it_is_written(duel, tmp_path):
    frames = {"duel_rows": pd.DataFrame({"a": [1, 2]})}
    told = figures(duel, files=predicted.listed(frames))
    predicted.write(told, frames, tmp_path / "sealed")
    page = (tmp_path / "sealed.html").read_text()
    assert 'href="sealed/duel_rows.csv"' in page and "predicted/" not in page
    assert (tmp_path / "sealed" / "duel_rows.csv").is_file()


def test_only_the_newest_settled_periods_of_a_slice_are_on_the_page():
    periods = [f"2024Q{n}" for n in (1, 2, 3, 4)] + ["2025Q1", "2025Q2"]
    rows = [
        {"period": period, "terms": "contract", "by": by, "slice": by, "due": 10, "note": "",
         "open": 10 if period == "2025Q2" else 0, "in_grace": 0}
        for period in periods
        for by in ("all", "segment")
    ]  # fmt: skip
    told = predicted._sliced({"renewal_rates": rows, "book_rates": [], "nps": []}, "segment")
    assert [row["due"]["period"] for row in told] == periods[1:5]


def test_the_forecast_is_drawn_beside_what_is_over():
    ends = {"low_80": 80.0, "high_80": 120.0, "low_95": 70.0, "high_95": 130.0}
    months = pd.DataFrame(
        [
            {"period": "2025-01", "forecast": 100.0, "happened": 90.0, **ends},
            {"period": "2025-02", "forecast": 110.0, "happened": np.nan, **ends},
        ]
    )
    drawn = charts.forecast(months, "ARR renewed", share=False)
    assert "in 2 months, beside what happened in the 1 that are over" in drawn
    marks = re.findall(r'aria-label="period: (\S+); value: (\d+); of: ([a-z ]+)"', drawn)
    told = [("2025-01", "100", "forecast"), ("2025-02", "110", "forecast")]
    assert sorted(marks) == sorted([*told, ("2025-01", "90", "what happened")])
