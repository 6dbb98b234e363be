"""Where the engine works: a database of its own beside the caller's, seen by all its cursors.

Nothing that is made on the way can clash with a name of the caller's, two builds do not meet, and
files that do not depend on each other are written side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import duckdb

NOT_TAKEN_OVER = ("access_mode",)
SETTINGS = "SELECT name, value FROM duckdb_settings()"

Job = Callable[[duckdb.DuckDBPyConnection], object]


@contextmanager
def workshop(con: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to work on, with the settings of `con`; on Spark a cursor of it."""
    if not isinstance(con, duckdb.DuckDBPyConnection):
        with con.cursor() as work:
            yield work
        return
    with duckdb.connect() as work:
        usual = dict(work.execute(SETTINGS).fetchall())
        for name, value in con.execute(SETTINGS).fetchall():
            if value != usual[name] and name not in NOT_TAKEN_OVER:
                text = value.replace("'", "''")
                work.execute(f"SET {name} = '{text}'")
        yield work


def side_by_side(work: duckdb.DuckDBPyConnection, jobs: Sequence[Job]) -> None:
    """Do jobs that do not depend on each other, as many at once as the connection has threads."""
    if not isinstance(work, duckdb.DuckDBPyConnection):
        for job in jobs:
            job(work)
        return
    ((threads,),) = work.execute("SELECT current_setting('threads')").fetchall()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda job: job(work.cursor()), jobs))


@contextmanager
def by_rows_alone(work: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Have what is written depend on the rows written, not on what a table holds beside them.

    A column that cannot be missing, as DuckDB knows from its statistics, is stored otherwise than
    one that merely is not. The setting is the whole database's.
    """
    if not isinstance(work, duckdb.DuckDBPyConnection):
        yield
        return
    work.execute("SET disabled_optimizers = 'statistics_propagation'")
    try:
        yield
    finally:
        work.execute("RESET disabled_optimizers")
