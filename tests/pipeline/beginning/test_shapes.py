"""Two third-party shapes and our own, from their files to our tables, as the docs show it."""

from __future__ import annotations

import re
from datetime import date

import duckdb
import pytest

from features.stored import relation
from features.tables import TABLES
from pipeline import files
from pipeline.ingest import ingest
from pipeline.init import begin
from tests.pipeline.beginning.shapes import NEWEST, mixed_exports
from tests.workspace import ROOT

DOC = (ROOT / "docs/your-own-data.md").read_text(encoding="utf-8")
RAVENSTACK = ROOT.parent / "shared/data/ravenstack"
PERIOD = (date(2023, 1, 1), date(2025, 7, 1))


def _shown(mark: str) -> str:
    """The block of the docs under a mark, without its indent."""
    found = re.search(rf"<!-- {re.escape(mark)} -->\n+```\w*\n(.*?)```", DOC, re.S)
    assert found, f"docs/your-own-data.md shows no block marked {mark}"
    return found[1]


@pytest.fixture(scope="module")
def mixed(company, tmp_path_factory):
    """Five programs' exports of the small company, and the source that was proposed for them."""
    folder = tmp_path_factory.mktemp("mixed")
    mixed_exports(company.folder / files.RAW, folder / "exports", events_from="2025-06-01")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        begin("mixed", "exports", [], folder / "sources")
    ingest(folder / "sources/mixed", str(folder / "exports"), *PERIOD, folder / "tables")
    return folder


def test_contracts_in_cents_a_month_with_last_days_are_those_of_the_company(company, mixed):
    raw = company.folder / files.RAW / "subscriptions.csv"
    columns = (
        "subscription_id, account_id, start_date, term_end, ended_at, notice_at, booked_at, seats"
    )
    with duckdb.connect() as con:
        theirs = f"FROM ({NEWEST.format(raw=raw, key='subscription_id')})"
        ours = f"FROM {relation(mixed / 'tables', 'subscriptions')}"
        same = [f"SELECT {columns} {rows} ORDER BY 1" for rows in (theirs, ours)]
        assert con.execute(same[0]).fetchall() == con.execute(same[1]).fetchall()
        money = [f"SELECT arr {rows} ORDER BY subscription_id" for rows in (theirs, ours)]
        pairs = zip(*(con.execute(sql).fetchall() for sql in money), strict=True)
        assert all(ours[0] == pytest.approx(theirs[0], abs=0.07) for theirs, ours in pairs)


def test_tickets_and_answers_reach_the_accounts_they_came_from(company, mixed):
    with duckdb.connect() as con:
        for table, key in (("tickets", "ticket_id"), ("nps", "response_id")):
            raw = company.folder / files.RAW / f"{table}.csv"
            theirs = f"SELECT {key}, account_id FROM ({NEWEST.format(raw=raw, key=key)}) ORDER BY 1"
            ours = f"SELECT {key}, account_id FROM {relation(mixed / 'tables', table)} ORDER BY 1"
            assert con.execute(ours).fetchall() == con.execute(theirs).fetchall()


def test_the_docs_show_what_is_proposed_for_the_mixed_exports(mixed):
    for place in ("subscriptions.sql", "README.md"):
        assert _shown(f"mixed/{place}") == (mixed / "sources/mixed" / place).read_text()


def test_exports_in_our_own_words_are_mapped_to_themselves(company, tmp_path):
    only = [f"{table}.csv" for table in TABLES if table != "usage"]
    proposal = begin("mine", str(company.folder / files.RAW), only, tmp_path)
    for name, draft in proposal.drafts.items():
        taken = {column: choice.of for column, choice in draft.choices.items() if choice.of}
        assert all(column == of for column, of in taken.items())
        left = set(TABLES[name].names) & {field.name for field in draft.export.fields} - set(taken)
        assert left <= {"auto_renew", "risk_call"}
    assert set(proposal.drafts) == set(TABLES) - {"usage"}


@pytest.mark.skipif(
    not RAVENSTACK.is_dir(), reason="RavenStack is not here: see sources/ravenstack"
)
def test_ravenstack_takes_one_edit_to_be_the_source_that_was_written_by_hand(tmp_path, monkeypatch):
    (tmp_path / "exports").symlink_to(RAVENSTACK)
    monkeypatch.chdir(tmp_path)
    begin("mine", "exports", [], tmp_path / "sources")
    mine = tmp_path / "sources/mine"
    assert _shown("ravenstack/README.md") == (mine / "README.md").read_text()
    written = (mine / "subscriptions.sql").read_text()
    assert _shown("ravenstack/subscriptions.sql") == written
    line = '    "end_date" AS ended_at,  -- such as 2024-04-12\n'
    assert line in written
    (mine / "subscriptions.sql").write_text(
        written.replace(line, _shown("ravenstack/subscriptions.sql, edited"))
    )
    for name, folder in (("mine", mine), ("ours", ROOT / "sources/ravenstack")):
        ingest(folder, "exports", PERIOD[0], None, tmp_path / name)
    for table in ("accounts", "subscriptions", "tickets", "usage"):
        here, there = (relation(tmp_path / name, table) for name in ("mine", "ours"))
        columns = ", ".join(f'"{name}"' for name in duckdb.sql(f"FROM {here}").columns)
        rows = [duckdb.sql(f"SELECT {columns} FROM {made} ORDER BY ALL") for made in (here, there)]
        assert rows[0].fetchall() == rows[1].fetchall(), table
