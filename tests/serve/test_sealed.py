"""What the ledger holds of an account's past is sealed, and nothing else, whatever a file says."""

from __future__ import annotations

from datetime import date, datetime

import pandas as pd
import pytest

from serve.record import Record
from serve.sealed import marked

HELD = Record(
    predictions=pd.DataFrame(
        {
            "as_of": [datetime(2025, 5, 1), datetime(2025, 6, 1), datetime(2025, 7, 1)],
            "churn_probability": [0.1, 0.2, 0.3],
            "sealed": [True, False, True],
        }
    ),
    outcomes=pd.DataFrame(),
)


def row(morning: date, value: float | None, sealed: bool | None, measure="churn_probability"):
    return {"measure": measure, "morning": morning, "value": value, "sealed": sealed}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (row(date(2025, 5, 1), 0.1, False), True),  # called a replay, and the ledger has it
        (row(date(2025, 5, 1), 0.1000001, True), False),  # not what was sealed
        (row(date(2025, 4, 1), 0.1, True), False),  # of another morning
        (row(date(2025, 6, 1), 0.2, True), False),  # sealed when its renewal was over
        (row(date(2025, 7, 1), 0.3, None), True),  # the publication's own, sealed
        (row(date(2025, 7, 1), 0.4, None), None),  # the publication's own, not sealed
        (row(date(2025, 5, 1), None, None), None),
        (row(date(2025, 5, 1), 0.1, None, "health_score"), None),
    ],
)
def test_only_the_very_probability_of_the_ledger_is_sealed(given, found):
    assert marked([given], HELD) == [given | {"sealed": found}]


def test_without_a_ledger_the_rows_are_as_published():
    rows = [row(date(2025, 5, 1), 0.1, False), row(date(2025, 4, 1), 0.1, True)]
    assert marked(rows, None) == rows


def test_an_account_that_the_ledger_does_not_know_has_nothing_sealed():
    none = Record(HELD.predictions.iloc[:0], HELD.outcomes)
    assert marked([row(date(2025, 5, 1), 0.1, True)], none)[0]["sealed"] is False
