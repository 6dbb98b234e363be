"""Whole or not at all: whatever fails, the previous publication is still there."""

from __future__ import annotations

import json
from dataclasses import replace

import duckdb
import pandas as pd
import pytest

from serve import predictions
from serve.batch import score_cycle
from serve.predictions import COLUMNS, MANIFEST, OUTCOMES, DamagedPublication, read, records
from tests.serve.cycles import IDENTITY, SCORERS, SETTINGS, due, renewals


def cycle(**changes):
    return score_cycle(due(**changes), SCORERS, SETTINGS, IDENTITY)


@pytest.fixture(scope="module")
def plain():
    return cycle()


def test_what_is_published_is_read_back(tmp_path, plain):
    plain.publish(tmp_path / "cycle")
    held = read(tmp_path / "cycle")
    assert held.manifest["due"] == {"renewals": 9, "arr": 13600.0, "arr_unknown": 0}
    assert held.manifest["identity"]["bundle_sha256"] == IDENTITY.bundle_sha256
    assert held.predictions["account_id"].tolist() == plain.frame["account_id"].tolist()
    first = records(held.predictions)[0]
    assert (first["rank"], first["due_date"], first["early_warning"]) == (1, "2025-07-21", False)
    assert isinstance(first["rank"], int)
    assert list(held.health.columns)[:2] == ["account_id", "as_of"]
    assert len(held.outcomes) == held.predictions["status"].eq("scored").sum() == 4
    for name, columns in (("predictions", COLUMNS), ("outcomes", OUTCOMES)):
        written = duckdb.sql(f"DESCRIBE FROM read_parquet('{tmp_path}/cycle/{name}.parquet')")
        assert {row[0]: row[1] for row in written.fetchall()} == columns
        csv = pd.read_csv(tmp_path / "cycle" / f"{name}.csv")
        assert list(csv.columns) == list(columns)
        assert csv["due_date"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()


def test_two_publications_of_the_same_cycle_are_the_same_bytes(tmp_path, plain):
    for name in ("one", "two"):
        plain.publish(tmp_path / name)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_a_cell_that_is_a_formula_is_defused_in_the_csv(tmp_path, plain):
    plain.publish(tmp_path / "cycle")
    csv = pd.read_csv(tmp_path / "cycle" / "predictions.csv")
    assert "'=Bolt()" in csv["name"].tolist()
    assert csv.loc[csv["account_id"].eq("acme"), "due_date"].iloc[0] == "2025-07-11"
    assert list(csv.columns) == list(COLUMNS)


def test_an_empty_cycle_is_a_valid_publication(tmp_path):
    cycle(renewals=renewals().iloc[:0]).publish(tmp_path / "cycle")
    held = read(tmp_path / "cycle")
    assert held.predictions.empty and list(held.predictions.columns) == list(COLUMNS)
    assert list(pd.read_csv(tmp_path / "cycle" / "predictions.csv").columns) == list(COLUMNS)


@pytest.mark.parametrize("step", ["write_parquet", "write_csv", "manifest", "json.dumps"])
@pytest.mark.parametrize("before", [True, False])
def test_a_write_that_fails_publishes_nothing(tmp_path, monkeypatch, step, before, plain):
    folder = tmp_path / "cycle"
    if before:
        plain.publish(folder)
    there = {file.name: file.read_bytes() for file in folder.iterdir()} if before else {}

    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    place, _, name = step.rpartition(".")
    monkeypatch.setattr(predictions.json if place else predictions, name, fails)
    with pytest.raises(OSError, match="No space"):
        replace(plain, frame=plain.frame.iloc[1:]).publish(folder)
    monkeypatch.undo()
    now = {file.name: file.read_bytes() for file in folder.iterdir()} if folder.exists() else {}
    assert now == there
    assert [path.name for path in tmp_path.iterdir()] == (["cycle"] if before else [])


def test_a_file_that_is_not_the_one_in_the_manifest_is_named(tmp_path, plain):
    plain.publish(tmp_path / "cycle")
    csv = tmp_path / "cycle" / "predictions.csv"
    csv.write_text(csv.read_text().replace("acme", "acne"))
    with pytest.raises(DamagedPublication, match=r"predictions\.csv differ"):
        read(tmp_path / "cycle")


def test_a_file_too_many_or_too_few_is_named(tmp_path, plain):
    plain.publish(tmp_path / "cycle")
    (tmp_path / "cycle" / "health.parquet").unlink()
    (tmp_path / "cycle" / "extra.txt").write_text("x")
    with pytest.raises(DamagedPublication, match=r"extra\.txt, health\.parquet"):
        read(tmp_path / "cycle")


def test_a_folder_without_commit_mark_is_no_publication(tmp_path):
    with pytest.raises(DamagedPublication, match="nothing was published"):
        read(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(DamagedPublication, match="is not JSON"):
        read(tmp_path)


def test_the_manifest_holds_no_clock_time(tmp_path, plain):
    plain.publish(tmp_path / "cycle")
    commit = json.loads((tmp_path / "cycle" / MANIFEST).read_text())
    assert set(commit) == {
        "as_of", "due_within", "due", "statuses", "outcomes", "identity", "files",
    }  # fmt: skip
