"""What the documentation shows can be done as it stands; what the code writes of it is not old."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import yaml

from features import definition
from pipeline.documents import pages
from tests.workspace import ROOT, SMALL

DOCS = ROOT / "docs"
RUN = ("tutorial.md", "data-scientist.md", "renewal-cycle.md", "cs-ops.md")
BLOCK = re.compile(r"(?ms)^```(\w+)\n(.*?)^```$")
SHOWN = re.compile(r"\s*([^\d…]*?)(?:\s{2,}|\s*[\d…].*|$)")


def blocks(page, *kinds):
    found = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    return [(kind, text) for kind, text in found if kind in kinds]


@pytest.fixture
def small(company, tmp_path):
    """A copy to work in, and how a page's words are said of it: its mornings and an account."""
    copy = company.copy(tmp_path / "copy")
    until = SMALL["source"]["data_until"]
    scored = pd.read_parquet(copy.folder / "data/cycle/predictions.parquet")
    account = scored.loc[scored["status"].eq("scored"), "account_id"].iloc[0]
    said = {"2026-01-01": until, "2026-02-01": "2025-08-01", "acc_00083": account}
    with copy.inside():
        yield lambda text: re.sub("|".join(said), lambda found: said[found[0]], text)


@pytest.mark.parametrize("page", RUN)
def test_what_a_page_shows_can_be_run_from_top_to_bottom(page, small, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    names = {"__name__": "features.frequency"}
    with registered():
        for kind, text in blocks(page, "console", "python"):
            if kind == "python":
                exec(compile(small(text), page, "exec"), names)
            else:
                converse(small(text), capsys, monkeypatch)


def converse(text, capsys, monkeypatch):
    """Run the lines that begin with `$`; what stands below each must be in what it prints."""
    code, asked, printed = 0, False, ""
    for line in text.splitlines():
        if asked:
            assert line == printed, f"exit {printed}, not {line}"
            asked = False
        elif line == "$ echo $?":
            printed, code, asked = str(code), 0, True
        elif line.startswith("$ "):
            assert code == 0, f"before {line}: exit {code}, {printed}"
            capsys.readouterr()
            code = front_door(line[2:].split(), monkeypatch)
            printed = "".join(capsys.readouterr())
        else:
            assert SHOWN.match(line)[1] in printed, f"{line!r} is not in {printed}"
    assert code == 0, printed


def front_door(words, monkeypatch):
    """The exit code of a command, as a shell would have it."""
    from pipeline import cli

    assert words[0] == "renewcast"
    monkeypatch.setattr(sys, "argv", words)
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@contextlib.contextmanager
def registered():
    """Features that a page declares are forgotten afterwards, ours are not."""
    definition.definitions()
    before = dict(definition.REGISTER)
    try:
        yield
    finally:
        definition.REGISTER.clear()
        definition.REGISTER.update(before)


@pytest.mark.parametrize("page", RUN)
def test_parameters_that_a_page_shows_are_ones_that_can_be_set(page):
    from pipeline.settings import checked, read

    for _, text in blocks(page, "yaml"):
        params = read(ROOT / "params.yaml")
        for block, values in yaml.safe_load(text).items():
            params[block] = params[block] | values
        checked(params, Path(page))


def test_python_and_console_blocks_stand_only_where_they_are_run():
    others = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {*RUN, *ELSEWHERE}
    assert not [page for page in sorted(others) if blocks(page, "console", "python")]


ELSEWHERE = {"experiments.md", "reproducing.md", "your-own-data.md", "privacy.md", "spark.md"}
"""Pages whose blocks have tests of their own."""


@pytest.fixture
def clone(company, tmp_path, monkeypatch):
    """The parameters and stages that are committed, over what a small company made of its own."""
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("data", "artifacts", "reports"):
        (tmp_path / name).symlink_to(company.folder / name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", pages.CHAPTERS)
def test_a_page_that_the_code_writes_is_what_it_writes_now(name, clone):
    stands = (DOCS / name).read_text(encoding="utf-8")
    assert stands == pages.page(name), f"docs/{name} is old: run `python -m pipeline.documents`"


@cache
def sentences():
    """Every text in the code, with … where a value stands."""
    found = []
    for room in ("features", "models", "serve", "pipeline"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = (getattr(part, "value", None) for part in node.values)
                    found.append("".join(p if isinstance(p, str) else "…" for p in parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return "\n".join(found)


def test_every_message_on_the_page_of_refusals_is_one_that_the_code_says():
    told = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r"(?m)^\| “(.+?)” \|", told)
    assert len(quoted) > 30
    assert not [text for text in quoted if text.replace("\\|", "|") not in sentences()]


def test_every_kind_of_refusal_is_on_that_page():
    from pipeline.refusal import refusals

    told = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    assert not [kind.__name__ for kind in refusals() if f"`{kind.__name__}`" not in told]


def test_every_word_of_the_pages_for_make_is_a_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"(?m)^([a-z-]+):", makefile))
    said = [
        word
        for path in DOCS.rglob("*.md")
        for word in re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(encoding="utf-8"), re.M)
    ]
    assert said and set(said) <= known


@pytest.mark.skipif(not importlib.util.find_spec("material"), reason="MkDocs is not installed")
def test_the_site_is_built_without_a_warning_and_asks_nothing_of_another_host(tmp_path):
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", site],
        cwd=ROOT, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "true"},
    )  # fmt: skip
    asked = re.compile(
        r"<(?:script|img|iframe|source)[^>]+src=\"?https?:|<link[^>]+href=\"?https?:"
    )
    built = list(site.rglob("*.html"))
    assert len(built) > 20
    assert not [page.name for page in built if asked.search(page.read_text(encoding="utf-8"))]
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert not re.search(r"url\([\"']?https?:|@import", styles)
    assert json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))["docs"]
