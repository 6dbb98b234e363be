"""Stage: every feature of every observation, as known on its morning."""

from __future__ import annotations

import duckdb

from features.feature import build
from pipeline import files


def run() -> None:
    """Write data/features.parquet."""
    with duckdb.connect() as con:
        build(
            con,
            files.OBSERVATIONS,
            files.FACTS,
            files.PAST_RENEWALS,
            files.FEATURES,
        )


if __name__ == "__main__":
    run()
