"""Read what a company exports into DuckDB, under the names that SELECTs use: `raw_<name>`.

The input is a folder of CSV and Parquet files, or a database by its URL. CSV (UTF-8, one header
line, parted by commas, or all of it by semicolons or tabs, quotes doubled inside quotes) and
databases arrive as text, so that nothing is guessed; Parquet keeps its types. A file is read whole
or is a fault.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow
import pyarrow.dataset
import sqlalchemy

from features.tables import Finding
from pipeline.reading.selects import RAW, sentence

CHUNK = 50_000
BLOCK = 1 << 24
SUFFIXES = (".csv", ".parquet")
OTHER_DELIMITERS = (";", "\t")

_AS_CSV = "Write CSV as UTF-8, with commas, one header line, and quotes doubled inside quotes"


def load(
    con: duckdb.DuckDBPyConnection, names: list[str], given: str, scratch: Path
) -> tuple[set[str], list[Finding]]:
    """Make a table of every raw name in `names`; returns the names that could not be read.

    `given` is a folder or a database URL; `scratch` a folder for working copies.
    """
    if "://" in given:
        return _load_database(con, names, given)
    return _load_folder(con, names, Path(given), scratch)


def raw_name(name: str) -> str:
    """What a SELECT calls a file or a table of the input.

    >>> raw_name("Support-Tickets 2024")
    'raw_support_tickets_2024'
    """
    return RAW + re.sub(r"[^a-z0-9]", "_", name.lower())


def _load_folder(
    con: duckdb.DuckDBPyConnection, names: list[str], folder: Path, scratch: Path
) -> tuple[set[str], list[Finding]]:
    if not folder.is_dir():
        action = "Name a folder with CSV or Parquet files, or a database URL"
        return set(names), [_fault(str(folder), "there is no such input folder", action)]
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            files.setdefault(raw_name(path.stem), []).append(path)
    unread, found = set(), []
    for name in names:
        paths = files.get(name, [])
        if len(paths) != 1:
            there = f"{[path.name for path in paths]} all have that name" if paths else "no file"
            known = sorted(path.name for group in files.values() for path in group)
            message = f"{there}; the input holds {known or 'no CSV or Parquet file'}"
            action = f"Bring one {name.removeprefix(RAW)}.csv or .parquet, or change the SELECT"
            faults = [_fault(name, message, action)]
        else:
            faults = _load_file(con, name, paths[0], scratch)
        if faults:
            unread.add(name)
            found += faults
    return unread, found


def _load_file(
    con: duckdb.DuckDBPyConnection, name: str, path: Path, scratch: Path
) -> list[Finding]:
    if path.stat().st_size == 0:
        action = "Export it again: not even a header line is there"
        return [_fault(path.name, "the file is empty", action)]
    if path.suffix.lower() == ".parquet":
        return _load_parquet(con, name, path)
    return _load_csv(con, name, path, scratch)


def _load_parquet(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> list[Finding]:
    """Lend the file to `con` without a copy; it is read while the SELECTs run."""
    try:
        con.register(name, pyarrow.dataset.dataset(path))
    except (pyarrow.ArrowInvalid, OSError) as error:
        message = f"the file is not Parquet: {str(error).splitlines()[0]}"
        return [_fault(path.name, message, "Export it again")]
    return []


def _load_csv(
    con: duckdb.DuckDBPyConnection, name: str, path: Path, scratch: Path
) -> list[Finding]:
    try:
        delimiter = _delimiter(path)
        header = _header(path, delimiter)
    except (UnicodeDecodeError, csv.Error) as error:
        return [_fault(path.name, f"the header line cannot be read: {error}", _AS_CSV)]
    if not any(header):
        return [_fault(path.name, "the first line names no column", _AS_CSV)]
    if header[0].lower().startswith("sep="):
        action = "Delete that line: the header has to be the first"
        return [_fault(path.name, "the first line is no header but a word to Excel (sep=)", action)]
    if unnamed := [str(place) for place, column in enumerate(header, 1) if not column]:
        message = f"columns without a name: {', '.join(unnamed)} of {len(header)}"
        action = "Name each, or delete it in every line: a comma at a line's end makes a column"
        return [_fault(path.name, message, action)]
    lower = [column.lower() for column in header]
    if doubled := sorted({column for column in header if lower.count(column.lower()) > 1}):
        return [_fault(path.name, f"columns named twice: {doubled}", "Rename one of each")]
    columns = ", ".join(f"{_literal(column)}: 'VARCHAR'" for column in header)
    plain = _with_plain_line_ends(path, scratch / f"{name}.csv")
    try:
        con.execute(
            f'CREATE TABLE "{name}" AS SELECT * FROM read_csv({_literal(str(plain))}, '
            f"auto_detect=false, header=true, delim='{delimiter}', quote='\"', escape='\"', "
            f"strict_mode=true, columns={{{columns}}})"
        )
    except duckdb.Error as error:
        return [_unreadable(path, error)]
    return []


def _with_plain_line_ends(path: Path, copy: Path) -> Path:
    """A file whose lines all end with a line feed: `path` itself, or a `copy` of it.

    DuckDB 2.0 given the line end `\\r\\n` reads no row of some files, and says nothing.
    """
    with path.open("rb") as file:
        if not any(b"\r" in block for block in iter(lambda: file.read(BLOCK), b"")):
            return path
    with (
        path.open(newline=None, encoding="utf-8", errors="surrogateescape") as file,
        copy.open("w", newline="\n", encoding="utf-8", errors="surrogateescape") as plain,
    ):
        for block in iter(lambda: file.read(BLOCK), ""):
            plain.write(block)
    return copy


def _delimiter(path: Path) -> str:
    """What parts the cells: a comma, unless the header line has none and is parted otherwise."""
    header = _header(path, ",", strict=False)
    parting = (sign for sign in OTHER_DELIMITERS if len(header) == 1 and sign in header[0])
    return next(parting, ",")


def _header(path: Path, delimiter: str, strict: bool = True) -> list[str]:
    """The names in the header line; bytes that are not UTF-8 further down are no concern here."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        header = next(csv.reader(file, delimiter=delimiter, strict=strict), [])
    return [name.encode("utf-8", errors="surrogateescape").decode("utf-8") for name in header]


