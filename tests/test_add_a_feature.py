"""A feature is added in its family's module, as the README shows it, and nowhere else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

from tests.workspace import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SECTION = re.search(r"(?s)## Add a feature\n(.*?)\n## ", README)[1]
ROOMS = ("features", "models", "pipeline", "serve", "tests")

AFTERWARDS = """
import json
import pandas as pd
from typer.testing import CliRunner
from features.feature import dictionary, families, signs
from models.phrases import phrase
from pipeline.cli import app
from tests.features import slow_engine
from tests.features.laws import company
from tests.features.worked import features

world = company(3)
names = world.tables["accounts"]["account_id"]
asked = pd.DataFrame(
    [(name, morning) for name in names for morning in world.mornings],
    columns=["account_id", "as_of"], dtype=object,
)
asked["days_observed"] = 400
built = features(asked, world.tables)
again = slow_engine.features(asked, world.tables)
entry = dictionary().set_index("name").loc["long_days_28d"]
shown = CliRunner().invoke(app, ["features", "--dictionary", "--json"])
print(json.dumps({
    "entry": entry.drop("family").to_dict(), "family": families()["frequency"],
    "sign": signs()["long_days_28d"],
    "values": built["long_days_28d"].tolist(), "slow": again["long_days_28d"].tolist(),
    "listed": "long_days_28d" in shown.output, "exit": shown.exit_code,
    "said": phrase("long_days_28d", {"long_days_28d": 3.0}, 9.0, entry["meaning"]),
}))
"""


@pytest.fixture(scope="module")
def added(tmp_path_factory) -> dict:
    """What a clone says whose family `frequency` has the README's lines at its end."""
    clone = tmp_path_factory.mktemp("clone")
    for room in ROOMS:
        shutil.copytree(ROOT / room, clone / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("params.yaml", "dvc.yaml", "pyproject.toml"):
        shutil.copy(ROOT / file, clone / file)
    shutil.copytree(ROOT / "requirements", clone / "requirements")
    (first, *_) = re.findall(r"(?m)(?:^    .*\n|^\n(?=    ))+", SECTION)
    lines = textwrap.dedent(first).strip().replace("events > 100", "events > 2")
    with (clone / "features/frequency.py").open("a", encoding="utf-8") as module:
        module.write(f"\n\n{lines}\n")
    ran = subprocess.run(
        [sys.executable, "-c", AFTERWARDS], cwd=clone, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1]) | {"lines": lines}


def test_it_takes_three_lines_and_what_they_mean(added):
    code = [line for line in added["lines"].splitlines() if '"""' not in line]
    assert len(code) == 3 and code[0].startswith("@feature(")


def test_it_is_in_the_dictionary_and_the_family_by_its_docstring(added):
    assert added["entry"] == {
        "table": "account_days",
        "meaning": "Days in the last 28 with more than a hundred events.",
        "absent": 0.0,
        "sign": -1,
    }
    assert "long_days_28d" in added["family"] and added["sign"] == -1
    assert added["listed"] and added["exit"] == 0


def test_it_is_a_column_of_the_features_with_values(added):
    assert set(added["values"]) - {0.0} and 0.0 in added["values"]


def test_it_is_a_reason_in_the_report_in_the_words_of_its_docstring(added):
    assert added["said"].startswith("Days in the last 28 with more than a hundred events: 3")


def test_it_is_held_against_the_slow_join_of_raw_rows(added):
    assert added["values"] == added["slow"]
