"""A batch whose features are given, at the front door: the bits of a cycle, killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import date

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from features.publication import manifest, read_frame, write_frame
from pipeline import bulk, files
from pipeline.calendar import Calendar
from pipeline.cli import app
from pipeline.morning import morning
from pipeline.settings import load
from tests.workspace import ROOT

DAY = date(2025, 7, 1)
MANY = 40


@pytest.fixture(scope="module")
def given(company, tmp_path_factory):
    """The features of the morning that the small company's cycle is of, as a batch takes them."""
    path = tmp_path_factory.mktemp("given") / "features.parquet"
    with company.inside():
        bulk.write_features(morning(files.FACTS, DAY, load(), Calendar.read(files.CALENDAR)), path)
    return path


@pytest.fixture(scope="module")
def many(given, tmp_path_factory):
    """The same customers many times over, a file each time."""
    folder, rows = tmp_path_factory.mktemp("many"), read_frame(given)
    rows["as_of"] = rows["as_of"].dt.date
    for number in range(MANY):
        named = rows.assign(account_id=rows["account_id"] + f"-{number}")
        write_frame(named, folder / f"{number:02}.parquet", ("account_id",))
    return folder


def started(company, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "score", *map(str, arguments)],
        cwd=company.folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_batch_has_the_bits_of_the_cycle(company, given, tmp_path):
    with company.inside():
        commit = bulk.score(load(), given, tmp_path / "out", intervals=True)
    scores = read_frame(tmp_path / "out" / "scores.parquet").set_index("account_id")
    cycle = read_frame(company.folder / files.CYCLE / "predictions.parquet")
    scored = cycle[cycle["status"].eq("scored")].set_index("account_id")
    assert commit["rows"] == len(scores) >= len(scored) > 10
    for column in ("churn_probability", "churn_low", "churn_high", "upsell_probability"):
        found = scores.loc[scored.index, column]
        np.testing.assert_array_equal(found.to_numpy(), scored[column].to_numpy(dtype=float))
    decided = read_frame(given).set_index("account_id")["decided"].notna()
    assert scores.loc[decided[decided].index, "upsell_probability"].isna().all()
    assert commit["asked"]["churn"] == scores["churn_probability"].notna().sum()


def test_a_batch_that_is_killed_goes_on_and_ends_with_the_same_bytes(company, many, tmp_path):
    first = started(company, "--features", many, "--part-rows", 1, "--out", tmp_path / "out")
    parts = tmp_path / ".out.parts"
    while first.poll() is None and len(list(parts.glob("*/*.parquet"))) < 3:
        time.sleep(0.002)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert first.returncode == -signal.SIGKILL and not (tmp_path / "out").exists()
    before = {path: path.stat().st_mtime_ns for path in parts.glob("*/*.parquet")}
    assert 3 <= len(before) < MANY

    kept = {}

    def seen(done, total):
        kept.update({path: path.stat().st_mtime_ns for path in before if path.exists()})

    with company.inside():
        commit = bulk.score(load(), many, tmp_path / "out", part_rows=1, progress=seen)
        whole = bulk.score(load(), many, tmp_path / "whole")
    assert kept == before
    assert commit == whole and not parts.exists()
    assert commit["files"] == {"scores.parquet": manifest(tmp_path / "out")["scores.parquet"]}


def test_the_verb_tells_how_far_it_is_on_standard_error_and_what_came_of_it(
    company, given, tmp_path
):
    process = started(company, "--features", given, "--out", tmp_path / "out", "--json")
    out, err = process.communicate()
    assert process.returncode == 0, err
    commit = json.loads(out)
    assert f"{commit['rows']} of {commit['rows']} rows scored" in err
    assert commit == json.loads((tmp_path / "out" / "MANIFEST.json").read_text())


def test_models_that_have_seen_the_outcome_do_not_score_the_features(company, given, tmp_path):
    rows = read_frame(given).assign(as_of=pd.Timestamp("2024-01-01").date())
    write_frame(rows, tmp_path / "old.parquet", ("account_id",))
    with company.inside(), pytest.raises(bulk.cycle.NoBundle, match="no model was learnt before"):
        bulk.score(load(), tmp_path / "old.parquet", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def asked(*arguments):
    found = CliRunner().invoke(app, ["score", *map(str, arguments)])
    return found.exit_code, " ".join(found.output.replace("│", "").split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say on which morning"),
        (("--as-of", "2025-07-01", "--features", "x"), "say on which morning"),
        (("--features", "x", "--due-within", "30"), "--due-within is of a morning"),
    ],
)
def test_a_morning_and_a_batch_are_not_mixed(options, said, tmp_path):
    code, output = asked("--out", tmp_path / "out", *options)
    assert code == 2 and said in output


def test_a_cycle_that_is_served_is_not_replaced_by_a_batch(company, given, tmp_path):
    copy = tmp_path / "cycle"
    copy.mkdir()
    (copy / "MANIFEST.json").write_text("{}")
    with company.inside():
        code, output = asked("--features", given, "--out", copy)
    assert code == 2 and "other files" in output
    assert (copy / "MANIFEST.json").read_text() == "{}"
