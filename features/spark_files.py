"""Parquet files as Spark reads and writes them, so that they are what DuckDB makes of them.

A file is written by one task, in the order asked for, and appears under its name when it is whole:
the driver and the executors must see the same folders. A path may be the address of a store
(`s3a://...`) to read from; files are written to folders only.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from features.statement import NotPortable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def read(session: SparkSession, paths: Sequence[str]) -> DataFrame:
    """The rows of some files; a path may be a pattern. The first file's columns are those of all.

    Raises FileNotFoundError where no file is.
    """
    listed = [place for path in paths for place in _places(path)]
    reader = session.read
    if "://" not in listed[0]:
        from pyspark.sql.pandas.types import from_arrow_schema

        reader = reader.schema(from_arrow_schema(pq.read_schema(listed[0])))
        listed = [f"file://{_escaped(place)}" for place in listed]
    return reader.parquet(*listed)


def write(rows: DataFrame, path: Path, order: Sequence[tuple[str, bool]], codec: str) -> None:
    """Write rows to one file, sorted by expressions in Spark's SQL, each rising or (True) falling.

    What is empty comes last.
    """
    from pyspark.sql import functions

    _without_intervals(rows)
    rows = rows.repartition(1)
    if order:
        keys = [(functions.expr(key), falling) for key, falling in order]
        rows = rows.sortWithinPartitions(
            *(key.desc_nulls_last() if falling else key.asc_nulls_last() for key, falling in keys)
        )
    target = path.absolute()
    workshop = Path(mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        rows.write.option("compression", codec).parquet(f"file://{workshop / 'rows'}")
        (part,) = (workshop / "rows").glob("part-*.parquet")
        os.replace(part, target)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def arrow(rows: DataFrame) -> pa.Table:
    """The rows, brought here."""
    _without_intervals(rows)
    return rows.toArrow()


def _without_intervals(rows: DataFrame) -> None:
    for field in rows.schema.fields:
        if "interval" in field.dataType.simpleString():
            raise NotPortable(
                f"{field.name} is an interval to Spark: write date_diff('day', a, b) for the days "
                "between two dates"
            )


def _places(path: str) -> list[str]:
    """The files of a path that may be a pattern; an address of a store is left to Spark."""
    if "://" in path:
        return [path]
    found = sorted(glob(path)) if has_magic(path) and not Path(path).exists() else [path]
    if not found or not Path(found[0]).exists():
        raise FileNotFoundError(f"no file is at {path}")
    return [str(Path(place).absolute()) for place in found]


def _escaped(path: str) -> str:
    """A path in which no sign is a pattern to Hadoop."""
    return "".join(f"\\{sign}" if sign in "*?[]{}\\" else sign for sign in path)
