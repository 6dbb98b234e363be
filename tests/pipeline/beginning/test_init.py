"""`renewcast init`: a source for files in other columns, proposed, never guessed in silence."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import pytest
import sqlalchemy

from features.publication import manifest
from features.stored import relation
from features.tables import BadInput
from pipeline.beginning.guide import text, told
from pipeline.beginning.headers import Export, Field
from pipeline.beginning.mapping import scores
from pipeline.beginning.proposal import Proposal
from pipeline.ingest import ingest
from pipeline.init import begin

FILES = {
    "kunden_customers.csv": """Customer No,Company,Sector,Customer Since,Contact E-Mail,Phone
501,Birch & Sons,Retail,05.01.2023,ann@birch.example,+49 30 111
502,"Cedar, Inc.",Steel,01.02.2023,bob@cedar.example,+49 30 222
503,Dune Ltd,Energy,10.03.2023,cat@dune.example,+49 30 333
""",
    "contracts.csv": """Contract Number,Customer ID,Begin Date,Contract End,End Date,MRR Cents,\
Notice Date,Current Period End
C-1,501,01/01/2023,31/12/2023,31/12/2023,10000,,2024-01-01
C-2,501,01/01/2024,31/12/2024,,12000,,2025-01-01
C-3,502,01/02/2023,31/01/2024,31/01/2024,50050,,2024-02-01
C-4,502,01/02/2024,31/01/2025,,60000,15/05/2024,2025-02-01
C-5,503,15/03/2023,14/03/2024,14/03/2024,999,,2024-03-15
C-6,503,15/03/2024,14/03/2025,,999,,2025-03-15
""",
    "cases.csv": """Case Number,Organisation,Submitted At,Closed Date,Severity,\
First Reply Time (hours),Title
7,Birch & Sons,2024-01-05 10:00,2024-01-06 09:00,High,2,Ann cannot log in
8,"CEDAR, INC.",2024-02-07 08:30,,Low,,Bob asks
9,Dune Ltd,2024-05-30 08:30,,Low,0.5,Cat asks
""",
    "event_log.csv": """Contract Number,Event Time,Event Name,User,Duration Secs
