"""Who is asked about, on which mornings, as the engine works on it: numbered, and in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeAlias

import duckdb
import pandas as pd

from features.definition import OBSERVED
from features.parts import quoted

Rows: TypeAlias = pd.DataFrame | duckdb.DuckDBPyRelation | Path

AT_ONCE = 300_000
"""Observations that are answered together, so that memory does not grow with the mornings."""

SPREAD = 4
"""How many times more pairs of account and morning than observations still are shared mornings."""


class ObservedTwice(ValueError):
    """An account was given twice for one morning."""


@dataclass(frozen=True)
class Asked:
    """The relation `asked` (account_id, morning, and "observed x" for each of `columns`).

    `counts`: observations of each morning; `accounts`: how many there are; `renewals`: the columns
    of past renewals, a relation of that name, or None if there are none.
    """

    columns: list[str]
    counts: Mapping[date, int]
    accounts: int
    renewals: list[str] | None

    @property
    def mornings(self) -> list[date]:
        """The mornings, oldest first."""
        return list(self.counts)

    def shared(self, mornings: Sequence[date]) -> bool:
        """Whether accounts share mornings, rather than have dates of their own."""
        pairs = len(mornings) * self.accounts
        return pairs <= SPREAD * self._count(mornings)

    def batches(self, runs: Iterable[Sequence[date]]) -> Iterator[list[date]]:
        """The runs of mornings, joined to batches of AT_ONCE observations where they can be."""
        batch: list[date] = []
        for run in runs:
            if batch and self._count([*batch, *run]) > AT_ONCE:
                yield batch
                batch = []
            batch = [*batch, *run]
        if batch:
            yield batch

    def _count(self, mornings: Iterable[date]) -> int:
        return sum(self.counts[morning] for morning in mornings)


def ask(work: duckdb.DuckDBPyConnection, observations: Rows, past_renewals: Rows | None) -> Asked:
    """Create the relation `asked`, and `renewals`; raises ObservedTwice."""
    given = _given(work, observations, "given")
    used = [name for name in OBSERVED if name in given]
    listed = "".join(f', "{name}" AS "observed {name}"' for name in used)
    work.execute(
        "CREATE OR REPLACE TABLE asked AS "
        f"SELECT account_id, CAST(as_of AS DATE) AS morning{listed} FROM given"
    )
    twice = work.execute(
        "SELECT account_id, morning FROM asked GROUP BY account_id, morning HAVING count(*) > 1 "
        "ORDER BY morning, account_id LIMIT 1"
    ).fetchone()
    if twice:
        raise ObservedTwice(f"{twice[0]} is observed twice on {twice[1]}: once a morning is enough")
    counted = work.execute(
        "SELECT morning, count(*) FROM asked GROUP BY morning ORDER BY morning"
    ).fetchall()
    (accounts,) = work.execute("SELECT count(DISTINCT account_id) FROM asked").fetchall()[0]
    renewals = None if past_renewals is None else _given(work, past_renewals, "renewals")
    return Asked(used, dict(counted), accounts, renewals)


def _given(work: duckdb.DuckDBPyConnection, rows: Rows, name: str) -> list[str]:
    """Make a frame, a relation or a Parquet file a table of that name; its columns."""
    if isinstance(rows, Path):
        place = f"read_parquet({quoted(rows)})"
    else:
        place = f"{name}_rows"
        work.register(place, rows if isinstance(rows, pd.DataFrame) else rows.to_arrow_table())
    work.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM {place}")
    return [row[0] for row in work.execute(f"DESCRIBE {name}").fetchall()]
