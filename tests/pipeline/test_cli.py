"""The front door as people and programs meet it: what it prints, and how it exits."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from features.publication import read_frame
from pipeline import files


@pytest.fixture
def run(company, tmp_path):
    """Run a verb in a copy of the small company; gives its exit code, output and errors."""
    copy = company.copy(tmp_path / "copy")

    def verb(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *map(str, arguments)],
            cwd=copy.folder, env=environment(), capture_output=True, text=True,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    verb.folder = copy.folder
    return verb


def environment():
    import os

    from tests.workspace import ROOT

    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "NO_COLOR": "1"}


def test_score_publishes_a_cycle_and_says_how_many_in_each_status(run, tmp_path):
    code, out, err = run(
        "score",
        "--as-of",
        "2025-07-01",
        "--due-within",
        "60",
        "--out",
        tmp_path / "cycle",
        "--json",
    )
    assert code == 0, err
    summary = json.loads(out)
    counts = [status["renewals"] for status in summary["statuses"].values()]
    assert sum(counts) == summary["due"]["renewals"] > 0
    assert {path.name for path in (tmp_path / "cycle").iterdir()} >= {
        "predictions.parquet", "predictions.csv", "MANIFEST.json",
    }  # fmt: skip


def test_a_morning_long_after_the_data_is_refused_with_exit_2_and_nothing_is_written(run, tmp_path):
    code, out, err = run("score", "--as-of", "2025-09-01", "--out", tmp_path / "cycle")
    assert code == 2
    assert "the data end before 2025-07-01" in " ".join(err.split()) and "Traceback" not in err
    assert not (tmp_path / "cycle").exists()


def test_a_folder_with_other_things_in_it_is_never_replaced(run, tmp_path):
    mine = tmp_path / "it's mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    code, out, err = run("score", "--as-of", "2025-07-01", "--out", mine)
    assert code == 2 and "other files" in err
    assert (mine / "thesis.txt").read_text() == "years of work"
    (mine / "thesis.txt").unlink()
    code, out, err = run("score", "--as-of", "2025-07-01", "--out", mine)
    assert code == 0, err


def test_a_bad_export_is_refused_with_every_fault_and_exit_2(run):
    exports = run.folder / files.RAW
    broken = (exports / "subscriptions.csv").read_text().replace(",EUR,", ",EUR,", 1).splitlines()
    header = broken[0].split(",")
    first, second = broken[1].split(","), broken[2].split(",")
    first[header.index("arr")] = "-5"
    second[header.index("account_id")] = "nobody"
    lines = [broken[0], ",".join(first), ",".join(second), *broken[3:]]
    (exports / "subscriptions.csv").write_text("\n".join(lines) + "\n")
    code, out, err = run("ingest", "--out", "fresh")
    assert code == 2
    assert "'-5'" in err or "-5" in err
    assert "nobody" in err
    assert not (run.folder / "fresh").exists()


def test_a_source_is_validated_without_anything_being_written(run):
    before = {path for path in run.folder.rglob("*")}
    code, out, err = run(
        "validate", "--source", "sources/simulated", "--input", "data/raw", "--json"
    )
    assert code == 0, err
    assert {table["table"] for table in json.loads(out)["tables"]} >= {"accounts", "usage"}
    assert {path for path in run.folder.rglob("*")} == before


def test_features_of_one_account_are_printed_with_their_meaning(run):
    code, out, err = run("features", "--as-of", "2025-07-01", "--json")
    assert code == 0, err
    account = json.loads(out)[0]["account_id"]
    code, out, err = run("features", "--as-of", "2025-07-01", "--account", account)
    assert code == 0 and "active_users_28d" in out


def test_features_written_are_those_that_a_batch_is_scored_from(run, tmp_path):
    given = tmp_path / "features.parquet"
    code, out, err = run("features", "--as-of", "2025-07-01", "--out", given)
    assert code == 0 and str(given) in out, err
    code, out, err = run("score", "--features", given, "--out", tmp_path / "batch")
    assert code == 0, err
    listed = json.loads(run("features", "--as-of", "2025-07-01", "--json")[1])
    scored = read_frame(tmp_path / "batch" / "scores.parquet")
    assert set(scored["account_id"]) == {row["account_id"] for row in listed}


def test_a_ledger_of_which_nothing_is_over_yet_can_not_be_compared_and_says_why(run, tmp_path):
    assert run("score", "--as-of", "2025-07-01", "--out", tmp_path / "cycle")[0] == 0
    code, out, err = run("compare", "--of", "ledger")
    assert code == 0, err
    assert "Nothing can be compared yet" in out and "grace and delay" in out


def test_an_anchor_without_a_head_is_refused_in_one_sentence(run, tmp_path):
    assert run("score", "--as-of", "2025-07-01", "--no-seal", "--out", tmp_path / "bare")[0] == 0
    assert run("score", "--as-of", "2025-07-01", "--out", tmp_path / "cycle")[0] == 0
    assert run("verify", "--anchor", tmp_path / "cycle" / "MANIFEST.json")[0] == 0
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "text.json").write_text("head")
    for path in ("bare/MANIFEST.json", "list.json", "text.json"):
        code, out, err = run("verify", "--anchor", tmp_path / path)
        assert code == 2 and "Traceback" not in err, path
    assert "has none" in " ".join(run("verify", "--anchor", tmp_path / "list.json")[2].split())


def test_mornings_that_the_data_cannot_speak_about_are_refused(run):
    code, out, err = run("health", "score", "--as-of", "2025-07-02")
    assert code == 2 and "the data end before 2025-07-01" in " ".join(err.split())
    code, out, err = run("features", "--as-of", "2019-01-01")
    assert code == 2 and "the data begin on 2023-01-01" in " ".join(err.split())


def test_a_database_that_is_not_there_is_not_made(run):
    code, out, err = run(
        "validate", "--source", "sources/simulated", "--input", "sqlite:///nobody.db"
    )
    assert code == 2 and "there is no file nobody.db" in err
    assert not (run.folder / "nobody.db").exists()


def test_an_unknown_account_is_refused(run):
    code, out, err = run("features", "--as-of", "2025-07-01", "--account", "nobody")
    assert code == 2 and "nobody is no customer" in err


def test_the_dictionary_lists_every_feature_with_a_meaning(run):
    code, out, err = run("features", "--dictionary", "--json")
    listed = json.loads(out)
    assert code == 0 and len(listed) > 80
    assert all(row["meaning"] for row in listed)


def test_the_health_score_of_one_account_comes_with_the_rules(run):
    code, out, err = run("health", "score", "--as-of", "2025-07-01", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert {"scores", "rules"} == set(told)
    assert told["rules"][0]["text"]


def test_the_headline_names_the_report_and_a_verdict(run):
    code, out, err = run("report")
    assert code == 0, err
    assert "renewcast.html" in out and "against Health score:" in out


def test_a_broken_parameter_is_one_sentence_and_exit_2(run):
    path = run.folder / files.PARAMS
    path.write_text(path.read_text().replace("grace: 30", "grace: soon"))
    code, out, err = run("report")
    code_score, _, err = run("score", "--as-of", "2025-07-01", "--out", "x")
    assert code_score == 2 and "contracts.grace" in err and "Traceback" not in err
