"""What belongs to an account is found through the SELECTs, and only that is taken away."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import subprocess
import zipfile
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from pipeline import files
from pipeline.cli import app
from pipeline.erasing import erasure, scrubbing, versions
from pipeline.erasing.belongings import Entangled, belongings, words_of
from pipeline.erasing.rewriting import rewrite
from pipeline.erasing.traces import Sought, holds
from pipeline.forgetting import BadRegister, Register
from pipeline.ingest import ingest
from pipeline.reading.source import read_source
from pipeline.settings import load
from tests.pipeline.exports import DATA_FROM, Company
from tests.workspace import prepare

TODAY = date(2026, 1, 31)
ACCOUNTS = """account_id,created_at,name,parent_id
acme,2024-01-05,Acme Mills,
bolt,2024-02-01,"Bolt, ""Inc"" Ltd",acme
"""
SUBSCRIPTIONS = """subscription_id,account_id,start_date,term_end,ended_at,arr
s1,acme,2024-01-10,,,1200
s2,bolt,2024-02-01,,,500
"""
USAGE = """sub,occurred_at,feature,user_id
s1,2024-06-01,reports,pat@acme-mills.example
s2,2024-06-02,reports,kim@bolt-inc.example
s2,2024-06-02,billing,helpdesk@vendor.example
s1,2024-06-03,looms,helpdesk@vendor.example
"""
FEATURES = "feature,is_key\nreports,yes\nbilling,no\nlooms,yes\n"
OVER_SUBSCRIPTIONS = """SELECT s.account_id, u.occurred_at, u.feature, u.user_id
FROM raw_usage AS u JOIN raw_subscriptions AS s ON u.sub = s.subscription_id
JOIN raw_product_features USING (feature)"""


@pytest.fixture
def company(tmp_path) -> Company:
    """Two accounts, one of them the other's parent, whose usage hangs on subscriptions."""
    exports = Company(tmp_path)
    for name, text in (
        ("accounts", ACCOUNTS), ("subscriptions", SUBSCRIPTIONS), ("usage", USAGE),
        ("product_features", FEATURES),
    ):  # fmt: skip
        exports.csv(name, text)
        exports.sql(name, f"SELECT * FROM raw_{name}")
    exports.sql("usage", OVER_SUBSCRIPTIONS)
    for name in ("tickets", "nps"):
        (exports.given / f"{name}.csv").unlink()
        (exports.source / f"{name}.sql").unlink()
    return exports


@pytest.fixture
def clone(company, tmp_path, monkeypatch) -> Company:
    """The company as the source of a clone that is the current folder."""
    folder = tmp_path / "clone"
    folder.mkdir()
    prepare(folder)
    company.given = company.given.rename(folder / "export")
    monkeypatch.chdir(folder)
    params = yaml.safe_load(files.PARAMS.read_text())
    params["source"] |= {"folder": str(company.source), "input": "export", "data_until": None}
    files.PARAMS.write_text(yaml.safe_dump(params, sort_keys=False))
    monkeypatch.delenv("RENEWCAST_LEDGER", raising=False)
    return company


def of_acme(company: Company, given: str | None = None):
    source, found = read_source(company.source)
    assert not found
    return belongings(source, given or str(company.given), "acme")


def registered() -> int:
    return len(Register.read().entries)


def forget(account: str = "acme", **asked) -> tuple[erasure.Plan, erasure.Plan]:
    settings, request = load(), erasure.Request(account, **asked)
    found = erasure.plan(settings, request)
    return found, erasure.erase(settings, request, found, TODAY)


def test_rows_are_found_through_the_joins_of_the_selects_and_what_all_share_is_not(company):
    found = of_acme(company)
    assert found.rows == {"raw_accounts": 1, "raw_subscriptions": 1, "raw_usage": 2}
    assert found.marks["raw_usage"] == {"sub": frozenset({"s1"})}  # and not looms: a feature


def test_its_words_are_its_name_and_people_but_not_those_that_others_know_too(company):
    assert of_acme(company).words == ("Acme Mills", "pat@acme-mills.example")
    assert not of_acme(company).within


def test_the_tables_know_the_same_words_once_the_exports_are_gone(company):
    found = of_acme(company)
    company.ingest()
    assert words_of(company.out, "acme") == (found.words, found.within)


