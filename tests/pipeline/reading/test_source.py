"""Sources run locked down: even a SELECT that nobody checked can neither read nor write outside."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest

from pipeline.reading.selects import Select
from pipeline.reading.source import Oddity, Source, read_source, run_source
from tests.pipeline.exports import Company


@pytest.fixture
def company(tmp_path):
    return Company(tmp_path)


def _run(company, tmp_path, **tables):
    """Run SELECTs past the check that would have refused them."""
    source = Source("unchecked", {name: Select(sql, frozenset()) for name, sql in tables.items()})
    with duckdb.connect() as con:
        return run_source(con, source, str(company.given), tmp_path)


ATTACKS = {
    "reading a file": "SELECT * FROM read_csv('/etc/passwd')",
    "reading the input itself": "SELECT * FROM read_csv('{given}/nps.csv')",
    "reading text": "SELECT * FROM read_text('/etc/passwd')",
    "listing files": "SELECT * FROM glob('/etc/*')",
    "reading a Python variable": "SELECT * FROM stolen",
    "the network": "SELECT * FROM read_csv('https://example.org/x.csv')",
}

COMMANDS = {
    "copying out": "COPY (SELECT 1) TO '{given}/stolen.csv'",
    "attaching a database": "ATTACH '{given}/stolen.db' AS other",
    "installing an extension": "INSTALL httpfs",
    "loading an extension": "LOAD httpfs",
    "unlocking": "SET enable_external_access = true",
    "unlocking directories": "SET allowed_directories = ['/']",
    "exporting": "EXPORT DATABASE '{given}/stolen'",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_malicious_select_is_refused_by_the_engine(company, tmp_path, monkeypatch, attack):
    monkeypatch.setattr("pipeline.reading.source.stolen", pd.DataFrame({"a": [1]}), raising=False)
    sql = ATTACKS[attack].format(given=company.given)
    _, (fault,) = _run(company, tmp_path, nps=sql)
    assert fault.table == "nps.sql"
    assert any(
        word in fault.message for word in ("disabled", "does not exist", "not found", "requires")
    ), fault.message


@pytest.mark.parametrize("attack", COMMANDS)
def test_the_connection_stays_locked_for_every_command(company, tmp_path, attack):
    before = sorted(company.given.iterdir())
    with duckdb.connect() as con:
        run_source(con, Source("none"), str(company.given), tmp_path)
        with pytest.raises(duckdb.Error, match="disabled|locked"):
            con.execute(COMMANDS[attack].format(given=company.given))
    assert sorted(company.given.iterdir()) == before


def test_every_sql_file_is_a_table_and_other_files_are_ignored(company):
    (company.source / "README.md").write_text("not SQL")
    company.sql("oddities/odd", "SELECT 'x' AS finding, 1 AS figure, 2 AS of")
    source, faults = read_source(company.source)
    assert faults == []
    assert source.name == "company"
    assert list(source.tables) == ["accounts", "nps", "subscriptions", "tickets", "usage"]
    assert list(source.oddities) == ["odd"]


def test_a_source_that_is_not_there_is_a_fault(tmp_path):
    _, (fault,) = read_source(tmp_path / "nowhere")
    assert "no such source" in fault.message


def test_a_source_file_that_is_not_utf8_is_a_fault(company):
    (company.source / "nps.sql").write_bytes("SELECT 'é' FROM raw_nps".encode("latin-1"))
    _, (fault,) = read_source(company.source)
    assert (fault.table, fault.message) == ("nps.sql", "the file is not UTF-8")


def test_an_oddity_is_one_row_of_finding_figure_and_of(company, tmp_path):
    company.sql(
        "oddities/urgent",
        "SELECT 'tickets are urgent' AS finding, "
        "count(*) FILTER (WHERE priority = 'urgent') AS figure, count(*) AS of FROM raw_tickets",
    )
    company.sql("oddities/wide", "SELECT * FROM raw_tickets")
    source, _ = read_source(company.source)
    with duckdb.connect() as con:
        oddities, (fault,) = run_source(con, source, str(company.given), tmp_path)
    assert oddities == [Oddity("urgent", "tickets are urgent", 1, 2)]
    assert fault.table == "oddities/wide.sql" and "finding, figure, of" in fault.action


def test_files_that_no_select_reads_are_not_opened(company):
    (company.given / "truth.parquet").write_bytes(b"not parquet")
    company.ingest()
    assert company.rows("nps")


def test_two_files_of_one_name_and_a_broken_parquet_file_are_faults(company):
    (company.given / "NPS.parquet").write_bytes(b"x")
    (company.given / "tickets.csv").unlink()
    (company.given / "tickets.parquet").write_bytes(b"PAR1 but broken PAR1")
    faults = {fault.table: fault.message for fault in company.faults()}
    assert "['NPS.parquet', 'nps.csv'] all have that name" in faults["raw_nps"]
    assert "not Parquet" in faults["tickets.parquet"]


def test_a_file_name_becomes_a_raw_name_in_lower_case_with_underscores(company):
    (company.given / "nps.csv").rename(company.given / "NPS-Answers 2024.csv")
    company.sql("nps", "SELECT * FROM raw_nps_answers_2024")
    company.ingest()
    assert company.rows("nps")
