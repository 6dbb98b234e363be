"""An identity is what a stage hangs on, and nothing else."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

from pipeline import files
from pipeline.identity import identity, of_frame


@pytest.fixture
def here(company, tmp_path):
    copy = company.copy(tmp_path / "copy")
    with copy.inside():
        yield copy


def set_param(*path, value):
    params = yaml.safe_load(files.PARAMS.read_text())
    block = params
    for key in path[:-1]:
        block = block[key]
    block[path[-1]] = value
    files.PARAMS.write_text(yaml.safe_dump(params, sort_keys=False))


def test_a_parameter_of_the_stage_changes_params_and_nothing_else(here):
    before = identity("train", "churn")
    set_param("learning", "gradient", "leaves", value=3)
    after = identity("train", "churn")
    assert {part for part in before if before[part] != after[part]} == {"params", "identity"}


def test_a_parameter_of_another_stage_or_target_changes_nothing(here):
    before = identity("train", "churn")
    set_param("targets", "upsell", "growth", value=0.5)
    set_param("rates", "every", value="year")
    assert identity("train", "churn") == before


def test_one_label_changed_changes_the_data(here):
    before = identity("train", "churn")
    path = files.LABELS / "churn" / f"{files.SERVING}.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    after = identity("train", "churn")
    assert {part for part in before if before[part] != after[part]} == {"data", "identity"}


def test_a_frame_is_its_values_columns_and_order():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]}, index=["p", "q"])
    assert of_frame(frame) == of_frame(frame.copy())
    assert of_frame(frame) != of_frame(frame.iloc[::-1])
    assert of_frame(frame) != of_frame(frame.rename(columns={"a": "c"}))
    assert of_frame(frame) != of_frame(frame.assign(a=[1.0, 2.0000001]))
