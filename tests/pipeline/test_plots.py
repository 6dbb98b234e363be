"""What DVC shows: figures that decide, plots whose data fit their templates, and a whole page."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from pipeline import files, plots
from tests.workspace import ROOT


@pytest.fixture(scope="module")
def comparison(company):
    return json.loads((company.folder / files.COMPARISON).read_text())


def test_each_target_has_the_same_figures_and_they_are_those_of_the_comparison(comparison):
    found = plots.figures(comparison)
    assert len({tuple(of) for of in found.values()}) == 1
    told = {
        row["metric"]: row["value"] for row in comparison["metrics"]
        if (row["by"], row["target"], row["model"]) == ("all", "upsell", "model")
    }  # fmt: skip
    assert found["upsell"]["auc"] == told["auc"]
    assert found["upsell"]["arr_caught"] == told["arr_caught"]


def test_a_gain_is_the_log_loss_that_the_base_rate_has_more(comparison):
    for of in plots.figures(comparison).values():
        gain = of["log_loss_base_rate"] - of["log_loss"]
        assert of["gain_over_base_rate"] == pytest.approx(gain, abs=3e-6)
        low, high = of["gain_over_base_rate_low"], of["gain_over_base_rate_high"]
        assert low is None or low <= of["gain_over_base_rate"] <= high


def test_what_is_not_known_is_said_to_be_unknown():
    count = {"by": "all", "target": "churn", "renewals": 3.0, "outcomes": 0}
    found = plots.figures({"counts": [count], "metrics": [], "pairs": []})["churn"]
    assert (found["auc"], found["gain_over_base_rate"], found["renewals"]) == (None, None, 3.0)


def test_every_field_that_a_template_draws_is_in_its_data(company):
    stated = yaml.safe_load((ROOT / files.STAGES).read_text())["plots"]
    assert len(stated) == 4
    for entry in stated:
        ((path, about),) = entry.items()
        rows = json.loads((company.folder / path).read_text())
        template = (ROOT / ".dvc" / "plots" / f"{about['template']}.json").read_text()
        fields = set(re.findall(r'"field": "(\w+)"', template)) - {"rev"}
        assert fields | {about["x"], about["y"]} <= set(rows[0]), path


def test_the_whole_list_has_no_lift(company):
    rows = json.loads((company.folder / files.PLOTS / "lift.json").read_text())
    assert {row["lift"] for row in rows if row["share"] == 1} == {1.0}


def test_the_page_loads_nothing_and_has_a_place_for_the_plots(company):
    page = (company.folder / files.PLOTS / "page.html").read_text()
    around = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"<script|src\s*=|href\s*=|url\(", around)
    assert page.count("{plot_divs}") == 1
    assert "{scripts}" not in page
    assert "vegaEmbed" in page
