"""The features that a batch is given: Parquet files, and the parts they are scored in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq


class BadInput(ValueError):
    """The features of a batch cannot be scored as they are."""


@dataclass(frozen=True)
class Part:
    """Neighbouring row groups of one file."""

    number: int
    file: Path
    groups: tuple[int, ...]
    rows: int


def files(features: Path) -> list[Path]:
    """The Parquet files that are meant: one, or those of a folder. Raises BadInput without any."""
    found = sorted(features.glob("*.parquet")) if features.is_dir() else [features]
    if not found or not found[0].is_file():
        raise BadInput(f"{features} holds no Parquet file: write the features of the morning there")
    return found


def schema(file: Path) -> pa.Schema:
    """The columns of a file; raises BadInput where it is no Parquet."""
    try:
        return pq.read_schema(file)
    except (pa.ArrowInvalid, OSError) as fault:
        raise BadInput(f"{file} cannot be read as Parquet: {fault}") from None


def parts(found: Sequence[Path], part_rows: int) -> Iterator[Part]:
    """Every row group of the files once, at least `part_rows` rows together where a file has them.

    A part ends with a row group and with its file: what lies in memory at once follows from the
    row groups the files were written in.
    """
    number = 0
    for file in found:
        about = pq.read_metadata(file)
        groups: list[int] = []
        rows = 0
        for group in range(about.num_row_groups):
            groups.append(group)
            rows += about.row_group(group).num_rows
            if rows >= part_rows:
                yield Part(number, file, tuple(groups), rows)
                number, groups, rows = number + 1, [], 0
        if groups or not about.num_row_groups:
            yield Part(number, file, tuple(groups), rows)
            number += 1


def first_morning(features: Path) -> date | None:
    """The earliest morning that the features are of; None without a row, or without `as_of`."""
    found = files(features)
    if any("as_of" not in schema(file).names for file in found):
        return None
    with duckdb.connect() as con:
        rows = con.read_parquet([str(file) for file in found])
        ((first,),) = rows.aggregate("CAST(min(as_of) AS DATE)").fetchall()
    return first
