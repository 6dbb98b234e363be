"""The parameters of runs lie under the hash that the sealed run names."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from sqlalchemy import text

from serve.ledger import Ledger
from serve.sealing.entries import Unsealable
from serve.sealing.store import Store
from tests.serve.ledgers import run, said

PARAMS = {"health": {"bands": [0, 40, 70]}, "cycle": {"within": 90}}
HASH = sha256(json.dumps(PARAMS, sort_keys=True).encode()).hexdigest()


def published(folder, **params):
    url = f"sqlite:///{folder / 'ledger.db'}"
    ledger = Ledger.open(url)
    ledger.publish(run(said(), params_sha256=HASH), said(), **params)
    return ledger, url


def test_the_parameters_of_a_run_are_kept_once_by_their_hash(tmp_path):
    ledger, _ = published(tmp_path, params=PARAMS)
    ledger.publish(run(said(), params_sha256=HASH, within=30), said(), PARAMS)
    assert ledger.configurations() == {HASH: PARAMS}
    assert ledger.verify().intact


def test_other_parameters_than_the_runs_are_refused_and_nothing_is_sealed(tmp_path):
    with pytest.raises(Unsealable, match="changed since it was scored"):
        published(tmp_path, params=PARAMS | {"cycle": {"within": 60}})
    held = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    assert held.runs().empty and held.configurations() == {}


def test_parameters_that_were_altered_are_not_told(tmp_path):
    ledger, url = published(tmp_path, params=PARAMS)
    with Store.open(url, create=False).writing() as connection:
        connection.execute(text("UPDATE configurations SET body = replace(body, '40', '50')"))
    assert ledger.configurations() == {}


def test_a_run_may_be_sealed_without_its_parameters(tmp_path):
    ledger, _ = published(tmp_path)
    assert len(ledger.runs()) == 1 and ledger.configurations() == {}


def test_a_ledger_of_the_first_version_is_taken_over_as_it_was_sealed(tmp_path):
    ledger, url = published(tmp_path)
    before = ledger.anchor
    with Store.open(url, create=False).writing() as connection:
        connection.execute(text("DROP TABLE configurations"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    later = Ledger.open(url, create=False)
    assert later.configurations() == {} and later.anchor == before
    assert later.verify(before).intact
