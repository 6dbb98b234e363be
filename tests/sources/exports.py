"""Small exports in the columns of the products they come from, and the tables they become."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest

from features.stored import relation
from features.tables import BadInput, Finding
from pipeline.ingest import ingest
from tests.workspace import ROOT

HERE = Path(__file__).parent
EXPORTED = date(2024, 9, 1)

Rows = dict[str, dict]


def tables(folder: Path, *sources: str) -> dict[str, Rows]:
    """The tables that some sources together make of their fixtures; rows by their first column."""
    _lay(folder, sources)
    ingest(folder / "source", str(folder / "export"), date(2023, 1, 1), EXPORTED, folder / "out")
    made = {}
    for path in sorted((folder / "out").glob("*.parquet")):
        rows = duckdb.sql(f"FROM {relation(folder / 'out', path.stem)}").to_arrow_table()
        made[path.stem] = {row[rows.column_names[0]]: row for row in rows.to_pylist()}
    return made


def faults(folder: Path, *sources: str, file: str, old: str, new: str) -> list[Finding]:
    """Why the fixtures are refused once a text in one of their files is another."""
    _lay(folder, sources)
    path = folder / "export" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(BadInput) as refused:
        ingest(folder / "source", str(folder / "export"), date(2023, 1, 1), EXPORTED, folder / "o")
    return refused.value.findings


def _lay(folder: Path, sources: tuple[str, ...]) -> None:
    for name in sources:
        shutil.copytree(HERE / name, folder / "export", dirs_exist_ok=True)
        shutil.copytree(ROOT / "sources" / name, folder / "source", dirs_exist_ok=True)
