"""A long search: it goes on where it stopped, and is judged on what it never saw."""

from __future__ import annotations

import sys

import pytest

from models import study
from models.folds import walk_forward
from models.rows import training_rows
from models.search import SearchMissing
from tests.models.panel import FAMILIES, GAP_DAYS, SETTINGS, SIGNS, panel

SEED = 1


@pytest.fixture(scope="module")
def rows():
    return known(panel(120))


def known(world):
    return training_rows(world.features, world.labels, True, SIGNS, FAMILIES)


@pytest.fixture(scope="module")
def parts(rows):
    return walk_forward(rows.index, rows.positives, SETTINGS.folds, GAP_DAYS)


def explored(path, rows, parts, trials, name="churn"):
    held, heard = study.opened(path, name, SEED), []
    study.explore(
        held, rows, parts[:-1], SETTINGS, SEED,
        trials=trials, seconds=None, told=lambda over, lowest: heard.append((over, lowest)),
    )  # fmt: skip
    return held, heard


def test_a_search_goes_on_where_it_stopped_and_ends_when_all_are_tried(tmp_path, rows, parts):
    path = tmp_path / "searches" / "churn.db"
    _, first = explored(path, rows, parts, trials=2)
    held, then = explored(path, rows, parts, trials=3)
    _, nothing = explored(path, rows, parts, trials=3)
    assert [over for over, _ in first] == [1, 2]
    assert [over for over, _ in then] == [3]
    assert nothing == []
    assert len({tuple(trial.params.values()) for trial in held.trials}) == 3


def test_the_present_settings_are_tried_first(tmp_path, rows, parts):
    held, _ = explored(tmp_path / "one.db", rows, parts, trials=1)
    assert study.best(held, SETTINGS.gradient) == SETTINGS.gradient


def test_another_study_in_the_same_file_begins_anew(tmp_path, rows, parts):
    explored(tmp_path / "one.db", rows, parts, trials=1)
    held, heard = explored(tmp_path / "one.db", rows, parts, trials=1, name="of other data")
    assert (len(heard), len(held.trials)) == (1, 1)


def test_the_same_settings_gain_nothing(rows, parts):
    found = study.judge(rows, parts, SETTINGS, SETTINGS.gradient, SEED, least=1)
    assert (found.searched.gain, found.unseen.gain) == (0, 0)
    assert found.verdict == "cannot tell"


def test_settings_that_learn_nothing_are_worse_on_the_block_that_no_trial_saw(rows, parts):
    still = SETTINGS.gradient.model_copy(update={"leaf_least": 10**6, "leaf_most": 10**6})
    found = study.judge(rows, parts, SETTINGS, still, SEED, least=1)
    turned = study.judge(
        rows, parts, SETTINGS.model_copy(update={"gradient": still}), SETTINGS.gradient, SEED, 1
    )
    assert found.unseen.gain < 0 < turned.unseen.gain
    assert found.unseen.gain == pytest.approx(-turned.unseen.gain)
    assert found.since == f"{parts[-1].start:%Y-%m-%d}"
    assert found.unseen.low < found.unseen.gain < found.unseen.high


def test_what_happened_in_the_last_block_changes_nothing_that_was_chosen(rows, parts):
    from dataclasses import replace

    other = rows.outcome.copy()
    other[parts[-1].test] = 1 - other[parts[-1].test]
    one, turned = (
        study.judge(of, parts, SETTINGS, SETTINGS.gradient, SEED, least=1)
        for of in (rows, replace(rows, outcome=other))
    )
    assert one.searched.before == turned.searched.before
    assert one.unseen.before != turned.unseen.before


def test_few_outcomes_give_no_verdict():
    rows = known(panel(300))
    parts = walk_forward(rows.index, rows.positives, SETTINGS.folds, GAP_DAYS)
    still = SETTINGS.gradient.model_copy(update={"leaf_least": 10**6, "leaf_most": 10**6})
    without = SETTINGS.model_copy(update={"linear": SETTINGS.linear.model_copy(
        update={"ridge": [1e9]})})  # fmt: skip
    asked = {least: study.judge(rows, parts, without, still, SEED, least) for least in (1, 9999)}
    assert asked[1].unseen == asked[9999].unseen
    assert asked[1].verdict == "worse"
    assert asked[9999].verdict == "cannot tell"


def test_without_the_package_that_searches_it_is_said_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SearchMissing, match=r"extra `search`"):
        study.opened(tmp_path / "one.db", "churn", SEED)
