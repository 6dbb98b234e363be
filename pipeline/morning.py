"""One morning: who is asked about, their features, and whose features could not be computed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from features.feature import build
from pipeline.calendar import Calendar
from pipeline.observe import observed
from pipeline.settings import Settings

INDEX = ["account_id", "as_of"]


class NoFeatures(RuntimeError):
    """No account's features can be computed: that is no fault of an account."""


@dataclass(frozen=True)
class Morning:
    """`observations` and, on the index (account_id, as_of), `features` with the account's segment;
    `failures`: account -> why its features could not be computed."""

    observations: pd.DataFrame
    features: pd.DataFrame
    failures: dict[str, str]


def morning(facts: Path, as_of: date, settings: Settings, calendar: Calendar) -> Morning:
    """Everything known of every customer on a morning.

    One account whose features cannot be computed is set aside with the reason; the others are
    computed without it.
    """
    with duckdb.connect() as con:
        asked, past = observed(con, facts, settings, [as_of], calendar.data_from)
        failures: dict[str, str] = {}
        try:
            found = build(con, asked, facts, past)
        except duckdb.Error:
            failures = _failing(con, asked, facts, past)
            if len(failures) == len(asked):
                account, why = next(iter(failures.items()))
                raise NoFeatures(
                    f"none of {len(asked)} accounts has features on {as_of}; {account}: {why}"
                ) from None
            rest = asked[~asked["account_id"].isin(failures)]
            found = build(con, rest, facts, past)
    assert found is not None  # without a path to write to, build gives the frame
    return Morning(asked, with_segment(found.set_index(INDEX), asked), failures)


def with_segment(features: pd.DataFrame, observations: pd.DataFrame) -> pd.DataFrame:
    """The features with the segment as known on the morning, which the health score asks for."""
    return features.join(observations.set_index(INDEX)["segment"])


def _failing(
    con: duckdb.DuckDBPyConnection,
    asked: pd.DataFrame,
    facts: Path,
    past: pd.DataFrame,
) -> dict[str, str]:
    """The accounts that fail alone, found by halving."""
    try:
        build(con, asked, facts, past)
    except duckdb.Error as error:
        if len(asked) == 1:
            return {asked["account_id"].iloc[0]: str(error).splitlines()[0]}
        half = len(asked) // 2
        return _failing(con, asked.iloc[:half], facts, past) | _failing(
            con, asked.iloc[half:], facts, past
        )
    return {}
