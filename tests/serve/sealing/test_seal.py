"""Whatever is changed in a stored ledger, verifying names the first entry that is not as sealed."""

from __future__ import annotations

import os
import random
import re
from contextlib import suppress
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from serve.ledger import Ledger
from serve.sealing.schema import CONTENTS, chain_head, outcomes, predictions, runs, seals
from serve.sealing.seal import GENESIS, content, digest, link, sealed_columns
from serve.sealing.store import LedgerUnavailable, Store
from serve.sealing.verification import verify
from tests.serve.ledgers import AUGUST, JULY, many, run, said, story

FLIPS = int(os.environ.get("RENEWCAST_POINTS", "40"))


class Undo(Exception):
    """Ends a transaction that must leave nothing behind."""


@pytest.fixture
def ledger(url):
    return story(url)


@pytest.fixture
def tamper(ledger, url):
    """What verifying says after statements that are undone again."""
    store = Store.open(url, create=False)

    def after(*statements, anchor=None):
        with suppress(Undo), store.writing() as connection:
            for statement in statements:
                connection.execute(text(statement) if isinstance(statement, str) else statement)
            said = verify(connection, anchor)
            raise Undo
        return said

    return after


def place(found):
    return (found.fault.kind, found.fault.table, found.fault.sequence) if found.fault else None


def test_an_untouched_ledger_is_intact(ledger):
    found = ledger.verify(ledger.anchor)
    assert (found.fault, found.checked, found.forgotten) == (None, 20, 4)
    assert {"head": found.head, "count": found.checked} == ledger.anchor


def different(value):
    """The value with about one bit changed."""
    if value is None:
        return None
    if isinstance(value, bool):
        return not value
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    if isinstance(value, float):
        return value + 2**-40 if value else 5e-324
    if isinstance(value, (datetime, date)):
        return value + timedelta(days=1)
    return value + 1 if isinstance(value, int) else value[:-1] + chr(ord(value[-1]) ^ 1)


def test_one_bit_changed_in_any_stored_row_is_named(ledger, tamper, url):
    tried = 0
    with Store.open(url, create=False).reading() as connection:
        stored = {
            name: [row._asdict() for row in connection.execute(select(table))]
            for name, table in {**CONTENTS, "seals": seals}.items()
        }
    for name, rows in stored.items():
        table = CONTENTS.get(name, seals)
        for row in rows:
            for column in set(row) - {"sequence"}:
                if row[column] is None:
                    continue
                tried += 1
                change = update(table).where(table.c.sequence == row["sequence"])
                found = tamper(change.values({column: different(row[column])}))
                assert not found.intact, (name, row["sequence"], column)
                fault = found.fault
                assert fault.sequence == row["sequence"], (name, column, str(fault))
                if name != "seals":
                    assert (fault.kind, fault.table) == ("altered", name), (column, str(fault))
    assert tried > 200


def test_an_empty_value_that_was_filled_and_a_value_that_was_emptied_are_named(tamper):
    row = predictions.c.sequence == 4
    for changed in ({"plan": ""}, {"churn_probability": None}, {"early_warning": False}):
        found = tamper(update(predictions).where(row).values(changed))
        assert place(found) == ("altered", "predictions", 4), changed


def test_the_fault_is_told_with_run_account_and_due_date(ledger, tamper):
    change = update(predictions).where(predictions.c.account_id == "bolt")
    fault = tamper(change.values(churn_probability=0.9)).fault
    assert (fault.account_id, fault.due_date) == ("bolt", "2025-07-21")
    assert fault.run_id == ledger.runs()["run_id"].iloc[0]
    assert str(fault).startswith(f"altered: predictions entry {fault.sequence} (run {fault.run_id}")


