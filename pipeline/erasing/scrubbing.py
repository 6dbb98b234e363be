"""An account taken out of our databases: the ledger by its own rules, MLflow's cell by cell.

What SQLite deletes stays in its file until the file is written anew; so it is, each time.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from pipeline import ledger
from pipeline.erasing.traces import ROWS, Sought, spellings
from pipeline.settings import Settings
from serve.sealing.store import LedgerUnavailable

INSTEAD = "[forgotten]"
WAIT = 60


class Busy(RuntimeError):
    """A database is in use, and what was deleted may still stand in its file."""


def entries_of(settings: Settings, account_id: str) -> int:
    """How many entries of the ledger are about an account."""
    if not ledger.begun(settings):
        return 0
    held = ledger.opened(settings, create=False)
    said = held.history(account_id)
    assigned = held.assignments()
    return (
        len(said.predictions)
        + len(said.outcomes)
        + int((assigned["account_id"] == account_id).sum())
    )


def forget_entries(settings: Settings, account_id: str) -> None:
    """Erase contents and salts. Raises LedgerUnavailable if the chain does not hold then."""
    held = ledger.opened(settings, create=False)
    held.forget(account_id)
    if path := ledger_file(settings):
        compact(path)
    found = held.verify()
    if not found.intact:
        raise LedgerUnavailable(
            f"the ledger does not verify: {found.fault}; `renewcast verify` says more"
        )


def ledger_file(settings: Settings) -> Path | None:
    """The file of a ledger on SQLite, if it is one and is there."""
    url = make_url(ledger.address(settings))
    if url.get_backend_name() != "sqlite" or not Path(url.database or "").exists():
        return None
    return Path(str(url.database))


def cells_with(path: Path, sought: Sought) -> int:
    """How many texts of a SQLite file hold a trace."""
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as con:
        return sum(1 for _ in _cells(con, sought))


def scrub(path: Path, sought: Sought) -> None:
    """Put INSTEAD where the traces stood, and write the file anew."""
    said = {one for word in (sought.account_id, *sought.words) for one in spellings(word)}
    trace = re.compile(
        "|".join(re.escape(one) for one in sorted(said, key=len, reverse=True)), re.I
    )
    with closing(sqlite3.connect(path, timeout=WAIT)) as con, con:
        for table, column, row, cell in list(_cells(con, sought)):
            told = f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?'
            con.execute(told, [trace.sub(INSTEAD, cell), row])
    compact(path)


def compact(path: Path) -> None:
    """Write a SQLite file anew, without what was deleted and without its log."""
    with closing(sqlite3.connect(path, timeout=WAIT, isolation_level=None)) as con:
        try:
            con.execute("VACUUM")
            (blocked, *_), *_ = con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.OperationalError as error:
            raise Busy(f"{path}: {error}: stop what uses it, then run this again") from None
    if blocked:
        raise Busy(f"{path} is being read: stop what uses it, then run this again")


def _cells(con: sqlite3.Connection, sought: Sought) -> Iterator[tuple[str, str, int, str]]:
    """Table, column, rowid and text of every cell with a trace."""
    if sought.bare and not sought.words:
        return
    tables = con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        columns = [row[1] for row in con.execute(f'PRAGMA table_info("{table}")')]
        cursor = con.execute(f'SELECT rowid, * FROM "{table}"')
        while rows := cursor.fetchmany(ROWS):
            if not sought.in_texts(of for row in rows for of in row if isinstance(of, str)):
                continue
            for row, *cells in rows:
                for name, of in zip(columns, cells, strict=True):
                    if isinstance(of, str) and sought.in_texts([of]):
                        yield table, name, row, of
