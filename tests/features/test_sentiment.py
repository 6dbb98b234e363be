from __future__ import annotations

import pandas as pd
import pytest

from tests.features.worked import morning
from tests.worlds import table

NPS = table("""
    response_id  account_id  occurred_at          score  recorded_at
    r1           acme        2025-03-30T09:00:00  3      2025-03-30T09:00:00
    r2           acme        2025-02-01T09:00:00  9      2025-02-01T09:00:00
    r3           acme        2024-02-01T09:00:00  7      2024-02-01T09:00:00
    r4           acme        2025-03-31T09:00:00  10     2025-04-02T09:00:00   <- not yet known
    r5           bolt        2023-02-01T09:00:00  6      2023-02-01T09:00:00
    r6           zinc        2025-04-01T00:00:00  6      2025-04-01T00:00:00   <- the future
""")


@pytest.fixture(scope="module")
def on_april_first() -> pd.DataFrame:
    return morning("2025-04-01", nps=NPS)


def test_the_last_answer_known_counts_with_its_age(on_april_first):
    assert on_april_first["nps_last"].to_dict() == pytest.approx(
        {"acme": 3, "bolt": 6, "zinc": float("nan")}, nan_ok=True
    )
    assert on_april_first.loc["acme", "nps_age"] == 2


def test_answers_of_half_a_year_are_counted_and_averaged(on_april_first):
    acme, bolt = on_april_first.loc["acme"], on_april_first.loc["bolt"]
    assert acme["nps_answers_182d"] == 2 and acme["nps_detractors_182d"] == 1
    assert acme["nps_mean_182d"] == 6
    assert bolt["nps_answers_182d"] == 0 and pd.isna(bolt["nps_mean_182d"])


def test_the_trend_is_against_the_earlier_answers(on_april_first):
    assert on_april_first.loc["acme", "nps_trend"] == 3 - (9 + 7) / 2
    assert pd.isna(on_april_first.loc["bolt", "nps_trend"]), "one answer has no trend"


def test_of_two_answers_at_one_instant_the_larger_id_is_the_last():
    twins = table("""
        response_id  account_id  occurred_at          score
        r1           acme        2025-03-30T09:00:00  3
        r2           acme        2025-03-30T09:00:00  9
    """)
    frame = morning("2025-04-01", nps=twins)
    assert frame.loc["acme", "nps_last"] == 9 and frame.loc["acme", "nps_trend"] == 6
