"""What grew day by day is what is built at once, to the byte, and only what is new is made."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from features import contracts, observations
from features.facts import build_facts
from features.feature import build
from features.publication import manifest
from tests.features.laws import GRACE, HORIZON, company, instants, known
from tests.features.worked import write_tables

STATIC = ["country", "industry"]
DAYS = ["2025-02-26", "2025-02-27", "2025-03-04", "2025-03-05", "2025-04-02"]
MORNINGS = [date(2024, 12, 1), date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1)]


def world(versions: bool):
    """A company; its usage without versions is what stands today, on the day it happened."""
    tables = dict(company(2).tables)
    if not versions:
        usage = tables["usage"].sort_values("recorded_at").drop_duplicates("event_id", keep="last")
        tables["usage"] = usage.drop(columns=["recorded_at", "event_id"])
    return tables


def by(tables, day: str):
    """The rows of every table that were known before a day."""
    return {
        name: rows[known(name, rows) < pd.Timestamp(day)] if name != "product_features" else rows
        for name, rows in tables.items()
    }


def built(folder: Path, tables, facts: Path, features: Path, mornings) -> None:
    """Bring facts and features up to date with some tables."""
    folder.mkdir()
    write_tables(folder, tables)
    with duckdb.connect(config={"threads": 1}) as con:
        build_facts(con, folder, facts, STATIC)
        past = contracts.past_renewals(con, facts, mornings, grace=GRACE).df()
        observed = observations.observe(
            con, facts, mornings=mornings, grace=GRACE, horizon=HORIZON,
            data_from=date(2024, 1, 1), static=STATIC,
        )  # fmt: skip
        build(con, observed, facts, past.rename(columns={"by": "as_of"}), features)


def inodes(folder: Path) -> dict[str, int]:
    """Which files these are: one that was made again is another."""
    return {
        path.relative_to(folder).as_posix(): os.stat(path).st_ino
        for path in folder.rglob("*.parquet")
        if path.stem != "product_features"  # small, and made each time
    }


@pytest.mark.parametrize("versions", [True, False])
def test_what_grew_day_by_day_is_what_is_built_at_once(versions, tmp_path):
    tables, facts, features = world(versions), tmp_path / "facts", tmp_path / "features"
    for day in DAYS:
        mornings = [morning for morning in MORNINGS if str(morning) <= day]
        built(tmp_path / day, by(tables, day), facts, features, mornings)
    last = by(tables, DAYS[-1])
    built(tmp_path / "once", last, tmp_path / "facts once", tmp_path / "features once", MORNINGS)
    assert manifest(facts) == manifest(tmp_path / "facts once")
    assert manifest(features) == manifest(tmp_path / "features once")


def test_a_new_day_makes_its_own_files_and_no_others(tmp_path):
    tables, facts, features = world(versions=False), tmp_path / "facts", tmp_path / "features"
    built(tmp_path / "a", by(tables, "2025-03-05"), facts, features, MORNINGS[:3])
    before = inodes(facts), inodes(features)
    built(tmp_path / "b", by(tables, "2025-03-06"), facts, features, MORNINGS)
    new = {file for file, inode in inodes(facts).items() if before[0].get(file) != inode}
    usage = {file for file in new if "/" in file}
    assert {"account_days/2025-03-05.parquet", "feature_days/2025-03-05.parquet"} <= usage
    assert {file.partition("/")[2] for file in usage} == {"2025-03-05.parquet"}
    made = {file for file, inode in inodes(features).items() if before[1].get(file) != inode}
    assert made == {"2025-03-01.parquet"}


def corrected(usage, recorded_at):
    """An event of last November, and its correction."""
    old = usage[instants(usage["occurred_at"]).between("2024-11-05", "2024-11-25")].iloc[[0]]
    return pd.concat([usage, old.assign(count="999", recorded_at=recorded_at)])


def made(before: dict[str, int], folder: Path) -> set[str]:
    """The files of a folder that are others than they were."""
    return {file for file, inode in inodes(folder).items() if before.get(file) != inode}


def test_a_correction_makes_the_part_of_the_day_it_corrects_and_no_morning_before_it(tmp_path):
    tables, facts, features = world(versions=True), tmp_path / "facts", tmp_path / "features"
    until = by(tables, "2025-03-05")
    built(tmp_path / "a", until, facts, features, MORNINGS)
    before = inodes(facts), inodes(features)
    more = {**until, "usage": corrected(until["usage"], "2025-03-05T08:00:00")}
    built(tmp_path / "b", more, facts, features, MORNINGS)
    assert {file.partition("/")[2] for file in made(before[0], facts) if "/" in file} == {
        "2024-11.parquet"
    }
    assert made(before[1], features) == set()
    built(tmp_path / "once", more, tmp_path / "facts once", tmp_path / "features once", MORNINGS)
    assert manifest(facts) == manifest(tmp_path / "facts once")
    assert manifest(features) == manifest(tmp_path / "features once")


def test_a_history_that_is_written_anew_is_built_anew(tmp_path):
    """A version appears among old ones, and is gone again: days of others hang on it."""
    tables, facts, features = world(versions=True), tmp_path / "facts", tmp_path / "features"
    until = by(tables, "2025-03-05")
    more = {**until, "usage": corrected(until["usage"], "2025-01-15T00:00:00")}
    back = (
        until["usage"]
        .iloc[[0]]
        .assign(occurred_at="2024-12-20T08:00:00", recorded_at="2024-12-01T00:00:00")
    )
    told = {**until, "usage": pd.concat([until["usage"], back])}
    for number, given in enumerate((until, more, told, until)):
        before = inodes(features) if features.exists() else {}
        built(tmp_path / f"grown {number}", given, facts, features, MORNINGS)
        if number == 1:
            assert made(before, features) == {"2025-02-01.parquet", "2025-03-01.parquet"}
        once = tmp_path / f"facts {number}", tmp_path / f"features {number}"
        built(tmp_path / f"once {number}", given, *once, MORNINGS)
        assert manifest(facts) == manifest(once[0])
        assert manifest(features) == manifest(once[1])


def test_what_is_learnt_later_of_an_old_row_does_not_touch_the_mornings_before(tmp_path):
    tables, facts, features = world(versions=False), tmp_path / "facts", tmp_path / "features"
    until = by(tables, "2025-03-05")
    tickets = until["tickets"].drop(columns="recorded_at").drop_duplicates("ticket_id")
    opened = instants(tickets["opened_at"]) < pd.Timestamp("2025-01-01")
    still = {**until, "tickets": tickets.assign(resolved_at=None)}
    solved = tickets.assign(resolved_at=opened.map({True: "2025-02-10T09:00:00", False: None}))
    built(tmp_path / "a", still, facts, features, MORNINGS)
    before = inodes(features)
    accounts = until["accounts"].assign(name="renamed")
    built(
        tmp_path / "b",
        {**until, "tickets": solved, "accounts": accounts},
        facts,
        features,
        MORNINGS,
    )
    assert made(before, features) == {"2025-03-01.parquet"}


def test_what_other_code_has_made_is_made_again(tmp_path, monkeypatch):
    tables, facts, features = world(versions=False), tmp_path / "facts", tmp_path / "features"
    until = by(tables, "2025-03-05")
    built(tmp_path / "a", until, facts, features, MORNINGS)
    same, before = inodes(facts), inodes(features)
    built(tmp_path / "b", until, facts, features, MORNINGS)
    assert (inodes(facts), inodes(features)) == (same, before), "nothing new, nothing made"
    monkeypatch.setattr("features.facts.made_by", lambda *modules: "other code")
    monkeypatch.setattr("features.reuse.made_by", lambda *modules: "other code")
    built(tmp_path / "c", until, facts, features, MORNINGS)
    assert not set(same.values()) & set(inodes(facts).values())
    assert not set(before.values()) & set(inodes(features).values())
