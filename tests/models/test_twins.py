"""One account under two ids is found, even if the copy was changed; idle accounts are no twins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from models.twins import twins
from tests.models.gated import SETTINGS, company


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    return company(accounts=120).features


def copied(features: pd.DataFrame, count: int) -> pd.DataFrame:
    """The same with the first accounts again under other ids."""
    rows = features.reset_index()
    again = rows[rows["account_id"].isin(sorted(rows["account_id"].unique())[:count])]
    return pd.concat([rows, again.assign(account_id="copy of " + again["account_id"])]).set_index(
        ["account_id", "as_of"]
    )


def test_copies_are_found_and_named(features):
    found = twins(copied(features, 6), SETTINGS)
    assert found.found and found.figure == pytest.approx(12 / 126)
    assert "a0000 and copy of a0000" in found.sentence


def test_a_copy_with_other_values_in_some_columns_is_still_one(features):
    more = features.assign(
        **{f"{name}_91d": features[name] * 3 for name in ("events_28d", "minutes_28d", "arr")}
    )
    changed = copied(more, 6)
    mine = changed.index.get_level_values("account_id").str.startswith("copy")
    changed["tenure_days"] = changed["tenure_days"].where(~mine, 400.0)
    assert twins(changed, SETTINGS).found


def test_different_accounts_are_no_twins(features):
    assert twins(features, SETTINGS).figure == 0


def test_idle_accounts_are_no_twins(features):
    idle = features.index.get_level_values("account_id") < "a0030"
    quiet = features.copy()
    quiet.loc[idle, ["active_users_28d", "events_28d", "minutes_28d", "nps_last"]] = 0.0
    assert twins(quiet, SETTINGS).figure == 0


def test_it_hangs_on_no_order_of_rows(features):
    days = features.index.get_level_values("as_of")
    both = copied(features[days < days.unique()[3]], 30)
    shuffled = both.iloc[np.random.default_rng(0).permutation(len(both))]
    assert twins(shuffled, SETTINGS) == twins(both, SETTINGS)