def _unreadable(path: Path, error: duckdb.Error) -> Finding:
    """The engine's complaint about a file in plain words, with the line if it names one."""
    text = str(error)
    line = re.search(r"CSV Error on Line: (\d+)", text)
    where = f"line {line[1]}: " if line else ""
    cells = re.search(r"Expected Number of Columns: (\d+)", text)
    if "not utf-8" in text:
        why = "the file is not UTF-8"
    elif "unterminated quote" in text:
        why = "a quote is never closed"
    elif cells:
        why = f"it has more or fewer cells than the {cells[1]} of the header"
    else:
        why = sentence(error)
    return _fault(path.name, f"{where}{why}", _AS_CSV)


def _load_database(
    con: duckdb.DuckDBPyConnection, names: list[str], url: str
) -> tuple[set[str], list[Finding]]:
    unread, found = set(), []
    try:
        engine = sqlalchemy.create_engine(url)
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        if file and not Path(file).exists():  # connecting would make an empty one
            action = "Check the URL: sqlite:///relative.db or sqlite:////absolute.db"
            return set(names), [_fault("sqlite://", f"there is no file {file}", action)]
        inspector = sqlalchemy.inspect(engine)
        known = sorted({*inspector.get_table_names(), *inspector.get_view_names()})
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        shown = url.split("://")[0]
        message = f"the database cannot be reached: {str(error).splitlines()[0]}"
        return set(names), [_fault(f"{shown}://", message, "Check the URL and its driver")]
    by_name: dict[str, list[str]] = {}
    for table in known:
        by_name.setdefault(raw_name(table), []).append(table)
    for name in names:
        tables = by_name.get(name, [])
        if len(tables) != 1:
            there = f"{tables} all have that name" if tables else "no such table"
            message = f"{there}; the database holds {known}"
            found.append(_fault(name, message, "Change the SELECT, or name the right database"))
            unread.add(name)
            continue
        try:
            columns = [column["name"] for column in inspector.get_columns(tables[0])]
            _copy(con, name, engine, tables[0], columns)
        except sqlalchemy.exc.SQLAlchemyError as error:
            message = f"it cannot be read from the database: {str(error).splitlines()[0]}"
            found.append(_fault(name, message, "Correct the table or view"))
            unread.add(name)
    engine.dispose()
    return unread, found


def _copy(
    con: duckdb.DuckDBPyConnection,
    name: str,
    engine: sqlalchemy.Engine,
    table: str,
    columns: list[str],
) -> None:
    """Copy a table as text, values as the driver gives them: no type of either side guesses."""
    quoted = ['"' + column.replace('"', '""') + '"' for column in columns]
    typed = ", ".join(f"{column} VARCHAR" for column in quoted)
    con.execute(f'CREATE TABLE "{name}" ({typed})')
    query: sqlalchemy.Select = sqlalchemy.select(
        *(sqlalchemy.literal_column(engine.dialect.identifier_preparer.quote(c)) for c in columns)
    ).select_from(sqlalchemy.table(table))
    with engine.connect().execution_options(stream_results=True) as connection:
        for chunk in _chunks(connection.execute(query).partitions(CHUNK)):
            frame = pd.DataFrame(chunk, columns=range(len(columns)), dtype=object)
            con.register("chunk", frame)
            con.execute(f'INSERT INTO "{name}" SELECT * FROM chunk')
            con.unregister("chunk")


def _chunks(partitions: Iterable[Iterable[Iterable[object]]]) -> Iterator[list[list[str | None]]]:
    for rows in partitions:
        yield [[None if cell is None else _text(cell) for cell in row] for row in rows]


def _text(cell: object) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _fault(place: str, message: str, action: str) -> Finding:
    return Finding("fault", place, "", None, None, message, action)