REMOVED = {
    "content": (["DELETE FROM predictions WHERE sequence = 5"], "predictions", 5),
    "seal and content": (
        ["DELETE FROM predictions WHERE sequence = 5", "DELETE FROM seals WHERE sequence = 5"],
        "predictions",
        5,
    ),
    "an outcome": (
        ["DELETE FROM outcomes WHERE sequence = 8", "DELETE FROM seals WHERE sequence = 8"],
        "seals",
        8,
    ),
    "and the rest moved up": (
        [
            "DELETE FROM outcomes WHERE sequence = 8",
            "DELETE FROM seals WHERE sequence = 8",
            *(
                f"UPDATE {name} SET sequence = {at - 1} WHERE sequence = {at}"
                for at in range(9, 21)
                for name in ("seals", *CONTENTS)
            ),
        ],
        "seals",
        8,
    ),
    "the forgetting": (["DELETE FROM forgettings WHERE sequence = 20"], "predictions", 3),
    "the last entry": (
        ["DELETE FROM seals WHERE sequence = 20", "DELETE FROM forgettings WHERE sequence = 20"],
        "predictions",
        3,
    ),
    "a run's statement": (["DELETE FROM runs WHERE sequence = 13"], "runs", 13),
    "the head": (["DELETE FROM chain_head"], "chain_head", None),
}


@pytest.mark.parametrize("how", REMOVED)
def test_a_row_that_was_removed_is_named(tamper, how):
    statements, table, sequence = REMOVED[how]
    assert place(tamper(*statements)) == ("removed", table, sequence)


def test_a_head_that_is_not_the_last_link_is_named(tamper):
    assert place(tamper(update(chain_head).values(head=b"x" * 32))) == (
        "altered",
        "chain_head",
        None,
    )
    assert place(tamper(update(chain_head).values(count=21))) == ("removed", "seals", 21)
    assert place(tamper(update(chain_head).values(count=19))) == ("inserted", "seals", 20)


def forged(table, sequence, before, **values):
    """Statements that add an entry with a correct digest and link."""
    row = {column.name: None for column in table.c} | values
    salt = b"s" * 16
    of = digest(salt, content(table)([row[name] for name in sealed_columns(table)]))
    seal = {
        "sequence": sequence,
        "kind": table.name,
        "digest": of,
        "chain": link(before, of, table.name),
    }
    return (
        insert(table).values(**row | {"sequence": sequence, "salt": salt}),
        insert(seals).values(seal),
        seal["chain"],
    )


def moved(first, last):
    """Statements that move every entry from first to last one place down, the last one first."""
    names = ["seals", *CONTENTS]
    return [
        text(f"UPDATE {name} SET sequence = {at + 1} WHERE sequence = {at}")
        for at in range(last, first - 1, -1)
        for name in names
    ]


OUTCOME = {
    "account_id": "bolt",
    "due_date": date(2025, 7, 21),
    "outcome": "churned",
    "known_on": date(2025, 9, 2),
    "recorded_at": datetime(2025, 9, 2),
}


def chain_at(url, sequence):
    with Store.open(url, create=False).reading() as connection:
        of = select(seals.c.chain).where(seals.c.sequence == sequence)
        return connection.execute(of).scalar() or GENESIS


def test_a_row_that_was_inserted_without_a_seal_is_named(tamper):
    without, _, _ = forged(outcomes, 21, GENESIS, **OUTCOME)
    assert place(tamper(without)) == ("inserted", "outcomes", 21)
    twin, _, _ = forged(outcomes, 4, GENESIS, **OUTCOME)
    assert place(tamper(twin)) == ("inserted", "outcomes", 4)
    below, seal, _ = forged(outcomes, -1, GENESIS, **OUTCOME)
    assert place(tamper(below, seal)) == ("inserted", "outcomes", -1)
    assert place(tamper(below)) == ("inserted", "outcomes", -1)


def test_a_row_that_was_inserted_at_the_end_is_named(tamper, url):
    row, seal, _ = forged(outcomes, 21, chain_at(url, 20), **OUTCOME)
    assert place(tamper(row, seal)) == ("inserted", "seals", 21)


def test_a_prediction_added_to_a_finished_run_is_named_even_if_the_head_was_moved(tamper, url):
    bolt = {"account_id": "fern", "due_date": date(2025, 7, 2), "status": "scored", "run": 13}
    row, seal, head = forged(predictions, 21, chain_at(url, 20), **bolt)
    moved_head = update(chain_head).values(count=21, head=head)
    assert place(tamper(row, seal, moved_head)) == ("inserted", "predictions", 21)


