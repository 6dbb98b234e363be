"""What is printed for people, where a figure has no interval, or there is no figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.comparison import Comparison
from pipeline import terminal

UNKNOWN = {"low": np.nan, "high": np.nan}


@pytest.fixture
def compared() -> Comparison:
    """Two scorers of which one figure is known, and no interval: one account left."""
    every = {"target": "churn", "by": "all", "slice": "all"}
    model = every | {"model": "model", "kind": "probability"}
    figures = [{"metric": "auc", "value": 0.75}, {"metric": "lift", "value": np.nan}]
    pair = {"against": "health", "metric": "auc", "primary": True, "difference": 0.05}
    doubt = {"verdict": "cannot tell", "reason": "only 1 accounts with the outcome"}
    return Comparison(
        counts=pd.DataFrame([every | {"rows": 3, "accounts": 3, "outcomes": 1}]),
        metrics=pd.DataFrame([model | figure | UNKNOWN for figure in figures]),
        pairs=pd.DataFrame([model | pair | doubt | UNKNOWN]),
        calibration=pd.DataFrame(),
        months=pd.DataFrame(),
    )


def test_a_figure_without_an_interval_stands_alone_and_a_missing_one_is_a_dash(compared, capsys):
    terminal.comparison(compared)
    said = capsys.readouterr().out
    (row,) = [line.split() for line in said.splitlines() if line.strip().startswith("Model")]
    assert row == ["Model", "0.750", "–"]
    assert "against Health score: cannot tell (AUC +0.0500)" in said


def test_the_headline_of_held_out_figures_without_intervals_is_printed(compared, capsys):
    nothing = {"renewals": 0, "arr": 0.0}
    none = {"low": None, "high": None}
    figures = {
        "meta": {"company": "Acme", "currency": None},
        "summary": {
            "as_of": "2025-07-01",
            "due_within": 90,
            "due": nothing,
            "statuses": {"scored": nothing},
        },
        "at_risk": {"expected": None},
        "renewals": [],
        "held_out": [
            {
                "name": "churn",
                "happened": "left",
                "counts": {"rows": 3, "accounts": 3, "outcomes": 1},
                "models": [
                    {
                        "model": "model",
                        "auc": {"value": 0.75} | none,
                        "lift": {"value": None} | none,
                        "log_loss": {"value": 0.3, "low": 0.2, "high": 0.4},
                    }
                ],
                "pairs": [],
            }
        ],
    }
    terminal.headline(figures, Path("renewcast.html"))
    said = capsys.readouterr().out
    assert "AUC 0.750  log-loss 0.300 (0.200–0.400)" in said
