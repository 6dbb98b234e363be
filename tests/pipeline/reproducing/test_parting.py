"""The first row that is not what it was, in words."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.reproducing.parting import files_apart, first_row, largest

THEN = "id,name,seats\na,Acme,5\nb,Bolt,7\n"


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (THEN, ""),
        (THEN.replace("Bolt,7", "Volt,8"), "row 2 (id b): name Bolt became Volt, seats 7 became 8"),
        (THEN.replace("b,Bolt,7\n", ""), "row 2 (id b) is gone"),
        (THEN + "c,Cara,1\n", "row 3 (id c) is new"),
        (THEN.replace("name", "title"), "the header line differs"),
        (THEN.replace("Bolt,7", "Bolt"), "row 2 has 2 cells, it had 3"),
    ],
)
def test_the_first_line_of_a_csv(tmp_path, now, said):
    for name, text in (("then.csv", THEN), ("now.csv", now)):
        (tmp_path / name).write_text(text)
    assert first_row(tmp_path / "then.csv", tmp_path / "now.csv") == said


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"id": ["b", "a"], "seats": [7, 5]}, "the same rows in another order"),
        ({"id": ["a", "b"], "seats": [5, 8]}, "a row (id b): seats 7 became 8"),
        ({"id": ["a"], "seats": [5]}, "a row (id b) is gone"),
        ({"id": ["a", "b", "b"], "seats": [5, 7, 7]}, "a row (id b) is new"),
        ({"id": ["a", "b"], "places": [5, 7]}, "its columns are others"),
    ],
)
def test_the_first_row_of_a_parquet_file(tmp_path, now, said):
    then = {"id": ["a", "b"], "seats": [5, 7]}
    for name, rows in (("then", then), ("now", now)):
        pd.DataFrame(rows).to_parquet(tmp_path / f"{name}.parquet")
    assert first_row(tmp_path / "then.parquet", tmp_path / "now.parquet") == said


def test_files_of_two_folders_are_told_apart_by_their_bytes(tmp_path):
    for folder, files in (("then", {"a": "1", "b": "1"}), ("now", {"b": "2", "c/d": "1"})):
        for name, text in files.items():
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text(text)
    assert files_apart(tmp_path / "then", tmp_path / "now") == ["a", "b", "c/d"]
    assert first_row(tmp_path / "then/a", tmp_path / "now/a") == "it is gone"
    assert first_row(tmp_path / "then/c/d", tmp_path / "now/c/d") == "it is new"


def test_scores_of_other_rows_are_infinitely_apart():
    then = pd.DataFrame({"id": ["a", "b"], "score": [0.25, float("nan")]})
    assert largest(then, then.iloc[::-1], ["id"], "score") == 0.0
    assert largest(then, then.assign(score=[0.5, float("nan")]), ["id"], "score") == 0.25
    assert largest(then, then.assign(score=[0.25, 0.5]), ["id"], "score") == float("inf")
    assert largest(then, then.iloc[:1], ["id"], "score") == float("inf")
