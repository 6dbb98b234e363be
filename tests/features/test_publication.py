"""Equal data are equal bytes, a folder is there whole or not at all, no cell is a formula."""

from __future__ import annotations

import csv
from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.publication import (
    manifest,
    published,
    read_frame,
    safe,
    sha256,
    write_csv,
    write_frame,
    write_parquet,
    write_parts,
)

ROWS = "SELECT i % 97 AS a, md5(CAST(i AS VARCHAR)) AS b, i FROM range(300000) AS t(i)"


def test_equal_rows_give_equal_bytes_on_one_thread_or_two_in_any_order(tmp_path):
    for threads, order in ((1, "i"), (2, "i DESC"), (2, "b")):
        with duckdb.connect(config={"threads": threads}) as con:
            path = tmp_path / f"{threads}{order}.parquet"
            write_parquet(con, f"{ROWS} ORDER BY {order}", path, ["a", "b"])
    assert len(set(manifest(tmp_path).values())) == 1


def test_a_file_without_an_order_is_refused(tmp_path):
    with duckdb.connect() as con, pytest.raises(ValueError, match="rows.parquet has no order_by"):
        write_parquet(con, ROWS, tmp_path / "rows.parquet", [])


def test_a_frame_is_written_sorted_and_without_its_index(tmp_path):
    frame = pd.DataFrame({"b": [2, 1], "a": ["x", None]}, index=[7, 8])
    write_frame(frame, tmp_path / "o'brien.parquet", ["b"])
    assert duckdb.read_parquet(str(tmp_path / "o'brien.parquet")).fetchall() == [
        (1, None),
        (2, "x"),
    ]


DAYS = "SELECT DATE '2025-01-30' + CAST(i % 35 AS INTEGER) AS day, i FROM range(7000) AS t(i)"
LAST = date(2025, 3, 5)


def test_a_part_holds_the_rows_of_its_days_sorted_and_only_parts_with_rows_are_written(tmp_path):
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE days AS {DAYS} WHERE i % 35 <> 33")
        written = write_parts(con, "days", tmp_path / "out", "day", LAST, ["i"])
        days = ["2025-03-01", "2025-03-02", "2025-03-03", "2025-03-05"]
        assert written == ["2025-01", "2025-02", *days], "the fifth lies in the first week"
        assert sorted(manifest(tmp_path / "out")) == [f"{name}.parquet" for name in written]
        for name in written:
            rows = f"SELECT * FROM days WHERE strftime(day, '%Y-%m-%d') LIKE '{name}%' ORDER BY i"
            kept = f"FROM '{tmp_path}/out/{name}.parquet'"
            assert con.execute(kept).fetchall() == con.execute(rows).fetchall()


def test_parts_asked_for_alone_are_those_of_all_byte_by_byte(tmp_path):
    with duckdb.connect() as con:
        con.execute(f"CREATE VIEW days AS {DAYS}")
        every = write_parts(con, "days", tmp_path / "every", "day", LAST, ["i"])
        asked = {"2025-02", "2025-03-02", "2025-04-01"}
        some = write_parts(con, "days", tmp_path / "some", "day", LAST, ["i"], only=asked)
    assert some == ["2025-02", "2025-03-02"] and set(some) < set(every)
    assert manifest(tmp_path / "some").items() < manifest(tmp_path / "every").items()


def test_a_day_that_is_no_column_of_the_parts_may_still_part_their_rows(tmp_path):
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE days AS {DAYS}")
        late = "CAST(day + INTERVAL 2 DAY AS DATE)"
        write_parts(con, "days", tmp_path / "out", late, date(2025, 3, 7), ["i"], ["i"])
        written = con.sql(f"FROM '{tmp_path}/out/2025-03-01.parquet'")
        assert written.columns == ["i"] and written.fetchall()[0] == (28,)


