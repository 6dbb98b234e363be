"""The door: what is right goes in unaltered, what is wrong is named, all of it at once."""

from __future__ import annotations

import csv
import json
from datetime import date

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy

from features.publication import manifest, sha256
from features.tables import BadInput
from tests.pipeline.exports import DATA_FROM, Company


@pytest.fixture
def company(tmp_path):
    return Company(tmp_path)


def _places(findings):
    return {(finding.table, finding.column, finding.row) for finding in findings}


def test_right_exports_arrive_typed_sorted_and_with_the_supplied_columns_only(company):
    company.ingest()
    described = json.loads((company.out / "source.json").read_text())
    assert described["source"] == "company"
    assert (described["data_from"], described["data_until"]) == ("2024-01-01", "2024-02-02")
    assert {name: table["rows"] for name, table in described["tables"].items()} == {
        "accounts": 2,
        "subscriptions": 3,
        "usage": 2,
        "tickets": 2,
        "nps": 1,
    }
    columns = duckdb.sql(f"DESCRIBE FROM '{company.out}/subscriptions.parquet'").fetchall()
    assert [(name, kind) for name, kind, *_ in columns] == [
        ("subscription_id", "VARCHAR"),
        ("account_id", "VARCHAR"),
        ("start_date", "DATE"),
        ("term_end", "DATE"),
        ("ended_at", "DATE"),
        ("arr", "DOUBLE"),
        ("seats", "BIGINT"),
    ]
    ticket = duckdb.sql(f"FROM '{company.out}/tickets.parquet'").fetchall()[0]
    assert ticket[0] == "t1" and ticket[3] is None and ticket[5] is True


def test_usage_arrives_in_parts_by_the_day_it_became_known_each_with_its_hash(company):
    late = "account_id,occurred_at,feature,event_id,recorded_at\n"
    late += "acme,2024-06-01T08:30:00Z,reports,e1,\nacme,2024-06-01,reports,e2,2024-12-03\n"
    company.csv("usage", late + "bolt,2024-12-31 01:00:00+02:00,billing,e3,\n")
    company.ingest()
    usage = json.loads((company.out / "source.json").read_text())["tables"]["usage"]
    assert usage["rows"] == 3
    assert list(usage["parts"]) == ["2024-06", "2024-12-w1", "2024-12-30"]
    for name, sha in usage["parts"].items():
        assert sha256(company.out / "usage" / f"{name}.parquet") == sha


def test_what_does_not_fit_into_memory_is_laid_down_and_the_bytes_are_the_same(
    company, monkeypatch
):
    company.sql(
        "usage",
        "SELECT account_id, TIMESTAMP '2024-01-01' + to_hours(i % 8000) AS occurred_at, feature, "
        "md5(CAST(i AS VARCHAR)) AS event_id FROM raw_usage, range(350000) AS t(i) "
        "WHERE event_id = 'e1'",
    )
    company.ingest()
    first = manifest(company.out)
    monkeypatch.setattr("pipeline.ingest.SHARE", "50MB")
    company.ingest()
    assert manifest(company.out) == first


def test_instants_with_an_offset_become_utc(company):
    company.ingest()
    assert str(company.rows("usage")[1]["occurred_at"]) == "2024-12-31 21:00:00"
    assert str(company.rows("accounts")[1]["created_at"]) == "2024-02-01 10:00:00"


def test_two_runs_give_equal_bytes_whatever_the_order_of_the_rows(company):
    company.ingest()
    first = manifest(company.out)
    header, *rows = (company.given / "subscriptions.csv").read_text().splitlines()
    company.csv("subscriptions", "\n".join([header, *reversed(rows)]) + "\n")
    company.ingest()
    assert manifest(company.out) == first


def test_data_until_is_the_day_after_the_earliest_last_day_unless_stated(company):
    company.ingest(data_until=date(2025, 1, 1))
    assert json.loads((company.out / "source.json").read_text())["data_until"] == "2025-01-01"


def test_rows_beyond_data_until_are_kept(company):
    company.ingest(data_until=date(2024, 3, 1))
    assert len(company.rows("usage")) == 2


