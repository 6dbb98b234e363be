"""What the verbs of the ledger print."""

from __future__ import annotations

from pipeline import record_terminal
from serve.sealing.receipts import Settlement

DONE = Settlement(3, corrected=1, unchanged=2, outdated=0, unpredicted=0, head="ab", count=9)


def test_accounts_that_vanished_from_the_data_are_counted_and_the_first_are_named(capsys):
    record_terminal.settled(DONE, {"renewed": 3}, [f"acc_{number}" for number in range(7)])
    said = capsys.readouterr().out
    assert "7 predicted accounts have no subscription in the data any more" in said
    assert "acc_4, …" in said and "acc_5" not in said


def test_where_nobody_vanished_nothing_is_said_of_it(capsys):
    record_terminal.settled(DONE, {"renewed": 3}, [])
    said = capsys.readouterr().out
    assert "1 of them correct what had been settled" in said and "any more" not in said
