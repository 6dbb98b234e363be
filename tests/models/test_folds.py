"""Folds: forward in time where there is time, by account where there is not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.folds import FoldSettings, account_groups, folds

SETTINGS = FoldSettings(
    blocks=3, account_groups=4, dealings=3, forward_from=1, train_share=0.25, test_share=0.2
)


def book(accounts, mornings):
    return pd.MultiIndex.from_product(
        [
            [f"a{number}" for number in range(accounts)],
            pd.date_range("2024-01-01", periods=mornings, freq="MS"),
        ],
        names=["account_id", "as_of"],
    )


def test_every_block_begins_when_all_its_training_rows_are_settled():
    index = book(10, 12)
    as_of = index.get_level_values("as_of")
    kind, parts = folds(index, np.ones(len(index)), SETTINGS, 90, seed=1)
    assert kind == "walk-forward"
    assert len(parts) == 3
    for part in parts:
        assert as_of[part.test].min() == part.start
        assert (as_of[part.train] + pd.Timedelta(days=90) <= part.start).all()
        late = np.setdiff1d(np.arange(len(index)), part.train)
        assert (as_of[late] + pd.Timedelta(days=90) > part.start).all()


def test_no_row_is_judged_twice():
    index = book(10, 12)
    for gap in (30, 2000):
        _, parts = folds(index, np.ones(len(index)), SETTINGS, gap, seed=1)
        tested = np.concatenate([part.test for part in parts])
        assert len(np.unique(tested)) == len(tested)


def test_a_row_settled_on_the_blocks_first_morning_is_behind_it():
    index = book(4, 3)
    _, parts = folds(index, np.ones(12), SETTINGS, 31, seed=1)
    assert parts[0].start == pd.Timestamp("2024-02-01")
    assert len(parts[0].train) == 4


def test_without_history_accounts_are_judged_by_other_accounts():
    index = book(9, 3)
    kind, parts = folds(index, np.ones(27), SETTINGS, 400, seed=1)
    accounts = index.get_level_values("account_id")
    assert kind == "by account"
    assert sorted(np.concatenate([part.test for part in parts])) == list(range(27))
    for part in parts:
        assert part.start is None
        assert not set(accounts[part.train]) & set(accounts[part.test])


def test_a_past_without_outcomes_is_no_history():
    index = book(8, 12)
    late = (index.get_level_values("as_of") > pd.Timestamp("2024-11-01")).astype(float)
    assert folds(index, late, SETTINGS, 30, seed=1)[0] == "by account"


def test_groups_of_accounts_are_even_and_drawn_by_the_seed():
    index = book(40, 2)
    one, again, other = (account_groups(index, 4, seed) for seed in (1, 1, 2))
    assert (one == again).all() and (one != other).any()
    assert np.bincount(one).tolist() == [20] * 4


def test_few_outcomes_have_their_accounts_dealt_several_times_anew():
    index = book(9, 3)
    few = np.zeros(27)
    few[::2] = 1 / 20
    _, parts = folds(index, few, SETTINGS, 400, seed=1)
    assert len(parts) == SETTINGS.dealings * SETTINGS.account_groups
    dealings = [parts[start : start + 4] for start in (0, 4, 8)]
    for dealt in dealings:
        assert sorted(np.concatenate([part.test for part in dealt])) == list(range(27))
    tests = {tuple(tuple(part.test) for part in dealt) for dealt in dealings}
    assert len(tests) == SETTINGS.dealings


def test_where_only_the_history_is_too_short_accounts_are_dealt_once():
    index = book(9, 3)
    kind, parts = folds(index, np.ones(27), SETTINGS, 400, seed=1)
    assert (kind, len(parts)) == ("by account", SETTINGS.account_groups)