def test_line_ends_of_windows_and_a_byte_order_mark_make_no_difference(company):
    company.ingest()
    first = manifest(company.out)
    for path in company.given.glob("*.csv"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    company.ingest()
    assert manifest(company.out) == first


@pytest.mark.parametrize("ends", [("\r\n",) * 3, ("\r",) * 3, ("\r\n", "\n", "\r\n")])
def test_every_row_is_read_whatever_ends_the_lines(company, ends):
    lines = [
        "response_id,account_id,occurred_at,score",
        "1,acme,2024-12-31,2",
        "3,acme,2024-12-31,4",
    ]
    company.csv("nps", "".join(line + end for line, end in zip(lines, ends, strict=True)))
    company.ingest()
    assert [row["score"] for row in company.rows("nps")] == [2, 4]


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_files_parted_by_semicolons_or_tabs_are_read_like_those_parted_by_commas(
    company, delimiter, quoting
):
    company.ingest()
    first = manifest(company.out)
    for path in company.given.glob("*.csv"):
        rows = list(csv.reader(path.read_text().splitlines()))
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            csv.writer(file, delimiter=delimiter, quoting=quoting).writerows(rows)
    company.ingest()
    assert manifest(company.out) == first


def test_a_column_of_a_database_keeps_its_name_whatever_stands_in_it(company):
    url = f"sqlite:///{company.given}/company.db"
    engine = sqlalchemy.create_engine(url)
    for path in company.given.glob("*.csv"):
        frame = duckdb.sql(f"FROM read_csv('{path}', all_varchar=true)").df()
        frame.rename(columns={"arr": 'ARR, "EUR"'}).to_sql(path.stem, engine, index=False)
    engine.dispose()
    company.sql("subscriptions", 'SELECT * RENAME ("ARR, ""EUR""" AS arr) FROM raw_subscriptions')
    company.ingest(given=url)
    assert [row["arr"] for row in company.rows("subscriptions")] == [1200, 500.5, 600]


def test_parquet_and_a_database_give_the_same_tables_as_csv(company, tmp_path):
    company.ingest()
    first = manifest(company.out)
    (tmp_path / "parquet").mkdir()
    url = f"sqlite:///{tmp_path}/company.db"
    engine = sqlalchemy.create_engine(url)
    for path in company.given.glob("*.csv"):
        frame = duckdb.sql(f"FROM read_csv('{path}', all_varchar=true)").df()
        pq.write_table(pa.Table.from_pandas(frame), tmp_path / "parquet" / f"{path.stem}.parquet")
        frame.to_sql(path.stem, engine, index=False)
    engine.dispose()
    company.ingest(given=str(tmp_path / "parquet"))
    assert manifest(company.out) == first
    company.ingest(given=url)
    assert manifest(company.out) == first


def test_typed_parquet_is_read_by_its_types(company):
    (company.given / "nps.csv").unlink()
    zoned = pa.array([1735603200_000_000], pa.timestamp("us", tz="UTC"))
    typed = {"response_id": [7], "account_id": ["acme"], "occurred_at": zoned, "score": [9.0]}
    pq.write_table(pa.table(typed), company.given / "nps.parquet")
    company.ingest()
    assert company.rows("nps")[0]["response_id"] == "7"
    assert str(company.rows("nps")[0]["occurred_at"]) == "2024-12-31 00:00:00"


SPOILT = {
    "a missing table": (
        lambda c: (c.source / "accounts.sql").unlink(),
        ("accounts", "", None),
        "missing and required",
    ),
    "a missing column": (
        lambda c: c.sql("subscriptions", "SELECT * EXCLUDE (ended_at) FROM raw_subscriptions"),
        ("subscriptions", "ended_at", None),
        "missing and required",
    ),
    "an unknown column": (
        lambda c: c.sql("usage", "SELECT * RENAME (minutes AS minuets) FROM raw_usage"),
        ("usage", "minuets", None),
        "unknown column",
    ),
    "an unknown table": (
        lambda c: c.sql("ticket", "SELECT 1 AS ticket_id"),
        ("ticket.sql", "", None),
        "unknown table",
    ),
    "a wrong type": (
        lambda c: c.sql("nps", "SELECT * REPLACE (DATE '2024-01-01' AS score) FROM raw_nps"),
        ("nps", "score", None),
        "wrong type DATE",
    ),
    "an unreadable number": (
        lambda c: c.change("usage", ",4.5", ",4:30"),
        ("usage", "minutes", 1),
        "'4:30'",
    ),
    "a broken whole number": (
        lambda c: c.change("subscriptions", "1200,10", "1200,10.5"),
        ("subscriptions", "seats", 1),
        "'10.5'",
    ),
    "an unparsable date": (
        lambda c: c.change("subscriptions", "2024-02-01,2024-08-01", "2024-02-01,01.08.2024"),
        ("subscriptions", "term_end", 2),
        "'01.08.2024'",
    ),
    "a date with a time of day": (
        lambda c: c.change("subscriptions", "acme,2024-01-10", "acme,2024-01-10T09:00:00"),
        ("subscriptions", "start_date", 1),
        "cannot be read as date",
    ),
    "an impossible day": (
        lambda c: c.change("tickets", "2024-06-01T08", "2024-02-30T08"),
        ("tickets", "opened_at", 1),
        "cannot be read as instant",
    ),
    "neither yes nor no": (
        lambda c: c.change("tickets", "urgent,yes", "urgent,maybe"),
        ("tickets", "is_incident", 1),
        "'maybe'",
    ),
    "a key without a value": (
        lambda c: c.change("tickets", "t2,", ","),
        ("tickets", "ticket_id", 2),
        "has no value",
    ),
    "a duplicate id": (
        lambda c: c.change("subscriptions", "s3", "s2"),
        ("subscriptions", "subscription_id", 3),
        "duplicate id",
    ),
    "an unknown account": (
        lambda c: c.change("usage", "acme", "acne"),
        ("usage", "account_id", 1),
        "not among accounts ('acne')",
    ),
    "a negative ARR": (
        lambda c: c.change("subscriptions", "500.50", "-500.50"),
        ("subscriptions", "arr", 2),
        "negative ARR ('-500.5')",
    ),
    "an end before a start": (
        lambda c: c.change("subscriptions", "2024-08-01,500", "2024-01-31,500"),
        ("subscriptions", "ended_at", 2),
        "ends before its start_date",
    ),
    "two currencies": (
        lambda c: c.sql(
            "subscriptions",
            "SELECT *, CASE account_id WHEN 'acme' THEN 'EUR' ELSE 'USD' END AS currency "
            "FROM raw_subscriptions",
        ),
        ("subscriptions", "currency", None),
        "'EUR, USD'",
    ),
    "a future end without notice": (
        lambda c: c.change("subscriptions", "2025-01-10,,", "2025-01-10,2025-01-10,"),
        ("subscriptions", "ended_at", 1),
        "without notice_at",
    ),
    "an NPS score beyond ten": (
        lambda c: c.change("nps", ",9", ",11"),
        ("nps", "score", 1),
        "outside 0-10 ('11')",
    ),
    "a file without a byte": (
        lambda c: c.csv("tickets", ""),
        ("tickets.csv", "", None),
        "the file is empty",
    ),
    "a required table without rows": (
        lambda c: c.csv("accounts", "account_id,created_at\n"),
        ("accounts", "", None),
        "has no rows",
    ),
    "a file that is not UTF-8": (
        lambda c: c.csv("tickets", "ticket_id,account_id,opened_at\né,acme,x\n".encode("latin-1")),
        ("tickets.csv", "", None),
        "line 2: the file is not UTF-8",
    ),
    "a header that is not UTF-8": (
        lambda c: c.csv("tickets", "ticket_id,é\n1,2\n".encode("latin-1")),
        ("tickets.csv", "", None),
        "header line",
    ),
    "a quote never closed": (
        lambda c: c.csv("nps", 'response_id,account_id,occurred_at,score\nn1,"acme,2024-01-01,9\n'),
        ("nps.csv", "", None),
        "a quote is never closed",
    ),
    "a row with too many cells": (
        lambda c: c.change("nps", ",9\n", ",9,9,9\n"),
        ("nps.csv", "", None),
        "line 2: it has more or fewer cells than the 4 of the header",
    ),
    "a column named twice": (
        lambda c: c.change("nps", "score", "account_id"),
        ("nps.csv", "", None),
        "columns named twice: ['account_id']",
    ),
    "a column named twice in two spellings": (
        lambda c: c.change("nps", "score", "ACCOUNT_ID"),
        ("nps.csv", "", None),
        "columns named twice: ['ACCOUNT_ID', 'account_id']",
    ),
    "a column without a name": (
        lambda c: c.csv(
            "nps", "response_id,account_id,occurred_at,score,\nn1,acme,2024-12-31,9,\n"
        ),
        ("nps.csv", "", None),
        "columns without a name: 5 of 5. Name each, or delete it in every line",
    ),
    "two columns without a name": (
        lambda c: c.csv("nps", ",response_id,account_id,occurred_at,score,\n0,n1,acme,x,9,\n"),
        ("nps.csv", "", None),
        "columns without a name: 1, 6 of 6",
    ),
    "a first line for Excel": (
        lambda c: c.change("nps", "response_id,", "sep=,\nresponse_id,"),
        ("nps.csv", "", None),
        "the first line is no header but a word to Excel (sep=). Delete that line",
    ),
    "a first line for Excel with semicolons": (
        lambda c: c.csv("nps", "sep=;\nresponse_id;account_id;occurred_at;score\n"),
        ("nps.csv", "", None),
        "a word to Excel (sep=)",
    ),
    "a row with too many cells between semicolons": (
        lambda c: c.csv(
            "nps", "response_id;account_id;occurred_at;score\nn1;acme;2024-01-01;9;9\n"
        ),
        ("nps.csv", "", None),
        "line 2: it has more or fewer cells than the 4 of the header",
    ),
    "a file of blank lines": (
        lambda c: c.csv("nps", "\n\n"),
        ("nps.csv", "", None),
        "the first line names no column",
    ),
    "a file with nothing but a byte order mark": (
        lambda c: c.csv("nps", b"\xef\xbb\xbf"),
        ("nps.csv", "", None),
        "the first line names no column",
    ),
    "a missing file": (
        lambda c: (c.given / "nps.csv").unlink(),
        ("raw_nps", "", None),
        "no file",
    ),
    "a source file with two statements": (
        lambda c: c.sql("nps", "SELECT * FROM raw_nps; SELECT 1"),
        ("nps.sql", "", None),
        "2 statements",
    ),
    "a source file that writes": (
        lambda c: c.sql("nps", "COPY (SELECT 1) TO 'stolen.csv'"),
        ("nps.sql", "", None),
        "COPY, not SELECT",
    ),
    "a SELECT that fails": (
        lambda c: c.sql("nps", "SELECT nothing FROM raw_nps"),
        ("nps.sql", "", None),
        'Referenced column "nothing" not found',
    ),
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_bad_input_is_refused_with_its_place_and_nothing_is_written(company, spoil):
    change, place, text = SPOILT[spoil]
    change(company)
    findings = company.faults()
    assert place in _places(findings)
    assert any(text in str(finding) for finding in findings), [str(f) for f in findings]
    if spoil != "a required table without rows":
        assert len(findings) == 1 or spoil == "an unknown column", [str(f) for f in findings]


def test_every_fault_is_named_at_once(company):
    together = [
        "a missing column", "an unreadable number", "an unparsable date", "a key without a value",
        "a negative ARR", "an unknown account", "a quote never closed", "an unknown table",
    ]  # fmt: skip
    for spoil in together:
        SPOILT[spoil][0](company)
    findings = company.faults()
    assert {SPOILT[spoil][1] for spoil in together} <= _places(findings)
    assert len(findings) == len(together)
    assert all(str(finding) in str(BadInput(findings)) for finding in findings)


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "SELECT nothing", "SELECT * FROM raw_gone"])
def test_a_required_table_whose_select_is_at_fault_is_not_called_missing_too(company, sql):
    company.sql("accounts", sql)
    (fault,) = company.faults()
    assert fault.table in ("accounts.sql", "raw_gone")


