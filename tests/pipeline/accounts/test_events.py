"""What happened is told as it was known on the morning, and categories only where they are some."""

from __future__ import annotations

from datetime import date

import duckdb
import pandas as pd
import pytest

from pipeline.accounts.events import events
from tests.worlds import table

AS_OF = date(2025, 7, 1)

TICKETS = table("""
    account_id  occurred_at  known_at    replaced_at  resolved_at  priority  category
    acme        2025-06-20   2025-06-20  -            2025-06-24   high      outage
    acme        2025-06-21   2025-06-21  -            2025-07-03   high      outage  <- later
    acme        2025-06-22   2025-06-22  -            -            high      Jane's  <- alone
    acme        2025-06-22   2025-06-22  -            -            high      x@y.org  <- no words
    bolt        2025-06-22   2025-06-22  -            -            high      x@y.org
    cask        2025-06-22   2025-06-22  -            -            high      x@y.org
    acme        2025-06-23   2025-07-02  -            -            high      outage  <- told late
    acme        2025-06-24   2025-06-24  2025-06-25   -            high      outage  <- replaced
    acme        2025-07-01   2025-07-01  -            -            high      outage  <- today
    acme        2025-04-01   2025-04-01  -            -            high      outage  <- long ago
    bolt        2025-06-25   2025-06-25  -            -            high      outage
    cask        2025-06-25   2025-06-25  -            -            high      outage
""")
NPS = table("""
    account_id  occurred_at  score
    acme        2025-06-28   3
""")
TOUCHPOINTS = table("""
    account_id  occurred_at  planned_for  kind
    acme        2025-06-26   2025-06-20   business_review
    bolt        2025-06-26   -            business_review
    cask        2025-06-26   -            business_review
    acme        2025-06-27   -            Lunch  <- a kind of one account only
""")
SUBSCRIPTIONS = table("""
    account_id  occurred_at  start_date  ended_at    notice_at   arr
    acme        2024-06-25   2024-06-25  2025-06-25  -           100
    acme        2025-06-20   2025-06-25  2026-06-25  2025-06-30  250
    acme        2025-06-20   2025-06-28  -           -           -
    acme        2025-06-20   2025-06-28  -           -           50
    acme        2025-06-20   2025-06-29  -           2025-07-05  0  <- a trial
    bolt        2025-06-20   2025-06-25  -           -           900
""")
KINDS = {
    **dict.fromkeys(("occurred_at", "known_at", "replaced_at", "resolved_at"), "TIMESTAMP"),
    **dict.fromkeys(("start_date", "ended_at", "notice_at", "planned_for"), "DATE"),
    "arr": "DECIMAL(18, 2)",
    "score": "BIGINT",
}


@pytest.fixture
def facts(tmp_path):
    given = {
        "tickets": TICKETS,
        "nps": NPS,
        "touchpoints": TOUCHPOINTS,
        "subscriptions": SUBSCRIPTIONS,
    }
    with duckdb.connect() as con:
        for name, frame in given.items():
            if "known_at" not in frame:
                frame = frame.assign(known_at=frame["occurred_at"], replaced_at=None)
            con.register("given", frame)
            typed = [f"CAST({of} AS {KINDS.get(of, 'VARCHAR')}) AS {of}" for of in frame.columns]
            sql = f"SELECT {', '.join(typed)} FROM given"
            con.execute(f"COPY ({sql}) TO '{tmp_path}/{name}.parquet' (FORMAT parquet)")
    return tmp_path


def told(facts, kind, account="acme") -> list[tuple]:
    found = events(facts, AS_OF, 60, [account])
    assert set(found["account_id"]) <= {account}
    rows = found[found["kind"].eq(kind)].sort_values(["day", "text"])
    days = pd.to_datetime(rows["day"]).dt.strftime("%m-%d")
    values = [None if pd.isna(value) else float(value) for value in rows["value"]]
    return list(zip(days, rows["text"], values, strict=True))


def test_a_ticket_is_told_as_it_stood_on_the_morning(facts):
    assert told(facts, "ticket") == [
        ("06-20", "Ticket (high, outage), resolved", 4.0),
        ("06-21", "Ticket (high, outage), still open", 10.0),
        ("06-22", "Ticket (high), still open", 9.0),
        ("06-22", "Ticket (high), still open", 9.0),
    ]


def test_an_answer_is_its_score_and_nobody_s_words(facts):
    assert told(facts, "nps") == [("06-28", "NPS answer", 3.0)]


def test_a_touchpoint_says_how_late_it_came_where_it_was_planned(facts):
    assert told(facts, "touchpoint") == [
        ("06-26", "Touchpoint: business review", 6.0),
        ("06-27", "Touchpoint: of another kind", None),
    ]


def test_contract_rows_are_put_together_by_day_and_an_unknown_amount_stays_unknown(facts):
    assert told(facts, "contract") == [
        ("06-25", "Contract rows replaced", 150.0),
        ("06-28", "Contract rows began", None),
        ("06-30", "Notice given", None),
    ]
    assert told(facts, "contract", "bolt") == [("06-25", "Contract rows began", 900.0)]


def test_tables_that_are_not_there_bring_no_events(facts):
    for name in ("tickets", "nps", "touchpoints"):
        (facts / f"{name}.parquet").unlink()
    assert set(events(facts, AS_OF, 60, ["acme"])["kind"]) == {"contract"}
    (facts / "subscriptions.parquet").unlink()
    assert events(facts, AS_OF, 60, ["acme"]).empty


def test_of_nobody_nothing_is_told(facts):
    assert events(facts, AS_OF, 60, []).empty