def test_an_id_that_a_select_makes_of_another_text_is_found(company):
    company.csv("accounts", ACCOUNTS.replace("account_id", "Id").replace("acme,2024", "ACME ,2024"))
    made = "SELECT lower(trim(Id)) AS account_id, created_at, name FROM raw_accounts"
    company.sql("accounts", made)
    assert of_acme(company).marks["raw_accounts"] == {"Id": frozenset({"ACME "})}


def test_without_the_account_others_must_stay_as_they_are(company):
    every = "SELECT account_id, created_at FROM raw_accounts"
    parents = "SELECT parent_id, created_at FROM raw_accounts WHERE parent_id <> ''"
    company.sql("accounts", f"{every} UNION ALL {parents}")
    with pytest.raises(Entangled, match=r"accounts\.sql: without the rows of acme"):
        of_acme(company)


def test_every_other_record_stays_byte_by_byte(tmp_path):
    path = tmp_path / "a.csv"
    kept = b'\xef\xbb\xbfid,said\r\nbolt,"two\r\nlines, ""quoted"""\r\n'
    path.write_bytes(kept + b'acme,"gone,\r\nwhole"\r\ncask,acme\r\n"dune" ,=1+1')
    assert rewrite(path, {"id": {"acme"}}, emptied="acme") == 2
    assert path.read_bytes() == kept + b'cask,\r\n"dune" ,=1+1'
    assert rewrite(path, {"id": {"acme"}}, emptied="acme") == 0
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]


