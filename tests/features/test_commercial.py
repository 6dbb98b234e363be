from __future__ import annotations

import pandas as pd
import pytest

from tests.features.worked import morning
from tests.worlds import table

SUBSCRIPTIONS = table("""
    subscription_id account_id start_date booked_at  term_end   ended_at   arr  seats product discount auto_renew
    s1              acme       2024-01-01 2023-12-01 2025-01-01 2025-01-01 1000 10    base    -        true
    s2              acme       2025-01-01 2024-12-01 2026-01-01 -          1500 12    base    0.1      true
    s3              acme       2025-02-01 2025-02-01 2026-01-01 -          500  3     addon   0.5      false
    s4              acme       2025-04-01 2025-03-01 2026-04-01 -          900  9     new     0        true
    s5              bolt       2024-06-01 2024-06-01 -          -          -    -     base    -        -
    s6              zinc       2025-03-01 2025-03-01 2025-04-01 -          0    5     base    -        true
""")  # noqa: E501


@pytest.fixture(scope="module")
def on_april_first() -> pd.DataFrame:
    observed = {"arr": 2000, "days_to_due": 275, "month_to_month": "false"}
    return morning("2025-04-01", subscriptions=SUBSCRIPTIONS, observed=observed)


def test_rows_in_force_add_up_and_a_booked_one_waits(on_april_first):
    acme = on_april_first.loc["acme"]
    assert acme["seats"] == 15 and acme["products"] == 2
    assert acme["price_per_seat"] == pytest.approx(2000 / 15)
    assert acme["term_days"] == 365
    assert acme["days_since_change"] == 59, "s4 begins on the morning itself: the future"


def test_growth_is_against_what_was_in_force_then(on_april_first):
    growth = on_april_first.loc["acme"]
    assert growth["arr_growth_91d"] == pytest.approx(2000 / 1000 - 1)
    assert growth["seats_growth_91d"] == pytest.approx(15 / 10 - 1)


def test_an_unknown_amount_has_no_growth_and_a_new_customer_neither(on_april_first):
    assert on_april_first.loc[["bolt", "zinc"], "arr_growth_91d"].isna().all()
    assert on_april_first.loc[["bolt", "zinc"], "seats_growth_91d"].isna().all()


def test_discounts_weigh_by_money(on_april_first):
    discount = on_april_first["discount"]
    assert discount["acme"] == pytest.approx((0.1 * 1500 + 0.5 * 500) / 2000)
    assert discount[["bolt", "zinc"]].isna().all()


def test_a_contract_without_a_term_has_no_term_days(on_april_first):
    assert pd.isna(on_april_first.loc["bolt", "term_days"])


def test_the_observation_hands_over_what_it_knows(on_april_first):
    acme = on_april_first.loc["acme"]
    assert acme[["arr", "tenure_days", "days_to_due", "month_to_month"]].tolist() == [
        2000, 400, 275, 0,
    ]  # fmt: skip


def test_automatic_renewal_is_a_feature_only_where_versions_are_kept(on_april_first):
    assert on_april_first["auto_renew"].isna().all()
    versioned = SUBSCRIPTIONS.assign(recorded_at=SUBSCRIPTIONS["booked_at"])
    switched = versioned.query("subscription_id == 's2'").assign(
        recorded_at="2025-04-01", auto_renew="false"
    )
    frame = morning("2025-04-01", subscriptions=pd.concat([versioned, switched]))
    assert frame.loc["zinc", "auto_renew"] == 1
    assert frame.loc["acme", "auto_renew"] == 0, "the add-on does not renew by itself"


def test_kept_contracts_are_counted_by_how_they_ended():
    renewals = table("""
        account_id  due_date    month_to_month  status
        acme        2023-01-01  false           renewed
        acme        2024-01-01  false           expanded
        acme        2025-01-01  false           contracted
        acme        2025-02-01  true            renewed
        acme        2025-03-01  false           in_grace
    """)
    frame = morning("2025-04-01", subscriptions=SUBSCRIPTIONS, renewals=renewals)
    past = frame[["past_renewals", "past_expansions", "past_contractions"]]
    assert past.loc["acme"].tolist() == [3, 1, 1] and past.loc["bolt"].tolist() == [0, 0, 0]
