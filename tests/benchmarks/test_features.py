"""What the benchmark compares does the same work: equal values, from the same tables."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import duckdb
import pandas as pd
import pytest

from benchmarks.features import grow
from benchmarks.figures import Run, World, page, sample, scale
from benchmarks.generator import Company, generate, observations, renewals
from benchmarks.naive import naive
from benchmarks.pandas_loop import pandas_loop
from benchmarks.tasks import TASKS, Task
from features.definition import definitions
from features.publication import read_frame

COMPANY = Company(events=30_000, accounts=200, months=8)
INDEX = ["account_id", "as_of"]
CONTRACTS = {"seat_utilisation"}
FAMILIES = ("frequency", "breadth", "depth")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    generate(COMPANY, folder / "tables")
    observations(COMPANY, folder / "observations.parquet")
    renewals(COMPANY, folder / "past_renewals.parquet")
    return World(folder, COMPANY, COMPANY.mornings)


@pytest.fixture(scope="module")
def built(world, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("built")
    TASKS["build"](Task(world.folder, scratch, threads=1))
    return scratch


@pytest.fixture(scope="module")
def features(built):
    return read_frame(built / "features").set_index(INDEX)


def assert_same_usage_features(frame: pd.DataFrame, features: pd.DataFrame) -> None:
    names = {d.name for d in definitions(FAMILIES)} - CONTRACTS
    assert set(frame.columns) - set(INDEX) == names
    frame = frame.astype({"account_id": "str"}).set_index(INDEX)
    expected = features.loc[frame.index, sorted(names)]
    pd.testing.assert_frame_equal(
        frame[sorted(names)], expected, rtol=1e-9, atol=1e-12, check_index_type=False
    )
    assert expected.notna().any().all(), "a feature that nobody has is not compared"


@pytest.mark.parametrize("regrouped", [False, True])
def test_the_naive_join_says_what_the_engine_says(regrouped, world, features, tmp_path):
    out = tmp_path / "naive.parquet"
    with duckdb.connect() as con:
        naive(con, world.folder / "tables", world.folder / "observations.parquet", out,
              COMPANY.mornings, regrouped=regrouped)  # fmt: skip
    frame = pd.read_parquet(out)
    assert len(frame) == len(features)
    assert_same_usage_features(frame, features)


def test_the_loop_in_pandas_says_what_the_engine_says(world, features):
    frame = pandas_loop(world.folder / "tables", world.folder / "observations.parquet")
    assert len(frame) == len(features)
    assert_same_usage_features(frame, features)


def test_the_build_without_two_step_features_leaves_out_only_those(world, features, tmp_path):
    said = {"world": str(world.folder), "scratch": str(tmp_path), "threads": 1, "memory": "",
            "mornings": []}  # fmt: skip
    command = [sys.executable, "-m", "benchmarks.tasks", "one step", json.dumps(said)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    took = json.loads(done.stdout)
    assert took["seconds"] >= sum(took["steps"].values()) and took["peak"] > 10
    left = read_frame(tmp_path / "features").set_index(INDEX)
    gone = set(features) - set(left)
    assert gone == {"busiest_user_share_28d", "feature_evenness_28d", "key_feature_share_28d"}
    pd.testing.assert_frame_equal(left, features[left.columns])


def test_the_increment_adds_the_day_and_the_morning(world, built, tmp_path):
    grow(world, built / "facts", tmp_path)
    TASKS["increment"](Task(world.folder, tmp_path, threads=1))
    frame = read_frame(tmp_path / "features")
    assert set(frame["as_of"]) == {pd.Timestamp("2024-09-15")}
    assert len(frame) == COMPANY.accounts
    assert frame["events_7d"].sum() > 0
    assert not (built / "facts" / "user_days" / "2024-09-14.parquet").exists()
    assert (tmp_path / "facts" / "user_days" / "2024-09-14.parquet").exists()


def test_a_sample_of_mornings_is_scaled_by_the_days_it_joins():
    company = Company.of(10**8)
    assert sample(Company.of(10**7), 3) == sample(company, 24) == company.mornings
    some = sample(company, 3)
    assert some == [date(2024, 6, 1), date(2025, 2, 1), date(2025, 10, 1)]
    days = [31, 60, 91, 121, 152] + 19 * [182]
    assert scale(company, some) == sum(days) / (152 + 182 + 182)
    world = World(None, company, some)
    world.runs["scan"] = [run(seconds=1)]
    world.runs["naive"] = [run(seconds=3)]
    assert world.median("naive") == 1 + 2 * sum(days) / (152 + 182 + 182)


def test_the_page_holds_medians_ratios_growth_and_whether_the_bytes_agree(world):
    small = World(world.folder, Company.of(10**6), Company.of(10**6).mornings)
    large = World(world.folder, Company.of(10**7), Company.of(10**7).mornings[-3:])
    small.runs["pandas"] = [run(seconds=7)]
    small.runs["naive"] = large.runs["naive"] = [run(seconds=20)]
    for number, times in ((1, small), (10, large)):
        times.runs["scan"] = [run(seconds=seconds * number) for seconds in (0.1, 0.5, 0.2)]
        times.runs["build"] = [run(seconds=2 * number)] * 3
        times.runs["increment"] = [run(seconds=0.5)] * 3
    said = "\n".join(page([small, large], "python -m benchmarks.features"))
    assert "| scan of the usage columns | 0.2 s, 3 s, 40 MB | 2 s, 3 s, 40 MB |" in said
    assert "| build / scan | 10.0 | 10.0 |" in said
    assert "| pandas / build | 3.5 |  |" in said
    scaled = 2 + (20 - 2) * scale(large.company, large.joined)
    assert f"| naive join | 20 s, 3 s, 40 MB | {scaled:.3g}\\* s, 3\\* s, 40 MB |" in said
    assert "\\* 3 mornings joined, scaled to all by the days of events." in said
    assert "| build / increment | 4.0 | 40.0 |" in said
    assert "growth from 1M to 10M: scan 1.00, build 1.00, increment 0.00" in said
    assert "the same bytes" in said
    large.runs["one thread"] = [run(seconds=9, digest="other")]
    assert "DIFFERENT BYTES" in "\n".join(page([small, large], ""))


def run(seconds: float, digest: str = "same") -> Run:
    steps = {"facts": seconds / 2, "features": seconds / 2}
    return Run(seconds, process=seconds + 1, cpu=3, peak=40, steps=steps, digest=digest)