def test_a_row_that_was_inserted_between_others_is_named(ledger, url):
    before = chain_at(url, 7)
    row, seal, _ = forged(outcomes, 8, before, **OUTCOME)
    store = Store.open(url, create=False)
    for chained in (seal, seal.values(chain=b"x" * 32)):
        with suppress(Undo), store.writing() as connection:
            for statement in (*moved(8, 20), row, chained):
                connection.execute(statement)
            found = verify(connection)
            raise Undo
        assert (found.fault.kind, found.fault.sequence) == ("inserted", 8)


def swapped(table, one, other):
    """Statements by which two rows exchange their places."""
    return [
        f"UPDATE {table} SET sequence = 1000 WHERE sequence = {one}",
        f"UPDATE {table} SET sequence = {one} WHERE sequence = {other}",
        f"UPDATE {table} SET sequence = {other} WHERE sequence = 1000",
    ]


def test_two_rows_that_were_swapped_are_named(tamper):
    rows, places = swapped("predictions", 4, 6), swapped("seals", 4, 6)
    for statements in (rows, rows + places):
        found = tamper(*statements)
        assert place(found) == ("swapped", "predictions", 4)
        assert "entry 6" in found.fault.detail
    assert place(tamper(*places)) == ("swapped", "predictions", 4)


def test_an_entry_whose_content_digest_and_link_were_all_made_anew_is_named(tamper, url):
    row, seal, _ = forged(outcomes, 8, chain_at(url, 7), **OUTCOME)
    found = tamper(
        "DELETE FROM outcomes WHERE sequence = 8",
        "DELETE FROM seals WHERE sequence = 8",
        row,
        seal,
    )
    assert (found.intact, found.fault.sequence) == (False, 9)


def test_content_that_was_erased_without_a_forgetting_is_not_called_forgotten(tamper):
    found = tamper("DELETE FROM outcomes WHERE account_id = 'bolt'")
    assert place(found) == ("removed", "outcomes", 8)


def test_forgotten_content_that_comes_back_is_named(tamper):
    row, _, _ = forged(outcomes, 7, GENESIS, **OUTCOME | {"account_id": "acme"})
    assert place(tamper(row)) == ("inserted", "outcomes", 7)


def two_runs(url, **changes):
    """A ledger of two mornings, and its anchors after each."""
    ledger = Ledger.open(url)
    frames = [said(day, **changes) for day in (JULY, AUGUST)]
    return ledger, [ledger.publish(run(frame), frame).anchor for frame in frames]


def test_a_truncated_ledger_is_found_by_its_anchor_and_without_one_it_is_said(url):
    ledger, (first, second) = two_runs(url)
    with Store.open(url, create=False).writing() as connection:
        for name in ("seals", "predictions", "runs"):
            connection.execute(text(f"DELETE FROM {name} WHERE sequence > 6"))
        head = bytes.fromhex(str(first["head"]))
        connection.execute(update(chain_head).values(count=6, head=head))
    alone = ledger.verify()
    assert alone.intact
    assert any("at the end were removed" in said for said in alone.cannot_exclude)
    assert ledger.verify(first).intact
    assert place(ledger.verify(second)) == ("removed", "seals", 7)
    assert not any("anchor" in said for said in ledger.verify(first).cannot_exclude[:1])


def test_a_run_that_lost_its_last_predictions_is_named_even_if_the_head_was_moved(url):
    ledger, _ = two_runs(url)
    head = chain_at(url, 10)
    with Store.open(url, create=False).writing() as connection:
        for name in ("seals", "predictions"):
            connection.execute(text(f"DELETE FROM {name} WHERE sequence > 10"))
        connection.execute(update(chain_head).values(count=10, head=head))
    assert place(ledger.verify()) == ("removed", "predictions", 11)


def test_a_text_that_is_none_any_more_is_named_like_any_other(tmp_path):
    ledger = story(f"sqlite:///{tmp_path / 'ledger.db'}")
    with ledger._store.writing() as connection:
        broken = "UPDATE predictions SET segment = CAST(X'ff00' AS TEXT) WHERE sequence = 4"
        connection.execute(text(broken))
    assert place(ledger.verify()) == ("altered", "predictions", 4)


