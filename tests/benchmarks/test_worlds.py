"""Simulated companies for the exam: a shorter way to the same tables, features and labels."""

from __future__ import annotations

import shutil
from datetime import date

import duckdb
import pandas as pd
import pytest

from benchmarks import papers, worlds
from pipeline.ingest import ingest
from simulation.company import SimulationSettings, exports, happen, simulate
from tests.workspace import ROOT

SEED, ACCOUNTS, MONTHS = 40, 30, 30
UNTIL = date(2025, 7, 1)
TOLD = {
    "accounts": ACCOUNTS, "months": MONTHS, "start": worlds.START, "seed": SEED,
    "family": "linear", "without": worlds.ON_TIME,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def at_the_top(request):
    patch = pytest.MonkeyPatch()
    patch.chdir(ROOT)
    request.addfinalizer(patch.undo)


@pytest.fixture(scope="module")
def whole(at_the_top):
    return worlds.world("linear", SEED, ACCOUNTS, months=MONTHS)


def test_the_tables_are_those_that_ingest_would_write(tmp_path):
    told = SimulationSettings.model_validate(TOLD)
    simulate(told, tmp_path / "raw")
    source = shutil.copytree(worlds.SOURCE, tmp_path / "source")
    columns = ", ".join(f'"{name}"' for name in worlds.USAGE)
    (source / "usage.sql").write_text(f"SELECT {columns} FROM raw_usage", encoding="utf-8")
    ingest(source, str(tmp_path / "raw"), worlds.START, UNTIL, tmp_path / "usual")
    (tmp_path / "scratch").mkdir()
    short = tmp_path / "short"
    worlds.tabulated(exports(happen(told), SEED), UNTIL, tmp_path / "scratch", short)
    usual = {path.relative_to(tmp_path / "usual") for path in (tmp_path / "usual").rglob("*.p*")}
    assert usual == {path.relative_to(short) for path in short.rglob("*.p*")}
    for path in usual:
        one, other = (_rows(tmp_path / way / path) for way in ("usual", "short"))
        pd.testing.assert_frame_equal(one, other, check_dtype=False)


def _rows(path):
    with duckdb.connect() as con:
        return con.sql(f"SELECT * FROM read_parquet('{path}') ORDER BY ALL").df()


def test_what_is_not_asked_for_changes_nothing_of_what_is(whole):
    part = worlds.world("linear", SEED, ACCOUNTS, months=MONTHS, targets=("churn",), known=False)
    assert set(part.labels) == {"churn"} < set(whole.labels)
    assert part.truth.empty and len(whole.truth)
    for cutoff, labels in part.labels["churn"].items():
        pd.testing.assert_frame_equal(labels, whole.labels["churn"][cutoff])
    pd.testing.assert_frame_equal(part.features, whole.features.loc[part.features.index])


def test_every_settled_row_has_its_features_and_no_later_morning_has(whole):
    told = pd.concat([of[worlds.files.SERVING] for of in whole.labels.values()])
    settled = told[told["outcome"].notna()]
    assert pd.MultiIndex.from_frame(settled[worlds.INDEX]).isin(whole.features.index).all()
    last = whole.features.index.get_level_values("as_of").max()
    assert last == settled["as_of"].max() < whole.observations["as_of"].max()


def test_one_company_in_four_is_shown_to_the_gate():
    shown = [seed for seed in range(1_000, 1_400) if papers.gated(seed)]
    assert len(shown) == 100 and shown[0] == 1_000