def test_only_the_first_examples_of_a_fault_are_spelt_out_and_the_rest_counted(company):
    rows = "".join(f"n{i},acme,2024-06-01,{i}\n" for i in range(11, 31))
    company.csv("nps", f"response_id,account_id,occurred_at,score\n{rows}")
    findings = company.faults()
    assert [finding.row for finding in findings] == [1, 2, 3, 4, 5, None]
    assert "15 more rows" in findings[-1].message


def test_a_fault_leaves_the_tables_of_an_earlier_run_as_they_were(company):
    company.ingest()
    first = manifest(company.out)
    company.change("subscriptions", "500.50", "-500.50")
    with pytest.raises(BadInput):
        company.ingest()
    assert manifest(company.out) == first


def test_versions_of_a_row_are_not_duplicates_unless_recorded_at_one_time(company):
    header = "subscription_id,account_id,start_date,term_end,ended_at,arr,recorded_at\n"
    row = "s1,acme,2024-01-10,2025-01-10,,1200,"
    company.csv("subscriptions", f"{header}{row}2024-01-10\n{row}2024-03-01\n")
    company.ingest()
    assert len(company.rows("subscriptions")) == 2
    company.csv("subscriptions", f"{header}{row}2024-01-10\n{row}2024-01-10\n")
    with pytest.raises(BadInput, match="duplicate id and recorded_at"):
        company.ingest()


