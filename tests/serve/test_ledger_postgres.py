"""What only a server can do wrong: passwords, locks, and readers beside writers."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url, text

from serve.ledger import Ledger
from serve.sealing import store
from serve.sealing.store import LedgerUnavailable, Store
from serve.sealing.verification import verify
from tests.serve.ledgers import AUGUST, ENDS, ended, run, said, story

BOLT = ended(ENDS.iloc[[1]].assign(outcome="churned", known_on="2025-12-01"))


def test_no_message_holds_the_password(database):
    wrong = make_url(database).set(username="nobody", password="s3cret")
    asked = [wrong, wrong.set(password=None).update_query_dict({"password": "s3cret"})]
    for one in asked:
        with pytest.raises(LedgerUnavailable) as raised:
            Ledger.open(one.render_as_string(hide_password=False))
        assert "s3cret" not in str(raised.value) and "nobody" in str(raised.value)
        assert raised.value.__cause__ is None


def test_a_writer_that_waited_in_vain_says_so_and_changes_nothing(database, monkeypatch):
    ledger = story(database)
    before = ledger.anchor
    monkeypatch.setattr(store, "WAIT", 1)
    with Store.open(database, create=False).writing() as connection:
        connection.execute(text("SELECT * FROM chain_head FOR UPDATE"))
        with pytest.raises(LedgerUnavailable, match="lock timeout; nothing was changed"):
            ledger.settle(BOLT)
    assert ledger.anchor == before
    assert ledger.settle(BOLT).appended == 1


def test_what_is_written_meanwhile_does_not_disturb_who_reads(database):
    ledger = story(database)
    with Store.open(database, create=False).reading() as connection:
        assert verify(connection).checked == 20
        frame = said(AUGUST, health_score=3.0)
        ledger.publish(run(frame), frame)
        assert verify(connection).checked == 20
    assert ledger.verify().checked == 26
