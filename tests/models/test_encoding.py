"""Numbers for the learners: by name, with fixed codes, and missing stays missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.encoding import MissingColumns, UnusableColumn, encode

KNOWN = pd.DataFrame(
    {"seats": [10, 20, 60], "plan": ["pro", "basic", None], "auto_renew": [True, False, True]}
)


def test_columns_are_taken_by_name_in_any_order_and_others_are_ignored():
    shuffled = KNOWN[["plan", "auto_renew", "seats"]].assign(owner="eve")
    first, second = encode(KNOWN).matrix(KNOWN), encode(KNOWN).matrix(shuffled)
    np.testing.assert_array_equal(first, second)
    assert encode(KNOWN) == encode(KNOWN[["plan", "auto_renew", "seats"]])


def test_codes_come_from_training_whatever_is_scored():
    encoding = encode(KNOWN)
    codes = encoding.matrix(KNOWN.assign(plan=["pro", "gold", "pro"]))[:, 1]
    np.testing.assert_array_equal(codes, [1, np.nan, 1])
    assert encoding.unseen(KNOWN.assign(plan=["pro", "gold", None])) == {"plan": 1}


@pytest.mark.parametrize(
    "seats", [pd.array([1, None, 3], "Int64"), pd.array([1.0, None, 3.0], "Float64"), [1, None, 3]]
)
def test_missing_stays_missing_whatever_the_type(seats):
    column = encode(KNOWN).matrix(KNOWN.assign(seats=seats))[:, 2]
    np.testing.assert_array_equal(column, [1, np.nan, 3])


def test_all_missing_columns_are_named_at_once():
    with pytest.raises(MissingColumns, match=r"2 missing columns: \['plan', 'seats'\] \| 1 avail"):
        encode(KNOWN).matrix(KNOWN[["auto_renew"]])


@pytest.mark.parametrize(
    ("seats", "said"),
    [
        ([1.0, np.inf, -np.inf], "seats is infinite in 2 rows"),
        (["ten", "20", "x"], "seats should hold numbers and holds text"),
        (pd.date_range("2024-01-01", periods=3), "seats holds dates"),
    ],
)
def test_what_no_learner_can_read_is_refused_with_its_column(seats, said):
    with pytest.raises(UnusableColumn, match=said):
        encode(KNOWN).matrix(KNOWN.assign(seats=seats))


def test_typical_is_the_median_of_what_is_known():
    typical = encode(KNOWN.assign(seats=[10.0, None, 60.0], csat=np.nan)).typical
    assert typical == {"auto_renew": 1.0, "seats": 35.0}
