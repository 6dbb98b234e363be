"""Write files so that equal data are equal bytes, and a folder is there whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import duckdb
import pandas as pd

from features.parts import Part, parts
from features.workshop import Job, by_rows_alone, side_by_side

FORMULA_STARTS = ("=", "+", "-", "−", "@")


def write_parquet(
    con: duckdb.DuckDBPyConnection,
    sql: str,
    path: Path,
    order_by: Sequence[str],
    columns: Sequence[str] = ("*",),
) -> None:
    """Write `columns` of the rows of `sql` to `path`, sorted by the expressions `order_by`.

    Equal rows give equal bytes, on one thread or many, if `order_by` leaves no ties between rows
    that differ. An empty `order_by` is refused: the bytes would depend on the threads.
    """
    if not order_by:
        raise ValueError(f"{path.name} has no order_by: name the columns that sort its rows")
    target = str(path).replace("'", "''")
    rows = f"SELECT {', '.join(columns)} FROM ({sql}) ORDER BY {', '.join(order_by)}"
    con.execute(
        f"COPY ({rows}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
    )


def write_parts(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    folder: Path,
    day: str,
    last: date,
    order_by: Sequence[str],
    columns: Sequence[str] = ("*",),
    only: Collection[str] | None = None,
) -> list[str]:
    """Write a file a part to `folder`: `columns` of the rows of `relation`, sorted by `order_by`.

    `relation` is the name of a table or view, not a temporary one, that ends on the day `last`;
    `day` is SQL of the DATE that parts its rows, quickest if it is a column, in whose order they
    lie. Parts without rows are not written, nor those that are not among the names `only`. Returns
    the names of those written, in the order of time.
    """
    found = con.sql(f"SELECT DISTINCT {day} AS day FROM {relation}").fetchall()
    days = (date(day.year, day.month, day.day) for (day,) in found)
    asked = [part for part in parts(days, last) if only is None or part.name in only]
    folder.mkdir(parents=True, exist_ok=True)

    def job(part: Part) -> Job:
        rows = f"SELECT * FROM {relation} WHERE {part.holds(day)}"
        path = folder / f"{part.name}.parquet"
        return lambda cursor: write_parquet(cursor, rows, path, order_by, columns)

    with by_rows_alone(con):
        side_by_side(con, [job(part) for part in asked])
    return [part.name for part in asked]


def write_frame(frame: pd.DataFrame, path: Path, order_by: Sequence[str]) -> None:
    """Write the columns of a frame to `path`, sorted like `write_parquet`, without its index."""
    with duckdb.connect() as con:
        con.register("frame", frame)
        write_parquet(con, "SELECT * FROM frame", path, order_by)


def read_frame(path: Path) -> pd.DataFrame:
    """A Parquet file as a frame in which days are datetime64 at midnight.

    A folder of files is one frame, in the order of their names; of an empty one nothing can be
    read: FileNotFoundError.
    """
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(f"{path} holds no Parquet file")
    with duckdb.connect() as con:
        return con.read_parquet([str(file) for file in files]).df()


@contextmanager
def published(folder: Path) -> Iterator[Path]:
    """Yield a new, empty folder beside `folder`; when the block ends well it becomes `folder`.

    Whatever stood at `folder` before is replaced as a whole. If the block raises, `folder` is as
    it was and nothing else is left behind.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    workshop = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        new, old = workshop / "new", workshop / "old"
        new.mkdir()
        yield new
        if folder.exists():
            os.replace(folder, old)
        try:
            os.replace(new, folder)
        except OSError:
            if old.exists():
                os.replace(old, folder)
            raise
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def keep(file: Path, path: Path) -> None:
    """Have a file that does not change at another path too, without a copy where that can be."""
    try:
        os.link(file, path)
    except OSError:
        shutil.copyfile(file, path)


@lru_cache
def made_by(*modules: str) -> str:
    """The hash of the libraries and of some modules of features (all of them, if none is named).

    What was made by other code is made again, never added to.
    """
    import sqlglot  # heavy, and whoever only reads has no use for it

    files = sorted(Path(__file__).parent.glob("*.py"))
    code = [sha256(file) for file in files if not modules or file.stem in modules]
    text = " ".join([duckdb.__version__, sqlglot.__version__, *code])
    return hashlib.sha256(text.encode()).hexdigest()


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below `folder`, by its path relative to it, sorted."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def safe(cell: object) -> object:
    """The cell as a spreadsheet may read it: text that would begin a formula gets a leading '.

    Full-width forms count as what they stand for, and blanks and invisible signs before it are
    looked through. Numbers keep their minus; a text that merely looks like a number does not.

    >>> safe("=1+1"), safe("-3"), safe(-3), safe("＝1+1"), safe("plain")
    ("'=1+1", "'-3", -3, "'＝1+1", 'plain')
    """
    if not isinstance(cell, str) or not cell:
        return cell
    plain = unicodedata.normalize("NFKC", cell)
    visible = next((sign for sign in plain if unicodedata.category(sign)[0] not in "CZ"), "")
    begins = visible in FORMULA_STARTS or cell.startswith(("\t", "\r", "\n"))
    return f"'{cell}" if begins else cell


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame for people: UTF-8, one header line, no index, and no cell that is a formula.

    Lines end as RFC 4180 has it: with a bare line feed the writer would not quote a cell that holds
    a carriage return, behind which a spreadsheet begins a row.
    """
    safe_frame = frame.copy()
    for position, (_, column) in enumerate(frame.items()):
        if not pd.api.types.is_numeric_dtype(column):
            cells = column.astype(object).map(safe, na_action="ignore")
            safe_frame.isetitem(position, cells.to_numpy())
    safe_frame.columns = pd.Index([safe(name) for name in frame.columns])
    safe_frame.to_csv(path, index=False, lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL)
