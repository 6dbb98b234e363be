"""The database under the ledger: opening, migrating, and its two kinds of transaction.

SQLite keeps a write-ahead log with full syncs: a killed process or a full disk leaves the state
before, and readers do not hold up a writer. Writers take turns on both databases.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    NullPool,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError

from serve.sealing.migrations import upgrade
from serve.sealing.schema import REVISION

WAIT = 60
"""Seconds that a writer waits for another one."""
MIGRATING = 0x72656E6577  # PostgreSQL's advisory lock of those who create or migrate


class LedgerUnavailable(RuntimeError):
    """The ledger could not be opened, read or written; nothing was changed."""


@dataclass(frozen=True)
class Store:
    """An open database; `name` is its URL without a password."""

    engine: Engine
    name: str

    @classmethod
    def open(cls, url: str, create: bool) -> Store:
        """Connect and bring the tables to this version; without `create` there must be some.

        Raises LedgerUnavailable, also for a ledger that a newer version has written.
        """
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise LedgerUnavailable(
                "the ledger's URL cannot be read: give sqlite:///ledger.db or "
                "postgresql+psycopg://user@host/database"
            ) from None
        name = parsed.set(query={}).render_as_string(hide_password=True)
        sqlite = parsed.get_backend_name() == "sqlite"
        if sqlite and parsed.database in (None, "", ":memory:"):
            raise LedgerUnavailable(f"{name} is kept in memory: a ledger needs a file")
        if sqlite and not create and not Path(str(parsed.database)).exists():
            raise LedgerUnavailable(f"there is no ledger at {name}: publish a scoring run first")
        wait: dict[str, Any] = {"timeout": WAIT} if sqlite else {"connect_timeout": WAIT}
        engine = create_engine(parsed, poolclass=NullPool, hide_parameters=True, connect_args=wait)
        if sqlite:
            event.listen(engine, "connect", _as_sqlite)
            event.listen(engine, "begin", _begin)
        store = cls(engine, name)
        store._migrate(create)
        return store

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that is there whole or not at all; other writers wait for its end."""
        with self._connected(writes=True) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SET LOCAL lock_timeout = '{WAIT}s'"))
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that sees the ledger as it is at its start, whoever writes meanwhile."""
        options = {} if self.sqlite else {"isolation_level": "REPEATABLE READ"}
        with self._connected(**options) as connection:
            yield connection

    @property
    def sqlite(self) -> bool:
        """Whether the ledger is a SQLite file."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def _connected(self, **options: Any) -> Iterator[Connection]:
        try:
            with self.engine.connect() as connection:
                connection = connection.execution_options(**options)
                with connection.begin():
                    yield connection
        except UnicodeDecodeError:  # SQLite quotes the damaged bytes in its message
            raise LedgerUnavailable(f"the ledger {self.name} is damaged: restore a copy") from None
        except DBAPIError as error:
            why = str(error.orig).strip().splitlines()[0]  # what follows may show a row
            raise LedgerUnavailable(
                f"the ledger {self.name} could not be used: {why}; nothing was changed"
            ) from None

    def _migrate(self, create: bool) -> None:
        with self.reading() as connection:
            found = _version(connection)
        if found == REVISION:
            return
        if found is None and not create:
            raise LedgerUnavailable(f"{self.name} holds no ledger: publish a scoring run first")
        if found is not None and found > REVISION:
            raise LedgerUnavailable(
                f"the ledger {self.name} has version {found}, this Renewcast knows {REVISION}: "
                "use the newer Renewcast that wrote it"
            )
        with self.writing() as connection:
            if not self.sqlite:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATING})"))
            upgrade(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _as_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
