"""Where the seconds of a build go: what each statement makes, and its share.

    python -m benchmarks.profile WORLD [--threads 1] [--top 16]

WORLD is a folder that `benchmarks.features` has made. On one thread the shares add up; on several,
statements that run side by side overlap.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import duckdb

from benchmarks.tasks import STATIC
from features import workshop
from features.facts import build_facts
from features.feature import build
from features.rollups import ROLLUPS

SPENT: Counter[str] = Counter()
MADE = re.compile(r'CREATE OR REPLACE (?:TEMP )?(?:TABLE|VIEW) ("[^"]+"|\w+)')


class Watched:
    """A connection that is a real one to whoever asks, and times its statements."""

    __class__ = property(lambda self: duckdb.DuckDBPyConnection)  # type: ignore[assignment]

    def __init__(self, real: duckdb.DuckDBPyConnection) -> None:
        self.real = real

    def execute(self, statement: str) -> duckdb.DuckDBPyConnection:
        """Run a statement, and remember how long it took."""
        begun = time.perf_counter()
        answer = self.real.execute(statement)
        SPENT[made(statement)] += time.perf_counter() - begun
        return answer

    def cursor(self) -> Watched:
        """Another one, watched too."""
        return Watched(self.real.cursor())

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *fault: object) -> None:
        self.real.close()

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


def made(statement: str) -> str:
    """What a statement makes.

    >>> made('CREATE OR REPLACE TABLE "gap account_days None 0 True" AS SELECT 1')
    'gap account_days None 0 True'
    >>> made("COPY (SELECT 1) TO 'facts/user_days/2025-01.parquet' (FORMAT parquet)")
    'written: user_days'
    """
    if found := MADE.match(statement):
        return found[1].strip('"')
    written = re.search(r"TO '([^']+)'", statement)
    if not written:
        return "asked"
    folder = Path(written[1]).parent.name
    return f"written: {folder if folder in ROLLUPS else 'features, and tables of one file'}"


def main() -> None:
    """Build facts and features of a world, and print where the time went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("world", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--top", type=int, default=16)
    asked = parser.parse_args()
    given = {name: asked.world / f"{name}.parquet" for name in ("observations", "past_renewals")}
    workshop.duckdb = SimpleNamespace(  # type: ignore[attr-defined]
        DuckDBPyConnection=duckdb.DuckDBPyConnection, connect=lambda: Watched(duckdb.connect())
    )
    with (
        tempfile.TemporaryDirectory(dir=asked.world.parent) as place,
        duckdb.connect(config={"threads": asked.threads}) as con,
    ):
        facts = Path(place) / "facts"
        build_facts(con, asked.world / "tables", facts, STATIC)
        features = Path(place) / "features"
        build(con, given["observations"], facts, given["past_renewals"], features)
    whole = SPENT.total()
    print(f"{'all statements':<48} {whole:6.2f} s  100 %")
    for name, seconds in SPENT.most_common(asked.top):
        print(f"{name:<48} {seconds:6.2f} s {seconds / whole:5.0%}")


if __name__ == "__main__":
    main()
