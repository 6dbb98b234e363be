"""Two ways in which labels leak, planted, and the laws that catch them on a whole company."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest

from features import contracts
from features.publication import read_frame
from models.target import Target, labels
from pipeline import files
from pipeline.calendar import Calendar
from pipeline.settings import load

INDEX = ["account_id", "as_of"]


@pytest.fixture
def here(company):
    with company.inside():
        yield load(), Calendar.read(files.CALENDAR)


def overturned(here) -> int:
    """How many labels of a cutoff are no longer true once everything is known: the law says none,
    corrections of the contract aside."""
    settings, calendar = here
    target, grace = settings.targets["churn"], settings.contracts.grace
    cutoff = calendar.heldout(target, settings.heldout, grace)[0]
    asked = read_frame(files.OBSERVATIONS)
    with duckdb.connect() as con:
        early = labels(
            con, asked, files.FACTS, target, by=cutoff, grace=grace, delay=calendar.delay
        )
    late = read_frame(files.LABELS / "churn" / f"{files.SERVING}.parquet")
    both = early[early["outcome"].notna()].merge(late, on=INDEX, suffixes=("", "_late"))
    known = both[both["outcome_late"].notna()]
    assert len(known) > 50
    return int((known["outcome"].astype(bool) != known["outcome_late"].astype(bool)).sum())


def asked_alone(observations: pd.DataFrame, here) -> list[pd.Timestamp]:
    """The days on which some customers were asked about and others were not: the law says none,
    because the day of a question must not depend on what became of the account."""
    settings, _ = here
    days = sorted(observations["as_of"].unique())
    with duckdb.connect() as con:
        customers = contracts.customers(
            con, files.FACTS, [day.date() for day in days], settings.contracts.grace
        ).df()
    expected = customers.groupby("by")["account_id"].agg(set)
    found = observations.groupby("as_of")["account_id"].agg(set)
    return [day for day in days if found[day] != expected[day]]


def test_no_label_of_a_cutoff_is_overturned_later(here):
    assert overturned(here) == 0


def test_a_leak_is_caught_a_label_from_an_unsettled_observation(here, monkeypatch):
    def everything(self, as_of, *, by, grace, delay):
        return as_of < pd.Timestamp(by)

    monkeypatch.setattr(Target, "is_settled", everything)
    assert overturned(here) > 0


def test_every_customer_of_a_morning_is_asked_about(here):
    assert asked_alone(read_frame(files.OBSERVATIONS), here) == []


def test_a_leak_is_caught_churners_observed_at_their_churn_date(here):
    observations = read_frame(files.OBSERVATIONS)
    renewals = read_frame(files.RENEWALS)
    churned = renewals[renewals["status"].eq("churned")].groupby("account_id")["due_date"].max()
    last = observations.groupby("account_id")["as_of"].transform("max").eq(observations["as_of"])
    gone = observations["account_id"].map(churned)
    moved = np.where(last & gone.notna(), gone, observations["as_of"])
    leaky = observations.assign(as_of=pd.to_datetime(moved))
    assert asked_alone(leaky, here)
