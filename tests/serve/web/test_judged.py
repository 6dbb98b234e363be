"""Predicted against actual: the tabs over what the pipeline wrote, and the rows behind a number."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from serve.api.state import State
from serve.web.judged import TABS
from serve.web.told import Told
from tests.serve.web import figures
from tests.serve.web.conftest import Pages


@pytest.fixture(scope="session")
def judged(pages, tmp_path_factory) -> Pages:
    """The pages with the figures of tests/serve/web/figures.py."""
    reports = figures.write(tmp_path_factory.mktemp("told") / "reports")
    return Pages(pages.folder, State(pages.folder / "cycle", reports=reports))


def rows(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_is_written(judged, tab):
    answer = judged.get("/predicted", {"tab": tab})
    assert answer.status_code == 200 and answer.text.endswith("</html>")
    assert f'href="/predicted?tab={tab}" aria-current="page"' in answer.text


def test_what_is_not_settled_stands_beside_what_is(judged):
    text = judged.get("/predicted").text
    for asked, count in (("stands=settled", 2), ("stands=open", 1), ("stands=in_grace", 1)):
        place = f"/predicted/renewals_predicted.csv?{asked}"
        assert place in text
        assert len(rows(judged.get(place))) == count


def test_an_account_keeps_its_name_however_it_looks(judged):
    told = rows(judged.get("/predicted/duel_rows.csv", {"risk_band": "low"}))
    assert [row["account_id"] for row in told] == ["007", "NA", "c", "d"]
    assert told[2]["segment"] == "'=X"


def test_a_disagreement_is_on_one_list_of_the_morning_only(judged):
    told = {row["account_id"]: row["agreement"] for row in
            rows(judged.get("/predicted/disagreements.csv"))}  # fmt: skip
    assert told == {"007": "model_riskier", "c": "health_riskier"}


def test_a_miss_shows_what_was_known_when(judged):
    text = judged.get("/predicted", {"tab": "misses"}).text
    assert "What was known when" in text and "depth" in text and "80 green" in text
    assert "No hold-out was assigned" in text


def test_the_definition_that_is_asked_for_is_the_one_shown(judged):
    told = {"tab": "definitions", "grace": "0", "unit": "arr", "downsell": "no"}
    text = judged.get("/predicted", told).text
    assert '<option value="0" selected>' in text
    assert "100 due" in text and "130 due" not in text
    assert "0.30" in text and "0.60" not in text
    assert "Dollar renewal rate" in text and "Logo renewal rate" not in text


def test_an_unknown_rate_is_said_and_not_zero(judged):
    text = judged.get("/predicted", {"tab": "trade"}).text
    assert '<span class="unknown">unknown</span>' in text and "90.0%" in text


def test_a_table_is_only_what_the_figures_name(judged):
    for name in ("nothing", "..%2fpredicted", "%2e%2e%2f%2e%2e%2fcycle%2fpredictions"):
        answer = judged.get(f"/predicted/{name}.csv")
        assert answer.status_code in (303, 404)


def test_figures_that_are_no_json_are_absent(tmp_path):
    (tmp_path / "predicted.json").write_text("{", encoding="utf-8")
    assert Told.of(tmp_path) is None
    assert Told.of(Path(tmp_path / "nowhere")) is None