def test_a_ledger_written_anew_is_found_by_its_anchor_and_without_one_it_is_said(url, tmp_path):
    _, (first, second) = two_runs(f"sqlite:///{tmp_path / 'true.db'}")
    anew, _ = two_runs(url, health_score=12.0)
    assert anew.verify().intact
    assert any("written anew" in said for said in anew.verify().cannot_exclude)
    assert place(anew.verify(first)) == ("rewritten", "seals", 6)
    assert place(anew.verify(second)) == ("rewritten", "seals", 12)


@pytest.mark.parametrize("anchor", [{}, {"head": "xyz", "count": 1}, {"head": "ab", "count": 1}])
def test_what_is_no_anchor_is_refused(ledger, anchor):
    with pytest.raises(ValueError, match="anchor"):
        ledger.verify(anchor)


def test_no_bit_of_a_sqlite_file_can_change_what_is_read_and_be_called_intact(tmp_path):
    path = tmp_path / "ledger.db"
    ledger = story(f"sqlite:///{path}")
    told = everything(ledger)
    chance, sound = random.Random(5), path.read_bytes()
    found = 0
    for _ in range(FLIPS):
        at, flipped = chance.randrange(len(sound)), bytearray(sound)
        flipped[at] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        try:
            intact = Ledger.open(f"sqlite:///{path}", create=False).verify(ledger.anchor).intact
        except (LedgerUnavailable, DBAPIError):
            intact = False
        found += not intact
        if intact:
            assert everything(ledger) == told, f"byte {at} was {sound[at]}, is {flipped[at]}"
        path.write_bytes(sound)
    assert 0 < found < FLIPS


def test_an_index_that_was_damaged_is_found_as_well(tmp_path):
    path = tmp_path / "ledger.db"
    ledger = story(f"sqlite:///{path}")
    sound = path.read_bytes()
    places = [found.start() for found in re.finditer(b"dune", sound)]
    assert len(places) == 4  # two predictions, each in its table and in an index
    for at in places:
        path.write_bytes(sound[:at] + b"D" + sound[at + 1 :])
        assert ledger.verify().fault.kind == "altered"
    path.write_bytes(sound)
    assert ledger.verify().intact


def test_a_file_whose_tables_cannot_be_read_is_called_damaged(tmp_path):
    path = tmp_path / "ledger.db"
    story(f"sqlite:///{path}")
    sound = path.read_bytes()
    assert b"tablesealsseals" in sound
    path.write_bytes(sound.replace(b"tablesealsseals", b"tablese\xe9lsseals"))
    with pytest.raises(LedgerUnavailable, match="is damaged: restore"):
        Ledger.open(f"sqlite:///{path}", create=False)


def everything(ledger):
    """All that a ledger says."""
    record = ledger.read()
    frames = (record.predictions, record.outcomes, ledger.runs(), ledger.assignments())
    return [frame.to_csv() for frame in (*frames, ledger.renewals())]


def test_entries_beyond_one_window_are_verified_too(tmp_path, monkeypatch):
    monkeypatch.setattr("serve.sealing.walk.WINDOW", 7)
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    frame = many(30)
    ledger.publish(run(frame), frame)
    assert ledger.verify().checked == 31
    with ledger._store.writing() as connection:
        connection.execute(text("DELETE FROM predictions WHERE sequence = 22"))
    assert place(ledger.verify()) == ("removed", "predictions", 22)


def test_the_content_that_is_sealed_is_the_documented_one():
    values = dict.fromkeys(sealed_columns(runs))
    values |= {"as_of": date(2025, 7, 1), "arr": 0.1 + 0.2, "model_version": "é"}
    values |= {"published_at": datetime(2025, 7, 1, 6)}
    assert content(runs)([values[name] for name in sealed_columns(runs)]) == (
        b'runs {"arr":0.30000000000000004,"as_of":"2025-07-01","model_version":"\\u00e9",'
        b'"published_at":"2025-07-01 06:00:00.000000"}'
    )
