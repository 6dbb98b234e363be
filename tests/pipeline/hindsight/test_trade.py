"""The numbers of the trade of a small company, and the rows that they were counted from."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from features.publication import read_frame
from models.rates import WORST_FIRST
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.hindsight import trade
from pipeline.settings import load


@pytest.fixture(scope="module")
def found(company):
    with company.inside():
        settings, calendar = load(), Calendar.read(files.CALENDAR)
        tables = trade.frames(settings, calendar, predictions(calendar))
        return tables, trade.figures(tables, settings, calendar)


def predictions(calendar):
    """Scored renewals of one morning, by scorers of which one knows something."""
    morning = pd.Timestamp(calendar.data_until) - pd.Timedelta(days=240)
    renewals = read_frame(files.RENEWALS)
    ahead = (renewals["due_date"] - morning).dt.days
    rows = renewals[ahead.between(0, 89)].drop_duplicates("account_id")
    risk = np.where(rows["status"].eq("churned"), 0.4, 0.2) + np.arange(len(rows)) * 1e-4
    return rows[["account_id", "due_date"]].assign(
        as_of=morning, days_to_due=ahead[rows.index], status="scored", segment="smb", owner="ann",
        plan="pro", risk_band="low", health_band="green", churn_probability=risk,
        health_score=50.0, health_refitted=0.5, early_warning=False, csm_call=np.nan,
        base_rate=0.2,
    )  # fmt: skip


def test_the_figures_are_json_and_say_of_when_they_are(found):
    _, figures = found
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert figures["as_of"] == "2025-07-01"
    assert "no reason for an end" in figures["involuntary"]
    assert set(figures) >= {"renewal_rates", "book_rates", "nps", "definitions_due", "orders"}


def test_each_figure_can_be_counted_again_from_its_rows(found):
    tables, _ = found
    rows, rates = tables["renewals"], tables["renewal_rates"]
    quarter = rows[rows["due_date"].dt.to_period("Q").astype(str).eq("2024Q3")]
    for owner, mine in quarter[~quarter["month_to_month"]].groupby("owner"):
        [told] = rates[
            rates["period"].eq("2024Q3") & rates["terms"].eq("contract") & rates["slice"].eq(owner)
        ].to_dict("records")
        assert told["due"] == mine["account_id"].nunique()
        assert told["arr_due_all"] == pytest.approx(mine["arr_due"].sum())
    whole = tables["book_rates"].query("by == 'all'").set_index("period")
    assert whole["customers"].to_dict() == tables["book"].groupby("period").size().to_dict()
    assert tables["nps"].query("by == 'all'")["answers"].sum() == len(tables["answers"])


def test_all_totals_tie_in_every_slice(found):
    tables, _ = found
    rates, book = tables["renewal_rates"], tables["book_rates"]
    assert rates["due"].eq(rates[WORST_FIRST].sum(axis=1)).all()
    sums = rates.groupby(["period", "by"])["arr_due_all"].sum().unstack()
    for by in sums:
        assert sums[by].to_numpy() == pytest.approx(sums["all"].to_numpy())
    customers = book.groupby(["period", "by"])["customers"].sum().unstack()
    assert customers.eq(customers["all"], axis=0).all(axis=None)
    assert (book["grr"].dropna() <= 1).all()


def test_every_definition_asked_for_is_there_on_the_same_year(found):
    tables, figures = found
    graces = list(tables["definitions_due"]["grace"].unique())
    assert graces == list(tables["definitions_book"]["grace"].unique()) == [0, 30, 61, 91]
    assert tables["definitions_due"]["period"].eq(figures["definitions_period"]).all()
    assert tables["definitions_due"][["open", "in_grace"]].eq(0).all(axis=None)
    best = tables["orders"].query("unit == 'logos' and place == 1 and grace == 30")
    assert best["scorer"].tolist() == ["model"]