def test_of_no_rows_no_part_is_written(tmp_path):
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE days AS {DAYS} LIMIT 0")
        assert write_parts(con, "days", tmp_path / "out", "day", LAST, ["i"]) == []
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_of_files_reads_as_one_frame_in_the_order_of_their_names(tmp_path):
    for name in ("2025-03-02", "2025-02", "2025-03-01"):
        frame = pd.DataFrame({"part": name, "i": range(3000), "day": pd.Timestamp("2025-03-01")})
        write_frame(frame, tmp_path / f"{name}.parquet", ["i"])
    (tmp_path / "notes.json").write_text("{}")
    read = read_frame(tmp_path)
    assert read["part"].drop_duplicates().tolist() == ["2025-02", "2025-03-01", "2025-03-02"]
    assert read["i"].tolist() == [*range(3000)] * 3 and list(read.index) == [*range(9000)]
    pd.testing.assert_frame_equal(read[:3000], read_frame(tmp_path / "2025-02.parquet"))


def test_a_folder_without_files_cannot_be_read_and_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"{tmp_path.name} holds no Parquet file"):
        read_frame(tmp_path)


def test_a_published_folder_replaces_the_old_one_as_a_whole(tmp_path):
    for name in ("old", "new"):
        with published(tmp_path / "deep" / "out") as folder:
            (folder / name).write_text(name)
            assert not (tmp_path / "deep" / "out" / name).exists()
    assert [path.name for path in (tmp_path / "deep" / "out").iterdir()] == ["new"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]


@pytest.mark.parametrize("before", [True, False])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, before):
    if before:
        with published(tmp_path / "out") as folder:
            (folder / "kept").write_text("kept")
    with pytest.raises(OSError, match="disk full"), published(tmp_path / "out") as folder:
        (folder / "half").write_text("half")
        raise OSError("disk full")
    assert manifest(tmp_path).keys() == ({"out/kept"} if before else set())
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if before else [])


def test_a_failing_rename_puts_the_old_folder_back(tmp_path, monkeypatch):
    import os

    with published(tmp_path / "out") as folder:
        (folder / "kept").write_text("kept")
    rename = os.replace

    def refuse(source, target):
        if str(source).endswith("new"):
            raise OSError("refused")
        rename(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="refused"), published(tmp_path / "out") as folder:
        (folder / "new").write_text("new")
    assert manifest(tmp_path).keys() == {"out/kept"}


def test_the_manifest_names_every_file_with_its_hash(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert manifest(tmp_path) == {"a": empty, "b/two": sha256(tmp_path / "b" / "two")}


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=1", "  =1", "＝1", "＋1", "－1", "＠x",
        "\u00a0=1", "\u3000＝1", "-2+3+cmd|' /C calc'!A0", "=", "\u200b=1", "\ufeff=1", "−1",
        "﹣1", "\x00=1",
    ],
)  # fmt: skip
def test_text_that_a_spreadsheet_might_run_gets_an_apostrophe(cell):
    assert safe(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell",
    ["plain", "a=b", "1-2", "", " plain", "é", "'=1", None, -3, -2.5, 0, True, np.float64(-1)],
)
def test_numbers_keep_their_minus_and_harmless_text_stays(cell):
    assert safe(cell) is cell


def test_a_csv_holds_no_formula_in_any_cell_or_name_and_the_frame_is_unchanged(tmp_path):
    frame = pd.DataFrame(
        {
            "=name": ["=1", 'ok,\n"quoted"', None],
            "amount": [-1.5, 2.0, np.nan],
            "category": pd.Categorical(["@a", "b", None]),
            "mixed": ["-x", -4, None],
            "day": pd.to_datetime(["2025-03-01", None, "2025-03-02"]),
        }
    )
    before = frame.copy(deep=True)
    write_csv(frame, tmp_path / "out.csv")
    pd.testing.assert_frame_equal(frame, before)
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["'=name", "amount", "category", "mixed", "day"],
        ["'=1", "-1.5", "'@a", "'-x", "2025-03-01"],
        ['ok,\n"quoted"', "2.0", "b", "-4", ""],
        ["", "", "", "", "2025-03-02"],
    ]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=6))
def test_no_text_at_all_leaves_a_formula_behind(text):
    assert not str(safe(text)).lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))


def test_a_carriage_return_in_a_cell_begins_no_row(tmp_path):
    write_csv(pd.DataFrame({"name": ["x\r=cmd()"], "n": [-1]}), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b'name,n\r\n"x\r=cmd()",-1\r\n'
