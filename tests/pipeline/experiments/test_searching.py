"""What a search belongs to, and what it says where there is nothing to search by."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from models.study import Gain, Verdict
from pipeline import settings
from pipeline.cli import app
from pipeline.experiments import experiment_terminal, searching
from pipeline.experiments.searching import Found, NothingToSearch, Search

GAIN = Gain(before=0.31, after=0.30, gain=0.01, low=0.002, high=0.018, outcomes=40)
FOUND = Found(
    target="churn", study="churn 0123", tried=12, given_up=3,
    changes={"learning.gradient.leaves": [6, 9]},
    verdict=Verdict(GAIN, GAIN, "2024-10-01", "better"), positives=80.0, enough=1500.0,
)  # fmt: skip


def test_a_study_belongs_to_data_and_space_and_not_to_the_settings_it_tries(company):
    with company.inside():
        now = settings.load()
        gradient = now.learning.gradient
        tried = gradient.model_copy(update={"leaves": gradient.leaves + 1})
        slower = gradient.model_copy(update={"learning_rate": 0.9})
        asked = [
            searching.space(
                now.model_copy(
                    update={"learning": now.learning.model_copy(update={"gradient": of})}
                ),
                "churn",
            )
            for of in (gradient, tried, slower)
        ]
        other = searching.space(now, "upsell")
    assert asked[0] == asked[1]
    assert len({*asked, other}) == 3


def test_too_few_outcomes_to_walk_forward_by_are_refused(company):
    with company.inside():
        with pytest.raises(NothingToSearch, match="bring a longer history"):
            Search.of(settings.load(), "upsell")
        assert not searching.files.SEARCHES.exists()


def test_the_options_of_a_search_are_refused_without_one(company):
    with company.inside():
        done = CliRunner().invoke(app, ["train", "churn", "--trials", "3"])
    assert done.exit_code == 2
    assert "belong to" in done.stderr


def test_what_was_found_can_be_tried_as_an_experiment(capsys):
    experiment_terminal.searched(FOUND, adopted=False)
    shown = capsys.readouterr().out
    assert "dvc exp run -S learning.gradient.leaves=9" in shown
    assert "this flatters" in shown and "mostly finds noise" in shown


def test_what_was_adopted_says_what_is_next(capsys):
    experiment_terminal.searched(FOUND, adopted=True)
    assert "dvc repro" in capsys.readouterr().out