C-2,2024-05-30T10:00:00Z,report,u1,90
C-4,2024-05-31T10:00:00Z,export,u2,30
C-6,2024-05-31T11:00:00Z,report,bob@dune.example,60
""",
    "cancellations.csv": "Customer No,Churn Date,Reason\n503,2024-04-30,price\n",
    "holidays.csv": "Day,Country\n2024-01-01,DE\n2024-05-01,DE\n",
}


@dataclass(frozen=True)
class Made:
    """What `init` made of the files in `given`, and the tables that came of it."""

    given: Path
    folder: Path
    proposal: Proposal
    tables: Path

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    """Proposed and ingested once; tests only look at it."""
    folder = tmp_path_factory.mktemp("made")
    given = _given(folder / "exports")
    proposal = begin("mine", str(given), [], folder / "sources")
    tables = _ingested(folder / "sources", given)
    return Made(given, folder / "sources/mine", proposal, tables)


@pytest.fixture
def sources(tmp_path) -> Path:
    return tmp_path / "sources"


@pytest.fixture
def given(tmp_path) -> Path:
    return _given(tmp_path / "exports")


def _given(folder: Path) -> Path:
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_text(content)
    return folder


def _rows(folder: Path, table: str) -> list[dict]:
    return duckdb.sql(f"FROM {relation(folder, table)} ORDER BY ALL").to_arrow_table().to_pylist()


def _ingested(sources: Path, given: Path, until: str = "2024-06-01") -> Path:
    out = sources.parent / "tables"
    ingest(sources / "mine", str(given), date(2023, 1, 1), date.fromisoformat(until), out)
    return out


def test_files_in_other_columns_become_our_tables_without_a_word_of_ours(made):
    contracts = {row["subscription_id"]: row for row in _rows(made.tables, "subscriptions")}
    assert [contracts[f"C-{i}"]["arr"] for i in range(1, 7)] == pytest.approx(
        [1200, 1440, 6006, 7200, 119.88, 119.88]
    )
    assert str(contracts["C-1"]["term_end"]) == str(contracts["C-1"]["ended_at"]) == "2024-01-01"
    assert str(contracts["C-4"]["notice_at"]) == "2024-05-15" and not contracts["C-4"]["ended_at"]
    assert {row["name"]: str(row["created_at"]) for row in _rows(made.tables, "accounts")} == {
        "Birch & Sons": "2023-01-05 00:00:00",
        "Cedar, Inc.": "2023-02-01 00:00:00",
        "Dune Ltd": "2023-03-10 00:00:00",
    }


def test_tickets_reach_their_account_by_its_name(made):
    tickets = _rows(made.tables, "tickets")
    assert [row["account_id"] for row in tickets] == ["501", "502", "503"]
    assert str(tickets[0]["first_response_at"]) == "2024-01-05 12:00:00"


def test_events_reach_their_account_through_the_contract(made):
    assert [(row["account_id"], row["minutes"]) for row in _rows(made.tables, "usage")] == [
        ("501", 1.5),
        ("502", 0.5),
        ("503", 1.0),
    ]


def test_an_end_that_names_the_last_day_gets_a_day_and_a_mark_to_look_at(made):
    sql = made.read("subscriptions.sql")
    assert "TODO term_end: the last day with the row, it seems: 3 rows" in sql
    assert sql.count("AS DATE) + 1 AS") == 2


def test_the_end_of_the_current_period_is_never_taken_for_anything(made):
    assert '"Current Period End"' not in made.read("subscriptions.sql")
    field = Field("Current Period End Date", "VARCHAR", 2, 2, 2, ("2024-01-01", "2024-02-01"))
    other = replace(field, name="Last End Date")
    assert not scores(Export("a.csv", "raw_a", 2, (field,)), "subscriptions")
    assert scores(Export("a.csv", "raw_a", 2, (other,)), "subscriptions")


def test_a_file_of_leaving_days_that_no_table_takes_is_pointed_out(made):
    sql = " ".join(made.read("subscriptions.sql").replace("--", "").split())
    assert "ends may stand in raw_cancellations.Churn Date by Customer No" in sql
    assert {file.file for file in made.proposal.unused} == {"cancellations.csv", "holidays.csv"}


def test_nothing_that_names_a_person_is_written_or_said(made):
    written = " ".join(path.read_text() for path in made.folder.rglob("*.*"))
    plain = json.dumps(told(made.proposal, "mine", "x"))
    said = written + plain + text(made.proposal, "mine", "x")
    for person in ("ann@", "bob@", "birch", "Cedar", "Dune", "+49 30 111", "Bob", "Ann "):
        assert person not in said, person


def test_the_same_files_give_the_same_bytes(made, sources):
    begin("mine", str(made.given), [], sources)
    assert manifest(sources / "mine") == manifest(made.folder)


def test_what_is_missing_is_said_with_its_cost_and_what_only_a_person_knows_is_asked(made):
    readme = made.read("README.md")
    for line in (
        "- `nps`: the family sentiment",
        "- `touchpoints`: the family relationship",
        "Lost customers: do the files hold everyone",
        "read by no SELECT: cancellations.csv, holidays.csv",
        'data_from: "2024-01-05"',
        f"--input {made.given} --data-from 2024-01-05",
    ):
        assert line in readme


def test_nothing_is_overwritten_and_a_name_that_leads_elsewhere_is_refused(made):
    before = manifest(made.folder)
    for name, why in (("mine", "is there already"), ("../mine", "cannot name a folder")):
        with pytest.raises(BadInput, match=why):
            begin(name, str(made.given), [], made.folder.parent)
    assert manifest(made.folder) == before
    assert [path.name for path in made.folder.parent.iterdir()] == ["mine"]


def test_files_without_contracts_are_refused_and_nothing_is_written(given, sources):
    with pytest.raises(BadInput, match="looks like subscriptions"):
        begin("mine", str(given), ["cases.csv", "holidays.csv"], sources)
    with pytest.raises(BadInput, match="no such file or table"):
        begin("mine", str(given), ["nowhere.csv"], sources)
    assert not sources.exists()


def test_a_file_that_cannot_be_read_is_refused_as_at_the_door(given, sources):
    (given / "broken.csv").write_text("")
    with pytest.raises(BadInput, match="the file is empty"):
        begin("mine", str(given), [], sources)


def test_without_a_list_of_accounts_they_are_those_of_the_contracts(given, sources):
    (given / "kunden_customers.csv").unlink()
    begin("mine", str(given), ["contracts.csv"], sources)
    rows = _rows(_ingested(sources, given), "accounts")
    assert [(row["account_id"], str(row["created_at"])[:10]) for row in rows] == [
        ("501", "2023-01-01"),
        ("502", "2023-02-01"),
        ("503", "2023-03-15"),
    ]


def test_days_that_could_be_read_in_two_ways_are_left_to_a_person(given, sources):
    path = given / "kunden_customers.csv"
    path.write_text(path.read_text().replace(".2023", "/2023").replace(".", "/"))
    path.write_text(path.read_text().replace("10/03/2023", "03/10/2023"))
    begin("mine", str(given), [], sources)
    sql = (sources / "mine/accounts.sql").read_text()
    assert "TODO created_at: day/month/year, or month/day/year: no value tells" in sql


def test_money_in_thousands_or_with_three_decimals_is_left_to_a_person(given, sources):
    path = given / "contracts.csv"
    text = path.read_text().replace("MRR Cents", "ARR (EUR)").replace(",999,", ",9990,")
    path.write_text(re.sub(r",(\d{1,2})(\d{3}),", r",\1.\2,", text))
    proposal = begin("mine", str(given), [], sources)
    why = "thousands with points, or decimals: no value tells"
    assert ("subscriptions", "arr", why, ()) in proposal.unsure
    assert f"-- TODO arr: {why}" in (sources / "mine/subscriptions.sql").read_text()


def test_minutes_in_thousands_or_with_three_decimals_are_left_to_a_person(given, sources):
    path = given / "event_log.csv"
    text = path.read_text().replace("Duration Secs", "Duration Minutes")
    path.write_text(re.sub(r",(\d)0$", r",\1.500", text, flags=re.M))
    proposal = begin("mine", str(given), [], sources)
    assert ("usage", "minutes") in {(table, column) for table, column, *_ in proposal.unsure}


def test_a_name_of_several_accounts_is_counted_and_multiplies_no_row(given, sources):
    path = given / "kunden_customers.csv"
    path.write_text(path.read_text() + "504, dune ltd,Energy,11.03.2023,,\n")
    begin("mine", str(given), [], sources)
    sql = " ".join((sources / "mine/tickets.sql").read_text().replace("--", "").split())
    assert "TODO account_id: by the account's name in Organisation; 66.7% of the values" in sql
    assert "names of several accounts: 1; their rows will be refused" in sql
    with pytest.raises(BadInput) as refused:
        _ingested(sources, given)
    assert [(f.table, f.column, f.value) for f in refused.value.findings] == [
        ("tickets", "account_id", "Dune Ltd")
    ]


def test_an_account_without_a_name_makes_no_name_look_found(given, sources):
    path = given / "kunden_customers.csv"
    path.write_text(path.read_text().replace("Dune Ltd", ""))
    begin("mine", str(given), [], sources)
    sql = " ".join((sources / "mine/tickets.sql").read_text().replace("--", "").split())
    assert "66.7% of the values are found; the others will be refused" in sql


@pytest.mark.parametrize("blank", [",,,,,", '"","","","","",""', " , , , , , "])
def test_a_blank_row_among_the_accounts_changes_nothing_that_is_proposed(
    made, given, sources, blank
):
    path = given / "kunden_customers.csv"
    path.write_text(path.read_text() + f"{blank}\n")
    proposal = begin("mine", str(given), [], sources)
    assert proposal.selects == made.proposal.selects


def test_files_parted_by_semicolons_are_proposed_like_those_parted_by_commas(
    made, tmp_path, sources
):
    given = tmp_path / "exports"
    given.mkdir()
    for name, content in FILES.items():
        with (given / name).open("w", newline="") as file:
            csv.writer(file, delimiter=";").writerows(csv.reader(content.splitlines()))
    assert begin("mine", str(given), [], sources).selects == made.proposal.selects


@pytest.mark.parametrize(
    ("name", "values", "meant", "asked"),
    [
        ("Discount (%)", ("1", "0.5"), [0.01, 0.005], True),
        ("discount_pct", ("1", "0.5"), [0.01, 0.005], True),
        ("Discount Percent", ("10", "0.5"), [0.1, 0.005], False),
        ("discount", ("1%", "0.5%"), [0.01, 0.005], False),
        ("discount", ("0.1", "0.5"), [0.1, 0.5], False),
    ],
)
def test_a_discount_in_per_cent_is_divided_however_small(
    tmp_path, sources, name, values, meant, asked
):
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "subscriptions.csv").write_text(
        f"id,customer_id,start_date,term_end,ended_at,arr,{name}\n"
        f"a,1,2024-01-01,2025-01-01,,10,{values[0]}\nb,2,2024-02-01,2025-02-01,,20,{values[1]}\n"
    )
    proposal = begin("mine", str(folder), [], sources)
    rows = _rows(_ingested(sources, folder), "subscriptions")
    assert [row["discount"] for row in rows] == pytest.approx(meant)
    assert ("discount" in {column for _, column, *_ in proposal.unsure}) is asked


def test_an_end_that_stands_in_every_row_is_an_agreed_one(tmp_path, sources):
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "subscriptions.csv").write_text(
        "id,customer_id,start_date,end_date,amount,billing_interval\n"
        "a,1,2024-01-01,2025-01-01,10,monthly\nb,2,2024-02-01,2025-02-01,240,yearly\n"
    )
    begin("mine", str(folder), [], sources)
    rows = _rows(_ingested(sources, folder), "subscriptions")
    assert [(row["arr"], str(row["term_end"]), row["ended_at"]) for row in rows] == [
        (120, "2025-01-01", None),
        (240, "2025-02-01", None),
    ]


def test_exports_of_known_products_are_recognised_under_any_name(tmp_path, sources):
    here = Path(__file__).parents[2] / "sources"
    folder = tmp_path / "exports"
    folder.mkdir()
    for file in (here / "salesforce").iterdir():
        (folder / f"sf {file.name}").write_text(file.read_text())
    (folder / "export-2024.csv").write_text((here / "zendesk/tickets.csv").read_text())
    proposal = begin("mine", str(folder), [], sources)
    assert {one.place: one.product for one in proposal.products} == {
        "accounts.sql": "salesforce",
        "subscriptions.sql": "salesforce",
        "tickets.sql": "zendesk",
        "oddities/without_organisation.sql": "zendesk",
    }
    tickets = _rows(_ingested(sources, folder, "2024-09-01"), "tickets")
    assert [row["account_id"][-1] for row in tickets] == ["1", "2", "3"]


def test_a_ticket_of_an_organisation_that_is_two_accounts_is_refused_once_by_its_name(
    tmp_path, sources
):
    here = Path(__file__).parents[2] / "sources"
    folder = tmp_path / "exports"
    folder.mkdir()
    for file in [*(here / "salesforce").iterdir(), *(here / "zendesk").iterdir()]:
        (folder / file.name).write_text(file.read_text())
    accounts = (folder / "Account.csv").read_text()
    (folder / "Account.csv").write_text(accounts.replace(",Dune Ltd,", ",birch & sons ,"))
    tickets = (folder / "tickets.csv").read_text()
    (folder / "tickets.csv").write_text(tickets.replace("Dune Ltd", '"Cedar, Inc."'))
    begin("mine", str(folder), [], sources)
    with pytest.raises(BadInput) as refused:
        _ingested(sources, folder, "2024-09-01")
    assert [(f.table, f.column, f.value) for f in refused.value.findings] == [
        ("tickets", "account_id", "Birch & Sons")
    ]


def test_tables_of_a_database_are_mapped_and_its_password_is_not_shown(given, sources):
    file = given.parent / "company.db"
    engine = sqlalchemy.create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE Client (id INTEGER, name TEXT, signup_date DATE)")
        connection.exec_driver_sql("INSERT INTO Client VALUES (1, 'Birch', '2023-01-05')")
        connection.exec_driver_sql(
            "CREATE TABLE Agreement (id INTEGER, client_id INTEGER, start_date DATE, "
            "renewal_date DATE, churned_at DATE, arr REAL)"
        )
        connection.exec_driver_sql(
            "INSERT INTO Agreement VALUES (9, 1, '2023-02-01', '2024-02-01', NULL, 1200)"
        )
    engine.dispose()
    proposal = begin("mine", f"sqlite:///{file}", [], sources)
    assert set(proposal.selects) == {"accounts.sql", "subscriptions.sql"}
    hidden = told(proposal, "mine", "postgresql://me:secret@host/db")
    assert "secret" not in json.dumps(hidden) and "***" in hidden["params"]
