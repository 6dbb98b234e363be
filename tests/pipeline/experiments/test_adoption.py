"""Other values in params.yaml, and every other byte as it was."""

from __future__ import annotations

import shutil

import pytest

from pipeline import files, settings
from pipeline.experiments.adoption import adopt, rewritten
from pipeline.settings import BadParams
from tests.workspace import ROOT


@pytest.fixture
def params(tmp_path):
    shutil.copy(ROOT / files.PARAMS, tmp_path / files.PARAMS)
    return tmp_path / files.PARAMS


def test_only_the_lines_of_the_values_change(params):
    before = params.read_text().splitlines()
    adopt({"learning.gradient.leaves": 12, "learning.gradient.l2": 31.5}, params)
    after = params.read_text().splitlines()
    changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert changed == [("    leaves: 6", "    leaves: 12"), ("    l2: 10.0", "    l2: 31.5")]
    assert settings.load(params).learning.gradient.leaves == 12


def test_a_value_that_params_do_not_allow_is_refused_and_nothing_written(params):
    before = params.read_bytes()
    with pytest.raises(BadParams, match="leaves"):
        adopt({"learning.gradient.leaves": 0}, params)
    assert params.read_bytes() == before
    assert [path.name for path in params.parent.iterdir()] == [files.PARAMS.name]


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(BadParams, match="trees.height"):
        rewritten("trees: {leaves: 6}\n", {"trees.height": 3})
