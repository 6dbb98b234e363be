"""What `renewcast reproduce` says, and how it exits."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from pipeline.reproducing import reproduction
from pipeline.reproducing.locks import Difference
from pipeline.verbs import reproducing

MADE = reproduction.Reproduction(
    "0123456789abcdef", "fedcba9876543210", "churn", "c0ffee", "dvc.lock of c0ffee", None,
    same={"features": 31, "bundles": 14}, inputs=[], results=[], followed=[], rows=[], skipped=[],
    moved=[], cpu_now="x86_64 one",
)  # fmt: skip
SEED = Difference("parameter", "seed", 1, 2)
FILE = Difference("file", "data/raw/accounts.csv", "a" * 64, "b" * 64)


@pytest.fixture
def ask(monkeypatch):
    app = typer.Typer()
    app.command()(reproducing.reproduce)

    def asked(found, *options):
        monkeypatch.setattr(reproduction, "reproduce", lambda *_: found)
        return CliRunner().invoke(app, ["0123456", *options])

    return asked


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        (MADE, 0, ["Reproduced bit for bit", "features 31, bundles 14", "commit c0ffee"]),
        (
            replace(MADE, inputs=[FILE], followed=["data/tables"], rows=["row 2 is gone"]),
            3,
            ["was made from another data/raw/accounts.csv", "aaaaaaaaaaaa then", "row 2 is gone"],
        ),
        (
            replace(MADE, results=[Difference("result", "artifacts/churn", "a", "b")]),
            3,
            ["comes out otherwise from the same inputs", "artifacts/churn: a then, b now"],
        ),
        (
            replace(MADE, followed=["data/tables"], forgotten=2, inputs=[FILE]),
            0,
            ["All but 2 forgotten accounts"],
        ),
        (
            replace(MADE, followed=["data/tables"], forgotten=2, inputs=[FILE, SEED]),
            3,
            ["was made from another data/raw/accounts.csv, seed"],
        ),
        (
            replace(MADE, followed=["artifacts/churn"], cpu_then="arm64 two", apart=3e-12),
            0,
            ["Reproduced to 1e-9", "It was made on arm64 two", "3.0e-12"],
        ),
        (replace(MADE, moved=[SEED]), 0, ["Different in this tree by now", "seed: 1 then, 2 now"]),
    ],
)
def test_the_verdict_its_reason_and_the_exit(ask, found, code, said):
    told = ask(found)
    assert told.exit_code == code, told.output
    for words in said:
        assert words in told.output


def test_programs_read_the_same(ask):
    told = json.loads(ask(replace(MADE, moved=[SEED]), "--json").output)
    assert told["reproduced"] is True and told["to_the_bit"] is True
    assert told["moved"] == [
        {"kind": "parameter", "name": "seed", "then": 1, "now": 2, "where": ""}
    ]


def test_a_folder_that_is_there_is_not_overwritten(ask, tmp_path):
    told = ask(MADE, "--keep", str(tmp_path))
    assert told.exit_code == 2 and "name a new folder" in told.output
