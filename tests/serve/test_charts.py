"""Charts that fit in one page: own ids, colours the style sheet knows, missing values as gaps."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from serve import charts

BANDS = pd.DataFrame(
    {
        "predicted": [0.05, 0.4],
        "observed": [0.1, 0.3],
        "observed_low": [0.0, 0.2],
        "observed_high": [0.2, 0.5],
    }
)
MONTHS = pd.DataFrame(
    {"month": ["2025-01", "2025-02"], "predicted": [3.2, 4], "low": [0, 1], "high": [7, 8]}
).assign(actual=[3, 5])
SCORES = pd.DataFrame(
    {"label": ["Model", "Health"], "value": [0.7, 0.6], "low": [0.6, None], "high": [0.8, None]}
).assign(learnt=[True, False])
PERIODS = pd.DataFrame(
    {
        "period": ["2025Q1", "2025Q2"],
        "logo_renewal_rate": [0.9, None],
        "logo_renewal_rate_low": [0.8, None],
        "logo_renewal_rate_high": [0.95, None],
        "dollar_renewal_rate": [0.92, None],
    }
)
CURVE = pd.DataFrame(
    {"share": [0.1, 0.5, 1.0], "caught": [0.4, 0.8, 1.0], "precision": [0.4, 0.16, 0.1]}
).assign(lift=[4.0, 1.6, 1.0], base_rate=0.1)
WALKED = pd.DataFrame(
    {"period": ["2024-07", "2024-11"], "value": [0.7, 0.6], "low": [0.6, 0.5], "high": [0.8, 0.7]}
)


def drawn():
    return {
        "calibration": charts.calibration(BANDS),
        "months": charts.by_month(MONTHS),
        "duel": charts.duel(SCORES, "AUC", 0.5),
        "rates": charts.rates(PERIODS),
        "lift": charts.lift(CURVE),
        "precision": charts.precision_recall(CURVE),
        "over_time": charts.over_time(WALKED, "AUC", 0.5),
    }


def test_every_colour_is_one_the_style_sheet_maps():
    known = set(
        re.findall(
            r'fill="(#\w+)"', (Path(charts.__file__).parent / "pages" / "report.css").read_text()
        )
    )
    for chart in drawn().values():
        used = set(re.findall(r'(?:fill|stroke)="(#\w+)"', chart))
        assert used and used <= known


def test_charts_are_svg_elements_with_a_description_and_no_ids_that_could_collide():
    for chart in drawn().values():
        assert chart.startswith('<svg role="img" aria-label="') and chart.count("<svg") == 1
        assert not re.findall(r'\bid="', chart)
        assert not re.findall(r"https?://(?!www\.w3\.org)", chart)


def test_equal_figures_are_equal_bytes():
    assert drawn() == drawn()


@pytest.mark.parametrize("word", ["Model", "Health", "AUC"])
def test_the_duel_names_its_scorers(word):
    assert word in drawn()["duel"]


def test_a_rate_that_is_not_known_leaves_a_gap():
    assert drawn()["rates"].count('aria-roledescription="point"') == 2


def test_a_list_without_an_outcome_leaves_the_others_their_lift():
    none = CURVE.assign(lift=[0.0, 1.6, 1.0])
    path = re.findall(r'aria-roledescription="line mark"[^>]* d="([^"]+)"', charts.lift(none))[0]
    heights = {point.split(",")[1] for point in re.findall(r"[\d.]+,[\d.]+", path)}
    assert len(heights) == 3
