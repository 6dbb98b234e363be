"""What the documents say is what the code does."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from features import definition
from tests.workspace import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
REPORT = ROOT / "reports/renewcast.json"


def test_every_link_to_a_file_of_the_repository_leads_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links and all((ROOT / link).exists() for link in links)


def test_every_verb_in_the_readme_exists():
    from pipeline.cli import app

    verbs = {command.name or command.callback.__name__ for command in app.registered_commands}
    verbs |= {group.name for group in app.registered_groups}
    assert set(re.findall(r"`?renewcast ([a-z]+)", README)) <= verbs


def test_the_feature_in_the_readme_works_as_it_stands():
    text = re.search(r'@feature\("account_days".*?AND age <= \{days\}\)"', README, re.S)[0]
    before = dict(definition.REGISTER)
    source = "from features.feature import feature\n\n\n" + re.sub(r"(?m)^    ", "", text)
    try:
        exec(compile(source, "README", "exec"), {"__name__": "features.frequency"})
        assert "long_days_28d" in {name for _, name in definition.REGISTER}
    finally:
        definition.REGISTER.clear()
        definition.REGISTER.update(before)


@pytest.mark.skipif(not REPORT.exists(), reason="`make run` has not drawn the report here")
def test_the_figures_in_the_readme_are_those_of_the_report():
    told = json.loads(REPORT.read_text(encoding="utf-8"))
    if told["meta"]["company"] != "Sample company (simulated)":
        pytest.skip("the report here is of another company than the README's")
    for part in told["held_out"]:
        auc = next(of["auc"] for of in part["models"] if of["model"] == "model")
        assert f"{auc['value']:.2f} ({auc['low']:.2f}–{auc['high']:.2f})" in README


def test_requirements_are_pinned_by_hash_and_name_no_address():
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text()
        assert "://" not in text and "--hash=sha256:" in text


def test_no_notebook_output_data_or_bundle_is_tracked():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    made = ("data/", "artifacts/", "reports/", "runs/", "mlflow.db")
    assert not [name for name in tracked if name.startswith(made)]
