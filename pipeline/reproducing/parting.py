"""Where two versions of the same data part: the first row that is not what it was."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

import duckdb
import pandas as pd

SHOWN = 40  # characters of a value
TOLERANCE = 1e-9


def files_apart(then: Path, now: Path) -> list[str]:
    """The files of two folders that hold other bytes or are in one of them only, by their paths."""
    inside = {
        path.relative_to(folder).as_posix()
        for folder in (then, now)
        for path in folder.rglob("*")
        if path.is_file()
    }
    return sorted(name for name in inside if _bytes(then / name) != _bytes(now / name))


def first_row(then: Path, now: Path) -> str:
    """A sentence on the first row in which two CSV or Parquet files differ; empty if none does."""
    if not (then.exists() and now.exists()):
        return "it is new" if now.exists() else "it is gone"
    if then.suffix == ".parquet" == now.suffix:
        return _first_record(then, now)
    if then.suffix == ".csv" == now.suffix:
        return _first_line(then, now)
    return ""


def largest(then: pd.DataFrame, now: pd.DataFrame, keys: list[str], value: str) -> float:
    """The largest difference of a value between two frames of the same rows; infinite if they hold
    other rows, or a value is missing in one of them only."""
    both = then[[*keys, value]].merge(now[[*keys, value]], on=keys, how="outer", indicator=True)
    a, b = both[f"{value}_x"], both[f"{value}_y"]
    if both["_merge"].ne("both").any() or a.isna().ne(b.isna()).any():
        return float("inf")
    return float((a - b).abs().max()) if a.notna().any() else 0.0


def _first_line(then: Path, now: Path) -> str:
    with _rows(then) as was, _rows(now) as is_:
        header = next(was, [])
        if header != next(is_, []):
            return "the header line differs"
        for number, (old, new) in enumerate(zip_longest(was, is_), start=1):
            if old != new:
                return _sentence(f"row {number}", header, old, new)
    return ""


def _first_record(then: Path, now: Path) -> str:
    with duckdb.connect() as con:
        for name, path in (("was", then), ("became", now)):
            con.read_parquet(str(path)).create_view(name)
        header = con.table("was").columns
        if header != con.table("became").columns:
            return "its columns are others"
        only = "SELECT * FROM (FROM {} EXCEPT ALL FROM {}) ORDER BY ALL LIMIT 1"
        old = con.execute(only.format("was", "became")).fetchone()
        new = con.execute(only.format("became", "was")).fetchone()
    if old is None and new is None:
        return "the same rows in another order"
    if old is not None and new is not None and old[0] != new[0]:
        first_is_old = str(old[0]) < str(new[0])
        old, new = (old, None) if first_is_old else (None, new)
    return _sentence("a row", header, old, new)


@contextmanager
def _rows(path: Path) -> Iterator[Iterator[list[str]]]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        yield csv.reader(file)


def _sentence(place: str, header: list[str], old: object, new: object) -> str:
    if old is None or new is None:
        row = list(old or new)  # type: ignore[call-overload]
        named = f"{place} ({header[0]} {_short(row[0])})" if row else place
        return f"{named} is {'new' if old is None else 'gone'}"
    was, is_ = list(old), list(new)  # type: ignore[call-overload]
    if len(was) != len(header) or len(is_) != len(header):
        return f"{place} has {len(is_)} cells, it had {len(was)}"
    changed = [
        f"{name} {_short(a)} became {_short(b)}"
        for name, a, b in zip(header, was, is_, strict=True)
        if a != b
    ]
    return f"{place} ({header[0]} {_short(was[0])}): {', '.join(changed[:3])}"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
