"""The contract as data: what it promises to those who read it."""

from __future__ import annotations

import pytest

from features.tables import SQL_TYPE, TABLES, BadInput, Finding


def test_only_accounts_and_subscriptions_are_required():
    assert [name for name, table in TABLES.items() if table.required] == [
        "accounts",
        "subscriptions",
    ]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_table_names_columns_it_has_and_says_what_they_mean(table):
    assert set(table.key) <= set(table.names)
    assert not table.occurred or table[table.occurred].filled
    assert table.names[-1] == "recorded_at" and len(set(table.names)) == len(table.names)
    for column in table.columns:
        assert column.meaning and column.kind in SQL_TYPE
        assert column.required or not column.filled


UNREAD = {
    "accounts": {"country", "parent_id"},
    "product_features": {"module"},
    "tickets": {"category", "subject", "body"},
    "nps": {"comment"},
    "touchpoints": {"risk_call"},
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_whatever_may_be_missing_says_what_that_costs(table):
    assert table.required or table.costs
    silent = {c.name for c in table.columns if not c.required and not c.costs}
    assert silent == UNREAD.get(table.name, set()), "what nothing reads costs nothing"


def test_no_column_has_a_name_that_duckdb_reserves():
    assert all("at" not in table.names for table in TABLES.values())


def test_a_finding_reads_as_a_sentence_with_place_row_value_and_next_step():
    finding = Finding("fault", "usage", "minutes", 3, "4:30", "cannot be read", "Write a number")
    assert str(finding) == "usage.minutes row 3: cannot be read ('4:30'). Write a number"


def test_bad_input_lists_every_finding():
    findings = [Finding("fault", "nps", "", None, None, text, "Act") for text in ("one", "two")]
    assert str(BadInput(iter(findings))) == "nps: one. Act\nnps: two. Act"
