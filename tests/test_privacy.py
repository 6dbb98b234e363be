"""A name is shown where it is meant to be, an address nowhere, and a forgotten account is gone."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import files, ledger
from pipeline.erasing import erasure
from pipeline.forgetting import Register
from pipeline.settings import load
from serve import predictions
from serve.sealing.receipts import Run
from tests.canary import ACCOUNT, MAIL, NAME, SAID, replaced
from tests.workspace import ROOT

SUNG = "Zwitscher"  # of the name, as every file would write it
SOURCE, TABLES, FACTS = Path("sources"), files.TABLES, files.FACTS
SHOWN = (files.CYCLE, files.REPORT.parent)  # where people read of an account by its name
LEARNT = (files.ARTIFACTS, files.RUNS, Path("mlartifacts"), files.TRACKING, files.CARDS, files.GATE)


def singing(folder: Path, *words: str) -> set[Path]:
    """The files below a folder that hold any of some words: in their bytes, or in a cell."""
    return {
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and any(word in said for said in told(path) for word in words)
    }


def told(path: Path) -> Iterator[str]:
    """A file as it lies, and the cells of a Parquet file, unpacked."""
    content = path.read_bytes()
    yield content.decode("utf-8", "ignore")
    if content[:4] == b"PAR1":
        for column in pq.read_table(path).columns:
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                yield "\n".join(cell for cell in column.unique().to_pylist() if cell)


def within(paths: set[Path], *folders: Path) -> set[Path]:
    """Those of some files that lie in a folder, or are it."""
    return {path for path in paths if any(path.is_relative_to(folder) for folder in folders)}


@pytest.fixture(scope="module")
def heard(company) -> dict[str, set[Path]]:
    """The files of the company's folder in which the canary's words are found."""
    found: dict[str, set[Path]] = {ACCOUNT: set(), SUNG: set(), MAIL: set()}
    for path in company.folder.rglob("*"):
        for said in told(path) if path.is_file() else ():
            for word, where in found.items():
                if word in said:
                    where.add(path.relative_to(company.folder))
    return found


def test_addresses_stay_in_the_tables_and_their_facts(heard):
    found = heard[MAIL]
    assert found == within(found, SOURCE, TABLES, FACTS)
    assert within(found, TABLES) and within(found, FACTS / "tickets.parquet")


def test_a_name_is_learnt_from_nowhere_and_shown_only_where_people_read(heard):
    found = heard[SUNG]
    assert within(found, files.CYCLE / "predictions.csv")
    assert found == within(found, SOURCE, TABLES, FACTS, *SHOWN)
    assert not within(found, *LEARNT, files.FEATURES, files.LABELS, files.OBSERVED)


def test_what_is_learnt_names_no_account(heard):
    assert not within(set.union(*heard.values()), *LEARNT)
    assert within(heard[ACCOUNT], files.FEATURES) and within(heard[ACCOUNT], files.LABELS)


@pytest.fixture
def nest(company, tmp_path, monkeypatch):
    """The company's folder to be changed, with the canary in its exports, and with everything that
    time leaves behind: a sealed publication, older versions, tracked runs, a queue."""
    copy = company.copy(tmp_path / "nest")
    monkeypatch.chdir(copy.folder)
    monkeypatch.delenv(ledger.ADDRESS, raising=False)
    for table, columns in SAID.items():
        raw = next(files.RAW.glob(f"{table}.*"))
        new = raw.with_name(f"new{raw.suffix}")
        duckdb.execute(f"COPY (SELECT * {replaced(columns)} FROM '{raw}') TO '{new}'")
        new.replace(raw)
    shutil.copytree(ROOT / "sources", SOURCE, dirs_exist_ok=True)
    published = predictions.read(files.CYCLE)
    held = ledger.opened(load())
    held.publish(Run.of(published.manifest), published.record)
    shutil.copytree(files.CYCLE, Path("published/coming"))
    keep_versions(tmp_path / "remote")
    aside = Path(".dvc/tmp/exps/run")
    aside.mkdir(parents=True)
    shutil.copy(FACTS / "accounts.parquet", aside)
    (aside / "queue.log").write_text(f"waiting for {ACCOUNT}\n")
    (next(Path("mlartifacts").rglob("card.md"))).write_text(f"as {NAME} shows")
    with closing(sqlite3.connect(files.TRACKING)) as con, con:
        con.execute("UPDATE runs SET name = ?", [f"churn of {ACCOUNT}"])
    return copy.folder


def keep_versions(remote: Path) -> None:
    """A cache and a remote of DVC that hold the facts and the cycle, each as a folder."""
    stores = [Path(".dvc/cache"), remote]
    for store in stores:
        for folder in (files.OBSERVED, files.CYCLE):
            listed = []
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                sha = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
                listed.append({"md5": sha, "relpath": path.relative_to(folder).as_posix()})
                place = store / "files" / "md5" / sha[:2] / sha[2:]
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)
            text = json.dumps(listed)
            sha = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
            (store / "files" / "md5" / f"{folder.name}.dir").write_text(text)
    Path(".dvc/config").write_text(f"['remote \"away\"']\n    url = {remote}\n")


def test_a_forgotten_account_is_in_no_file_and_the_ledger_still_verifies(nest):
    settings, asked = load(), erasure.Request(ACCOUNT)
    before = ledger.opened(settings, create=False).anchor
    innocent = (files.RAW / "product_features.csv").read_bytes()
    kept = {path for path in singing(nest, "acc_00022") if path.is_relative_to("published")}
    assert within(singing(nest.parent, SUNG), Path("remote")) and singing(nest, MAIL)

    found = erasure.plan(settings, asked)
    assert not found.left and {NAME, MAIL} <= set(found.sought.words)
    after = erasure.erase(settings, asked, found, date(2026, 1, 31))

    assert not after.finds and not after.left
    assert singing(nest.parent, ACCOUNT, SUNG, MAIL) == set()
    checked = ledger.opened(settings, create=False).verify(before)
    assert checked.intact and checked.forgotten > 0
    assert Register.read().among([ACCOUNT, "acc_00022"]) == {ACCOUNT}
    again = predictions.read(Path("published/coming"))
    assert again.manifest["forgotten"] == 1 and len(again.predictions) > 0
    assert kept and kept == {
        path for path in singing(nest, "acc_00022") if path.is_relative_to("published")
    }
    assert (files.RAW / "product_features.csv").read_bytes() == innocent
    assert not files.TABLES.exists() and files.ARTIFACTS.exists()