def test_a_future_end_is_right_with_notice_and_within_the_reach_of_the_export(company):
    header = "subscription_id,account_id,start_date,term_end,ended_at,arr,notice_at\n"
    company.csv(
        "subscriptions",
        f"{header}s1,acme,2024-01-10,2025-01-10,2025-06-10,1200,2024-11-01\n"
        "s2,bolt,2024-02-01,,2024-12-20,500,\n",
    )
    company.ingest(data_until=date(2024, 12, 1))
    assert len(company.rows("subscriptions")) == 2


def test_a_period_that_ends_before_it_begins_is_a_fault(company):
    (finding,) = company.faults(data_until=DATA_FROM)
    assert "not before data_until" in finding.message


def test_an_input_that_is_not_there_is_named_once(company):
    (finding,) = company.faults(given=str(company.given / "nowhere"))
    assert "no such input folder" in finding.message


def test_a_database_that_cannot_be_reached_is_a_fault_that_keeps_its_password(company):
    (finding,) = company.faults(given="postgresql+nodriver://me:secret@localhost/x")
    assert "cannot be reached" in finding.message
    assert "secret" not in str(finding)


def test_a_table_that_the_database_does_not_hold_is_named_with_those_it_holds(company, tmp_path):
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/export/company.db")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE accounts (account_id TEXT)"))
    engine.dispose()
    findings = company.faults(given=f"sqlite:///{tmp_path}/export/company.db")
    assert "the database holds ['accounts']" in str(BadInput(findings))


def test_a_database_view_that_fails_is_a_fault(company, tmp_path):
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/export/company.db")
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE t (response_id TEXT)"))
        connection.execute(sqlalchemy.text("CREATE VIEW nps AS SELECT * FROM t"))
        connection.execute(sqlalchemy.text("DROP TABLE t"))
    engine.dispose()
    for name in ("accounts", "subscriptions", "usage", "tickets"):
        (company.source / f"{name}.sql").unlink()
    findings = company.faults(given=f"sqlite:///{tmp_path}/export/company.db")
    assert ("raw_nps", "", None) in _places(findings)


def test_an_optional_table_or_column_may_be_missing_and_is_then_not_written(company):
    (company.source / "usage.sql").unlink()
    company.ingest()
    assert not (company.out / "usage").exists()
    assert "notice_at" not in company.rows("subscriptions")[0]