def test_parquet_keeps_its_types_and_its_order(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({
        "id": pa.array(["b", "acme", "a", "acme"]).dictionary_encode(),
        "n": pa.array([1, 2, 3, 4], pa.int16()),
        "parent": ["acme", None, None, None],
        "who": pa.array(["x", "pat", "x", "pat"]).dictionary_encode(),
    })  # fmt: skip
    pq.write_table(table, path, row_group_size=2)
    assert rewrite(path, {"id": {"acme"}}, emptied="acme") == 3
    found = pq.read_table(path)
    assert found.schema == table.schema
    assert found.to_pydict() == {
        "id": ["b", "a"],
        "n": [1, 3],
        "parent": [None, None],
        "who": ["x", "x"],
    }
    assert not any(word in path.read_bytes() for word in (b"acme", b"pat"))  # nor in a dictionary


SOUGHT = Sought("acme", ("Søn & Co", "pat@x.example"))


@pytest.mark.parametrize(
    "text",
    [
        "acme", "x,acme,1", '{"id": "acme"}', "/accounts/acme?x", "late\\nacme", "for acme.",
        "SØN & CO".replace("Ø", "ø"), "S\\u00f8n & Co", "Søn &amp; Co", "S%C3%B8n%20%26%20Co",
        "S\\u00f8n \\u0026 Co", "mailto:PAT@x.example", "x\\tpat@x.example",
    ],
)  # fmt: skip
def test_a_trace_is_found_in_every_spelling(text, tmp_path):
    path = tmp_path / "told.txt"
    path.write_text(text)
    assert holds(path, SOUGHT)


@pytest.mark.parametrize("text", ["acme2", "macme", "Søn", "pat@x.examples", ""])
def test_what_only_looks_like_it_is_no_trace(text, tmp_path):
    path = tmp_path / "told.txt"
    path.write_text(text)
    assert not holds(path, SOUGHT)


def test_an_id_within_other_ids_is_told_from_them():
    sought = Sought("acme", within=True)
    assert not sought.in_texts(["acme-2", "x-acme", "it@acme.com"])
    assert all(sought.in_texts([one]) for one in ("acme", "acme. Bye", '"acme"', "acme, acme-2"))


def test_a_bare_number_is_looked_for_where_it_must_be_an_account(tmp_path):
    for name, text, there in (
        ("a.csv", "n,account_id\n42,7\n", False), ("b.csv", "n,account_id\n7,42\n", True),
        ("c.json", '{"n": 42}', False), ("d.json", '{"id": "42"}', True),
        ("e.html", "<td>42</td>", True), ("f.log", "42 rows", False),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
        assert holds(tmp_path / name, Sought("42")) == there, name


def test_what_is_packed_is_opened(tmp_path):
    nested = pa.table({
        "l": [[{"who": "acme"}]], "m": pa.array([[("k", "v")]], pa.map_(pa.string(), pa.string())),
    })  # fmt: skip
    pq.write_table(nested, tmp_path / "nested", compression="zstd")
    pq.write_table(nested.drop_columns("l"), tmp_path / "other")
    with closing(sqlite3.connect(tmp_path / "base")) as con, con:
        con.execute("CREATE TABLE t AS SELECT 1 AS n, 'of acme' AS said")
    inside = io.BytesIO()
    with zipfile.ZipFile(inside, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "nested", "x.parquet")
    (tmp_path / "zip").write_bytes(inside.getvalue())
    (tmp_path / "gzip").write_bytes(gzip.compress(b"of acme"))
    (tmp_path / "PAR1").write_bytes(b"PAR1 and acme, but no Parquet")
    (tmp_path / "acme.txt").write_text("")
    there = {path.name for path in tmp_path.iterdir() if holds(path, SOUGHT)}
    assert there == {"nested", "base", "zip", "gzip", "PAR1", "acme.txt"}


def test_the_register_names_nobody_and_knows_everybody(tmp_path):
    path = tmp_path / "forgotten.json"
    register = Register.read(path).and_also("acme", TODAY).and_also("bolt", TODAY)
    register.and_also("acme", TODAY).write(path)
    assert "acme" not in path.read_text() and len(Register.read(path).entries) == 2
    assert Register.read(path).among(["acme", "cask", "bolt"]) == {"acme", "bolt"}


def test_a_damaged_register_stops_everything(tmp_path):
    path = tmp_path / "forgotten.json"
    path.write_text('{"forgotten": [{"day": "2026-01-31"}]}')
    with pytest.raises(BadRegister, match="restore it from git"):
        Register.read(path)


def test_a_forgotten_account_that_comes_back_is_left_out_and_counted(company):
    register = Register().and_also("acme", TODAY).and_also("zeta", TODAY)
    ingest(company.source, str(company.given), DATA_FROM, None, company.out, register)
    rows = duckdb.execute(f"SELECT account_id, parent_id FROM '{company.out}/accounts.parquet'")
    assert rows.fetchall() == [("bolt", None)]
    assert json.loads((company.out / "source.json").read_text())["forgotten"] == 1
    assert not any(holds(path, SOUGHT) for path in company.out.rglob("*") if path.is_file())


def test_forgetting_twice_changes_nothing_more(clone):
    found, after = forget()
    assert [find.place for find in found.finds] == ["the exports in export"]
    assert not after.finds and not after.left and registered() == 1
    assert (clone.given / "accounts.csv").read_text() == (
        'account_id,created_at,name,parent_id\nbolt,2024-02-01,"Bolt, ""Inc"" Ltd",\n'
    )
    before = {path: path.read_bytes() for path in clone.given.iterdir()}
    found, after = forget()
    assert not found.finds and not after.finds and registered() == 1
    assert before == {path: path.read_bytes() for path in clone.given.iterdir()}


def test_a_crash_half_way_is_made_good_by_the_same_command(clone, monkeypatch):
    Path("data/tables").mkdir(parents=True)
    Path("data/tables/old.json").write_text('"acme"')
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.erasing.findings.rewrite", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            forget()
    assert registered() == 1 and not Path("data/tables").exists()
    assert "acme" in (clone.given / "accounts.csv").read_text()
    _, after = forget()
    assert not after.finds and registered() == 1


def test_what_lies_beside_the_exports_goes_too_or_is_named(clone):
    (clone.given / "contacts.csv").write_text("who,of\npat,acme\nkim,bolt\n")
    (clone.given / "notes.txt").write_text("call pat@acme-mills.example")
    found, after = forget()
    assert (clone.given / "contacts.csv").read_text() == "who,of\nkim,bolt\n"
    assert found.left == after.left == ("export/notes.txt",)


def test_exports_elsewhere_are_named_and_not_touched_unless_asked(clone, tmp_path_factory):
    away = tmp_path_factory.mktemp("away")
    for path in clone.given.iterdir():
        path.rename(away / path.name)
    params = yaml.safe_load(files.PARAMS.read_text())
    params["source"]["input"] = str(away)
    files.PARAMS.write_text(yaml.safe_dump(params, sort_keys=False))
    found, after = forget()
    assert any("raw_usage 2" in said and "--inputs" in said for said in found.yours)
    assert "acme" in (away / "accounts.csv").read_text() and not after.finds
    _, after = forget(inputs=True)
    assert "acme" not in (away / "accounts.csv").read_text() and not after.finds


def test_a_database_is_never_written(clone):
    with closing(sqlite3.connect("crm.db")) as con, con:
        for name in ("accounts", "subscriptions", "usage", "product_features"):
            rows = duckdb.read_csv(str(clone.given / f"{name}.csv"), all_varchar=True).df()
            rows.to_sql(name, con, index=False)
    Path("export").rename("old")
    params = yaml.safe_load(files.PARAMS.read_text())
    params["source"]["input"] = "sqlite:///crm.db"
    files.PARAMS.write_text(yaml.safe_dump(params, sort_keys=False))
    before = Path("crm.db").read_bytes()
    found, _ = forget(inputs=True)
    assert Path("crm.db").read_bytes() == before
    assert any("crm.db is yours" in said and "raw_usage 2" in said for said in found.yours)


def test_a_version_goes_as_a_whole_and_its_commits_are_named(clone):
    cache = Path(".dvc/cache/files/md5")
    (cache / "aa").mkdir(parents=True)
    (cache / "aa/1").write_text("acme")
    (cache / "aa/2").write_text("bolt")
    listing = [{"md5": "aa1", "relpath": "a"}, {"md5": "aa2", "relpath": "b"}]
    (cache / "aa" / ("0" * 30 + ".dir")).write_text(json.dumps(listing))
    (cache / "aa/9.dir").write_text(json.dumps(listing[1:]))
    Path("dvc.lock").write_text(f"md5: aa{'0' * 30}.dir\n")
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q"], ["add", "dvc.lock"], ["commit", "-q", "-m", "the first"]):
        subprocess.run([*git, *command], check=True)
    Path("dvc.lock").write_text("md5: none\n")
    subprocess.run([*git, "commit", "-q", "-am", "the second"], check=True)
    found = versions.objects_with(Path(".dvc/cache"), SOUGHT)
    assert sorted(path.name for path in found) == ["0" * 30 + ".dir", "1"]
    assert [line[11:] for line in versions.out_of_reach(found)] == ["the first"]
    assert versions.out_of_reach([]) == []


def test_a_text_in_a_database_is_blanked_and_its_file_written_anew(tmp_path):
    path = tmp_path / "base.db"
    with closing(sqlite3.connect(path)) as con, con:
        con.execute("CREATE TABLE tags (run TEXT PRIMARY KEY, value TEXT)")
        con.execute("INSERT INTO tags VALUES ('r', 'score of acme, not acmes'), ('acme', 'old')")
        con.execute("PRAGMA secure_delete = OFF")
        con.execute("CREATE TABLE dropped AS SELECT 'acme' AS x")
        con.execute("DROP TABLE dropped")
    assert scrubbing.cells_with(path, SOUGHT) == 2
    scrubbing.scrub(path, SOUGHT)
    assert scrubbing.cells_with(path, SOUGHT) == 0 and b"acme" not in path.read_bytes()


def test_an_unknown_account_is_refused_and_not_registered(clone):
    with pytest.raises(erasure.UnknownAccount, match="nothing holds an account acne"):
        forget("acne")
    assert registered() == 0


def test_the_verb_asks_first_and_ends_with_1_where_a_trace_is_left(clone):
    run = CliRunner()
    dry = run.invoke(app, ["forget", "acme", "--dry-run", "--json"])
    assert dry.exit_code == 0 and json.loads(dry.stdout)["finds"][0]["count"] == 4
    assert run.invoke(app, ["forget", "acme"], input="n\n").exit_code == 1
    assert "acme" in (clone.given / "accounts.csv").read_text() and registered() == 0
    Path("mine.txt").write_text("acme")
    left = run.invoke(app, ["forget", "acme", "--yes"])
    assert left.exit_code == 1 and "mine.txt" in left.stderr
    Path("mine.txt").unlink()
    done = run.invoke(app, ["forget", "acme", "--yes", "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)["done"] is True
