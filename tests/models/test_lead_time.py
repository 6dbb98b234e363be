"""When each scorer turned risky and stayed so, and what its list cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from models.lead_time import LeadTimes, LeadTimeSettings, lead_times, listed
from models.metrics import wilson
from tests.models.records import BY, START, WAIT, outcomes, predictions
from tests.worlds import table

DAYS = LeadTimeSettings(days=(180, 120, 90, 60, 30))
WORST = {"risk_band": "high", "health_band": "red"}


def leads(
    said: pd.DataFrame, ended: pd.DataFrame, share: float = 0.25, days: LeadTimeSettings = DAYS
) -> LeadTimes:
    return lead_times(said, ended, days, by=BY, wait=WAIT, share=share, worst=WORST)


def planted(gap: int, signal: int = 75, accounts: int = 40) -> LeadTimes:
    """A fourth of the accounts churn; from `signal` days ahead the model sees them, and not before.

    The mornings are `gap` days apart, and due dates fall anywhere between them.
    """
    parts, ended = [], []
    for i in range(accounts):
        due = START + pd.Timedelta(days=130 + i % gap)
        ended.append([f"a{i:02d}", due, "churned" if i % 4 == 0 else "renewed"])
        for ahead in range(i % gap, 130, gap):
            seen = i % 4 == 0 and ahead <= signal
            parts.append([f"a{i:02d}", due, due - pd.Timedelta(days=ahead), 0.9 if seen else 0.1])
    said = pd.DataFrame(
        parts, columns=["account_id", "due_date", "as_of", "churn_probability"], dtype=object
    )
    said["risk_band"] = np.where(said["churn_probability"] == 0.9, "high", "low")
    frame = pd.DataFrame(ended, columns=["account_id", "due_date", "outcome"])
    return leads(predictions(said), frame.assign(month_to_month=False, arr_due=1.0))


@pytest.mark.parametrize("gap", [7, 14, 30])
@pytest.mark.parametrize("by", ["list", "band"])
def test_a_signal_planted_75_days_ahead_is_found_within_one_morning_of_it(gap, by):
    found = planted(gap)
    rows = found.renewals.query("scorer == 'model' and by == @by").set_index("outcome")
    lead = rows.loc["churned", "lead"]
    assert len(lead) == 10
    assert ((lead > 75 - gap) & (lead <= 75)).all()
    assert rows.loc["renewed", "lead"].isna().all()
    table_ = found.table.query("scorer == 'model' and by == @by").set_index("days")
    assert table_.loc[90, "caught"] == 0
    assert table_.loc[30, ["churned", "caught", "caught_share"]].tolist() == [10, 10, 1]
    low, _ = wilson(10, 10)
    assert table_.loc[30, "caught_low"] == pytest.approx(float(low))
    assert table_.loc[180, "note"] == "not asked"
    assert np.isnan(table_.loc[180, "caught_share"])


SAID = predictions(
    table("""
    account_id  due_date    as_of       risk_band  early_warning  csm_call
    acme        2025-04-01  2025-01-01  high       yes            -       <- 90 days ahead
    acme        2025-04-01  2025-02-01  low        -              3
    acme        2025-04-01  2025-03-01  high       -              3
    bolt        2025-04-01  2025-01-01  low        -              -
    bolt        2025-04-01  2025-02-01  high       -              1
    bolt        2025-04-01  2025-03-01  high       yes            1
    cask        2025-04-01  2025-02-01  high       -              -
    cask        2025-04-01  2025-03-01  high       -              -
    dune        2025-04-01  2025-01-01  high       -              -
    """)
)
ENDED = outcomes("""
    account_id  due_date    outcome
    acme        2025-04-01  churned
    bolt        2025-04-01  churned
    cask        2025-04-01  renewed
    dune        2025-04-01  contracted
""")


def test_an_alarm_that_was_taken_back_does_not_count_and_the_last_unbroken_one_does():
    rows = leads(SAID, ENDED).renewals.query("by == 'band'").set_index(["scorer", "account_id"])
    assert rows["lead"].astype(object).where(rows["lead"].notna(), None).to_dict() == {
        ("model", "acme"): 31,
        ("model", "bolt"): 59,
        ("model", "cask"): 59,
        ("model", "dune"): 90,
        ("health", "acme"): None,
        ("health", "bolt"): None,
        ("health", "cask"): None,
        ("health", "dune"): None,
        ("early_warning", "acme"): None,
        ("early_warning", "bolt"): 31,
        ("early_warning", "cask"): None,
        ("early_warning", "dune"): None,
    }


def test_the_price_stands_beside_and_a_contraction_in_neither_figure():
    found = leads(SAID, ENDED).table.query("scorer == 'model' and by == 'band'").set_index("days")
    assert found.loc[30, ["churned", "caught", "kept", "alarmed"]].tolist() == [2, 2, 1, 1]
    assert found.loc[90, ["churned", "caught", "kept", "alarmed"]].tolist() == [2, 0, 0, 0]
    assert found.loc[30, "alarmed_share"] == 1


def test_a_scorer_is_judged_where_it_said_something_so_far_ahead_and_its_silence_is_counted():
    found = leads(SAID, ENDED).table.query("scorer == 'csm_call'").set_index("days")
    assert found.loc[90, ["churned", "silent"]].tolist() == [0, 3]
    assert found.loc[30, ["churned", "caught", "silent"]].tolist() == [2, 1, 2]
    assert np.isnan(found.loc[90, "caught_share"])


LIST = table("""
    account_id  as_of       arr_due  score  expected
    a           2025-01-01  10       .9     1
    b           2025-01-01  10       .5     0
    c           2025-01-01  20       .5     1         <- tied with b, and worth more
    d           2025-01-01  90       .1     0
    e           2025-02-01  10       1      1
    f           2025-02-01  99       0      0         <- there is room, but nobody said so
    g           2025-02-01  99       0      0
    h           2025-02-01  99       -      -
    i           2025-03-01  10       .3     0         <- a scorer that says one thing lists nobody
    j           2025-03-01  20       .3     0
""")


def test_each_morning_has_its_own_list_of_the_same_length_for_all():
    rows = LIST.sample(frac=1, random_state=2).reset_index(drop=True)
    asked = rows.assign(as_of=pd.to_datetime(rows["as_of"]), arr_due=rows["arr_due"].astype(float))
    found = listed(asked, rows["score"].astype(float), share=0.5)
    np.testing.assert_array_equal(found, rows["expected"].astype(float))


def test_names_decide_no_list_and_the_order_of_rows_no_figure():
    mixed = SAID.sample(frac=1, random_state=1)
    there, again = leads(SAID, ENDED), leads(mixed, ENDED.iloc[::-1])
    pd.testing.assert_frame_equal(there.table, again.table)
    pd.testing.assert_frame_equal(there.renewals, again.renewals)


def test_days_that_do_not_fall_are_refused():
    with pytest.raises(ValidationError, match="they must fall"):
        LeadTimeSettings(days=(30, 60))
