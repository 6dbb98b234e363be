"""A share of rows, where one account may have many."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.clustered import share_by
from models.metrics import wilson


def test_rows_of_different_accounts_have_wilsons_interval():
    happened = pd.Series([True] * 3 + [False] * 17)
    told = share_by(happened, happened * 0.0 + 1, pd.Series(range(20)), happened * 0).iloc[0]
    low, high = wilson(3, 20)
    assert told.tolist() == pytest.approx([0.15, float(low), float(high), 20, 20])


def test_rows_of_one_account_that_agree_count_once():
    once = pd.Series([True] * 3 + [False] * 17)
    five = pd.Series(np.repeat(once, 5).to_numpy())
    accounts = pd.Series(np.repeat(range(20), 5))
    clustered = share_by(five, five * 0.0 + 1, accounts, five * 0).iloc[0]
    alone = share_by(once, once * 0.0 + 1, pd.Series(range(20)), once * 0).iloc[0]
    assert clustered[["value", "low", "high"]].tolist() == pytest.approx(
        alone[["value", "low", "high"]].tolist()
    )


def test_a_share_of_nothing_or_all_is_as_sure_as_the_number_of_accounts():
    none = pd.Series([False] * 40)
    told = share_by(none, none * 0.0 + 1, pd.Series(np.arange(40) % 10), none * 0).iloc[0]
    assert told["high"] == pytest.approx(float(wilson(0, 10)[1]))


def test_each_value_has_its_own_share_whatever_the_order_of_rows():
    rows = pd.DataFrame(
        {
            "by": ["b", "a", "a", "b"],
            "y": [True, False, True, True],
            "w": [1.0, 3.0, 1.0, 2.0],
            "account": ["x", "x", "y", "z"],
        }
    )
    told = share_by(rows["y"], rows["w"], rows["account"], rows["by"])
    assert told["value"].to_dict() == {"a": 0.25, "b": 1.0}
    mixed = rows.iloc[[2, 0, 3, 1]]
    again = share_by(mixed["y"], mixed["w"], mixed["account"], mixed["by"])
    pd.testing.assert_frame_equal(told, again)
    assert share_by(*(rows.iloc[:0][name] for name in ("y", "w", "account", "by"))).empty
