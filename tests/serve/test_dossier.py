"""A dossier is read as it was written, account by account, and never from two publications."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from features.publication import published
from serve import dossier
from serve.dossier import FILES, TABLES, Contents, Dossier, DossierSettings, Replaced, check_names

ROOT = Path(__file__).parents[2]
DAY = pd.Timestamp("2025-07-01")
SETTINGS = {"most": 10, "measures": ["users"], "months": 12, "events": 90, "actionable": ["users"]}
FAMILIES = {"breadth": ["users", "users_in_industry"], "commercial": ["arr", "tenure_days"]}


def contents(account: str = "acme", users: float = 0.1 + 0.2) -> Contents:
    """Two customers, of whom `account` is due and told about in full."""
    return Contents(
        features=pd.DataFrame(
            {
                "account_id": ["zeta", account],
                "as_of": DAY,
                "users": [np.nan, users],
                "segment": [None, "SMB"],
            }
        ),
        rules=pd.DataFrame(
            {
                "account_id": account,
                "as_of": DAY,
                "dimension": ["breadth", "depth", "override"],
                "measure": ["users", "features", "idle"],
                "value": [1.0, 2.0, 50.0],
                "points": [90.0, 10.0, 39.0],
                "weight": [0.5, 0.5, np.nan],
                "cutoffs": "0 → 0, 9 → 100",
                "text": ["a few", "hardly any", "at most 39"],
            }
        ),
        explanations=pd.DataFrame(
            {"account_id": account, "target": ["churn"], "body": ['{"probability":0.1}']}
        ),
        series=pd.DataFrame(
            {
                "account_id": account,
                "measure": ["users", "churn_probability", "users"],
                "morning": [DAY, DAY, pd.Timestamp("2025-06-01")],
                "value": [users, 0.1, np.nan],
                "peers": [3.0, np.nan, 4.0],
                "sealed": [None, True, None],
            }
        ),
        events=pd.DataFrame(
            {
                "account_id": account,
                "day": [pd.Timestamp("2025-05-01"), pd.Timestamp("2025-06-01")],
                "kind": ["nps", "ticket"],
                "text": ["NPS answer", "Ticket, resolved"],
                "value": [9.0, np.nan],
            }
        ),
        ranges=pd.DataFrame(
            {
                "account_id": account,
                "feature": ["users", "tickets"],
                "low": [1.0, np.nan],
                "high": [4.0, np.nan],
            }
        ),
        service={"company": "Ärger & Söhne", "currency": None},
    )


@pytest.fixture
def folder(tmp_path):
    contents().write(tmp_path)
    return tmp_path


def test_what_was_written_is_read_account_by_account(folder):
    held = Dossier(folder)
    assert held.features("acme") == {
        "account_id": "acme", "as_of": date(2025, 7, 1), "segment": "SMB", "users": 0.1 + 0.2,
    }  # fmt: skip
    assert held.explanation("acme", "churn") == {"probability": 0.1}
    assert held.ranges("acme") == {"tickets": (None, None), "users": (1.0, 4.0)}
    assert held.service == {"company": "Ärger & Söhne", "currency": None}


def test_what_is_unknown_is_none_and_never_a_number(folder):
    held = Dossier(folder)
    other = held.features("zeta")
    assert other["users"] is None and other["segment"] is None
    assert [row["value"] for row in held.events("acme")] == [None, 9.0]
    assert held.series("acme")[0]["peers"] is None
    assert [row["sealed"] for row in held.series("acme")] == [True, None, None]


def test_rows_come_in_the_order_in_which_they_are_read(folder):
    held = Dossier(folder)
    assert [row["measure"] for row in held.rules("acme")] == ["idle", "features", "users"]
    assert [row["day"].month for row in held.events("acme")] == [6, 5]
    assert [row["morning"].month for row in held.series("acme")[1:]] == [6, 7]


def test_who_is_not_told_about_has_features_and_nothing_else(folder):
    held = Dossier(folder)
    assert held.features("zeta") is not None
    assert held.rules("zeta") == held.series("zeta") == held.events("zeta") == []
    assert held.explanation("zeta", "churn") is None and held.ranges("zeta") == {}
    assert held.features("acme' OR 1=1 --") is None
    assert held.explanation("acme", "upsell") is None


def test_the_features_of_all_customers_are_the_bits_that_were_scored(folder):
    found = Dossier(folder).matrix(["users"])
    assert found.index.names == ["account_id", "as_of"]
    assert found["users"].tolist()[0] == 0.1 + 0.2 and np.isnan(found["users"].iloc[1])


def test_every_file_has_the_columns_that_are_stated(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    for name, columns in TABLES.items():
        written = duckdb.sql(f"DESCRIBE FROM read_parquet('{folder}/{name}.parquet')").fetchall()
        assert {row[0]: row[1] for row in written[: len(columns)]} == columns
        more = [row[0] for row in written[len(columns) :]]
        assert more == (["users"] if name == "features" else [])


def test_the_order_of_the_rows_that_came_in_changes_no_byte(folder, tmp_path):
    shuffled = {name: getattr(contents(), name).sample(frac=1, random_state=3) for name in TABLES}
    again = tmp_path / "again"
    again.mkdir()
    turned = dict(reversed(contents().service.items()))
    dataclasses.replace(contents(), **shuffled, service=turned).write(again)
    for name in FILES:
        assert (folder / name).read_bytes() == (again / name).read_bytes(), name


def test_a_dossier_without_a_row_is_valid(tmp_path):
    nobody = {name: getattr(contents(), name).iloc[:0] for name in TABLES}
    dataclasses.replace(contents(), **nobody).write(tmp_path)
    held = Dossier(tmp_path)
    assert held.features("acme") is None and held.rules("acme") == []
    assert held.matrix(["users"]).empty


@pytest.mark.parametrize("gone", FILES)
def test_a_publication_without_a_whole_dossier_has_none(folder, gone):
    (folder / gone).unlink()
    with pytest.raises(FileNotFoundError, match=gone):
        Dossier(folder)


def test_another_publication_in_the_same_place_is_never_mixed_with_this_one(tmp_path):
    place = tmp_path / "cycle"
    with published(place) as new:
        contents(users=1.0).write(new)
    held = Dossier(place)
    assert held.features("acme")["users"] == 1.0
    with published(place) as new:
        contents(users=2.0).write(new)
    for asked in (held.features, held.rules, held.series, held.events, held.ranges):
        with pytest.raises(Replaced, match="open it again"):
            asked("acme")
    with pytest.raises(Replaced):
        held.explanation("acme", "churn")
    with pytest.raises(Replaced):
        held.matrix(["users"])
    assert Dossier(place).features("acme")["users"] == 2.0


def test_a_publication_that_comes_while_one_is_opened_is_seen(folder, monkeypatch):
    loads = dossier.json.loads

    def late(text):
        contents(users=7.0).write(folder)
        (folder / "rules.parquet").unlink()
        (folder / "other").write_bytes(b"")
        contents(users=7.0).write(folder)
        return loads(text)

    monkeypatch.setattr(dossier.json, "loads", late)
    with pytest.raises(Replaced):
        Dossier(folder)


def test_a_file_of_the_same_length_in_its_place_is_seen_too(folder):
    held, path = Dossier(folder), folder / "ranges.parquet"
    bytes_, times = path.read_bytes(), path.stat()
    path.unlink()
    (folder / "keeps_the_inode_busy").write_bytes(b"")
    path.write_bytes(bytes_)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(Replaced):
        held.ranges("acme")


def test_threads_may_share_a_dossier(folder):
    held = Dossier(folder)
    with ThreadPoolExecutor(4) as pool:
        asked = ["acme", "zeta"] * 20
        found = list(pool.map(held.features, asked))
    assert [row["account_id"] for row in found] == asked
    held.close()


def test_reading_one_needs_no_engine_no_pipeline_and_no_learner(folder):
    """A service that is not yet asked anything has loaded none of them."""
    heavy = ("mlflow", "dvc", "sklearn", "pipeline", "simulation", "features.feature")
    code = (
        "import sys; from pathlib import Path; from serve.dossier import Dossier\n"
        f"assert Dossier(Path({str(folder)!r})).features('acme')\n"
        f"print(sorted(set(sys.modules) & set({heavy!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_name_that_stands_twice_is_refused():
    with pytest.raises(ValidationError, match="users stands there twice"):
        DossierSettings(**SETTINGS | {"actionable": ["users", "users"]})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"measures": ["users", "user"]}, "service.measures names user: "),
        ({"actionable": ["user"]}, "service.actionable names user: "),
        ({"actionable": ["arr", "users"]}, "names arr: nobody can act on what is contracted"),
        ({"actionable": ["tenure_days"]}, "names tenure_days: nobody can act"),
        ({"actionable": ["users_in_industry"]}, "nor on a rank among others"),
    ],
)
def test_what_nobody_can_act_on_is_refused_by_name(changes, why):
    settings = DossierSettings(**SETTINGS | changes)
    with pytest.raises(ValueError, match=why):
        check_names(settings, FAMILIES, ["users_in_industry"])


def test_a_measure_may_be_shown_that_nobody_can_act_on():
    settings = DossierSettings(**SETTINGS | {"measures": ["arr", "users_in_industry"]})
    check_names(settings, FAMILIES, ["users_in_industry"])
