"""A batch of any size has the bits of the scorer, is resumed where it stopped, and is published
whole or not at all."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.publication import manifest, read_frame
from models.encoding import MissingColumns
from models.single import Fast
from serve import bulk
from serve.bulk import score_bulk
from serve.bundles import Loaded
from serve.given import BadInput, first_morning
from serve.scorer import probabilities
from tests.models.chained import TARGETS, features, models, observations

ROWS = 300


@pytest.fixture(scope="module")
def loaded():
    known = models()
    hashes = {name: name * 8 for name in known}
    return Loaded(known, tuple(TARGETS), {}, hashes, Fast(known, TARGETS))


def table(rows=ROWS):
    frame = features(rows)
    said = frame.assign(decided=observations(frame)["decided"].to_numpy()).reset_index()
    said["as_of"] = said["as_of"].dt.date
    return pa.Table.from_pandas(said.sample(frac=1, random_state=1), preserve_index=False)


@pytest.fixture
def given(tmp_path):
    path = tmp_path / "features.parquet"
    pq.write_table(table(), path, row_group_size=40)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_batch_has_the_bits_of_the_scorer(given, loaded, tmp_path, monkeypatch):
    monkeypatch.setattr(bulk, "BLOCK", 17)
    score_bulk(given, loaded, tmp_path / "out", intervals=True, part_rows=100)
    frame = features(ROWS)
    found = read_frame(tmp_path / "out" / bulk.SCORES).set_index(["account_id", "as_of"])
    expected = probabilities(frame, observations(frame), models(), TARGETS)
    for target, rows in expected.groupby("target"):
        same = rows.set_index(["account_id", "as_of"]).reindex(found.index)
        for end in ("probability", "low", "high"):
            np.testing.assert_array_equal(found[f"{target}_{end}"], same[end])
    assert list(found.index) == sorted(frame.index, key=lambda key: (key[1], key[0]))


def test_threads_parts_and_the_order_of_rows_leave_the_same_bytes(given, loaded, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    whole = pq.read_table(given).sort_by("account_id")
    pq.write_table(whole.slice(0, 130), folder / "a.parquet")
    pq.write_table(whole.slice(130), folder / "b.parquet", row_group_size=11)
    first = score_bulk(given, loaded, tmp_path / "one", threads=1, part_rows=1)
    second = score_bulk(folder, loaded, tmp_path / "two", threads=3, part_rows=1000)
    assert first["files"] == second["files"]


def test_the_manifest_says_from_what_and_that_all_is_there(given, loaded, tmp_path):
    out = tmp_path / "out"
    commit = score_bulk(given, loaded, out)
    assert json.loads((out / "MANIFEST.json").read_text()) == commit
    assert commit["rows"] == ROWS and commit["bundles"] == dict(loaded.identities)
    assert commit["input"] == {"features.parquet": manifest(tmp_path)["features.parquet"]}
    assert commit["files"] == {bulk.SCORES: manifest(out)[bulk.SCORES]}
    assert names(tmp_path) == ["features.parquet", "out"]


def killed_after(parts):
    def stop(done, total):
        if done >= parts * 40:
            raise KeyboardInterrupt

    return stop


def test_a_run_that_was_killed_goes_on_where_it_stopped(given, loaded, tmp_path, monkeypatch):
    whole = score_bulk(given, loaded, tmp_path / "whole", part_rows=40)
    with pytest.raises(KeyboardInterrupt):
        score_bulk(given, loaded, tmp_path / "out", part_rows=40, progress=killed_after(3))
    assert not (tmp_path / "out").exists()
    scored, write = [], bulk._write
    monkeypatch.setattr(bulk, "_write", lambda *args: scored.append(args) or write(*args))
    told = []
    again = score_bulk(
        given, loaded, tmp_path / "out", part_rows=40, progress=lambda *at: told.append(at)
    )
    assert len(scored) == 8 - 3
    assert told == [(min(40 * n, ROWS), ROWS) for n in range(1, 9)]
    assert again["files"] == whole["files"]


@pytest.mark.parametrize("change", ["input", "bundle", "intervals"])
def test_parts_of_another_input_or_bundle_are_not_used(
    given, loaded, tmp_path, change, monkeypatch
):
    out, intervals = tmp_path / "out", change == "intervals"
    scored, write = [], bulk._write
    monkeypatch.setattr(bulk, "_write", lambda *args: scored.append(args) or write(*args))
    with pytest.raises(KeyboardInterrupt):
        score_bulk(given, loaded, out, part_rows=40, progress=killed_after(3))
    if change == "input":
        pq.write_table(table(280), given, row_group_size=40)
    if change == "bundle":
        other = {"churn": "x", "upsell": "y"}
        loaded = Loaded(loaded.models, loaded.targets, {}, other, loaded.fast)
    with pytest.raises(KeyboardInterrupt):
        score_bulk(given, loaded, out, part_rows=40, intervals=intervals, progress=killed_after(1))
    assert len(scored) == 3 + 1 and len(names(tmp_path / ".out.parts")) == 1
    commit = score_bulk(given, loaded, out, part_rows=40, intervals=intervals)
    fresh = score_bulk(given, loaded, tmp_path / "fresh", part_rows=40, intervals=intervals)
    assert commit == fresh
    assert names(tmp_path) == ["features.parquet", "fresh", "out"]


def test_a_part_that_was_cut_while_it_was_written_is_no_part(given, loaded, tmp_path, monkeypatch):
    def cut(table, path, **options):
        path.write_bytes(b"PAR1")
        raise OSError("no space left on device")

    out = tmp_path / "out"
    with monkeypatch.context() as full:
        full.setattr(bulk.pq, "write_table", cut)
        with pytest.raises(OSError, match="no space"):
            score_bulk(given, loaded, out)
    assert score_bulk(given, loaded, out)["rows"] == ROWS


def test_what_cannot_be_scored_leaves_what_was_published(given, loaded, tmp_path):
    out = tmp_path / "out"
    commit = score_bulk(given, loaded, out)
    rows = table().to_pandas()
    rows.loc[rows.index[200], "arr"] = np.inf
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), given, row_group_size=40)
    with pytest.raises(BadInput, match="arr is infinite in 1 rows"):
        score_bulk(given, loaded, out, part_rows=40)
    assert json.loads((out / "MANIFEST.json").read_text()) == commit


def test_an_observation_that_stands_there_twice_or_without_a_name_is_refused(
    given, loaded, tmp_path
):
    rows = table().to_pandas()
    for odd in (
        pd.concat([rows, rows.iloc[[7]]]),
        rows.assign(account_id=[None, *rows["account_id"][1:]]),
    ):
        typed = pa.Table.from_pandas(odd, preserve_index=False, schema=table().schema)
        pq.write_table(typed, given)
        with pytest.raises(BadInput, match="one row"):
            score_bulk(given, loaded, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_columns_that_are_not_there_are_all_named_before_anything_is_scored(
    given, loaded, tmp_path
):
    pq.write_table(table().drop_columns(["arr", "industry", "as_of"]), given)
    with pytest.raises(MissingColumns, match="3 missing columns") as fault:
        score_bulk(given, loaded, tmp_path / "out")
    assert "as_of" in str(fault.value) and "industry" in str(fault.value)
    assert names(tmp_path) == ["features.parquet"]


def test_no_file_and_no_parquet_are_said(loaded, tmp_path):
    for path in (tmp_path / "nothing.parquet", tmp_path):
        with pytest.raises(BadInput, match="holds no Parquet file"):
            score_bulk(path, loaded, tmp_path / "out")
    (tmp_path / "text.parquet").write_text("account_id,arr\n")
    with pytest.raises(BadInput, match="cannot be read as Parquet"):
        score_bulk(tmp_path / "text.parquet", loaded, tmp_path / "out")


def test_no_account_is_a_publication_without_rows(given, loaded, tmp_path):
    pq.write_table(table().slice(0, 0), given)
    assert score_bulk(given, loaded, tmp_path / "out")["rows"] == 0
    assert len(read_frame(tmp_path / "out" / bulk.SCORES)) == 0


def test_without_a_column_that_says_so_nobody_is_decided(given, loaded, tmp_path):
    pq.write_table(table().drop_columns(["decided"]), given)
    score_bulk(given, loaded, tmp_path / "out")
    found = read_frame(tmp_path / "out" / bulk.SCORES)
    frame = features(ROWS)
    assert found["upsell_probability"].notna().sum() == frame["arr"].notna().sum()


def test_two_batches_do_not_write_the_same_parts(given, loaded, tmp_path):
    def meanwhile(done, total):
        with pytest.raises(BadInput, match="being written by another batch"):
            score_bulk(given, loaded, tmp_path / "out", part_rows=40)

    assert score_bulk(given, loaded, tmp_path / "out", progress=meanwhile)["rows"] == ROWS
    assert names(tmp_path) == ["features.parquet", "out"]


def test_how_many_each_target_was_asked_about_is_told(given, loaded, tmp_path):
    asked = score_bulk(given, loaded, tmp_path / "out")["asked"]
    found = read_frame(tmp_path / "out" / bulk.SCORES)
    assert asked == {name: found[f"{name}_probability"].notna().sum() for name in asked}
    assert list(asked) == [target.name for target in TARGETS] and all(asked.values())


def test_the_first_morning_is_the_earliest_of_all_files(given, tmp_path):
    rows = table().to_pandas()
    pq.write_table(table(), tmp_path / "b.parquet")
    rows["as_of"] = pd.Timestamp("2020-02-29").date()
    pq.write_table(pa.Table.from_pandas(rows), tmp_path / "a.parquet")
    assert first_morning(tmp_path) == pd.Timestamp("2020-02-29").date()
    assert first_morning(given) == min(table()["as_of"].to_pylist())
    pq.write_table(table().drop_columns(["as_of"]), given)
    assert first_morning(given) is None
