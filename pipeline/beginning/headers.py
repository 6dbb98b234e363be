"""What a user's files hold: the columns of each, and what stands in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import sqlalchemy

from features.tables import BadInput, Finding, Kind
from pipeline.beginning.masking import shown
from pipeline.beginning.names import words
from pipeline.beginning.spellings import PLAIN, Spelling, quoted, spelling
from pipeline.reading.inputs import SUFFIXES, load, raw_name
from pipeline.reading.readings import readable

LOOKED_AT = 2_000


@dataclass(frozen=True)
class Field:
    """One column of a file: `filled` of the file's `rows` have a value, `distinct` different ones.

    `values` are the first of them as text, with the least and the greatest.
    """

    name: str
    sql_type: str
    rows: int
    filled: int
    distinct: int
    values: tuple[str, ...]

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return 0 < self.rows == self.filled == self.distinct

    @cached_property
    def sample(self) -> str:
        """A value as it may be shown; of a person's, only its shape."""
        return shown(words(self.name), self.values, self.distinct, self.filled)

    def spelt(self, kind: Kind) -> Spelling | None:
        """How the column spells a `kind`, or None if it does not."""
        if self.sql_type != "VARCHAR":
            return PLAIN if readable(kind, self.sql_type) else None
        timely = {"at", "date", "time", "timestamp", "created", "start", "end", "day"}
        return spelling(kind, self.values, bool(timely & set(words(self.name))))


@dataclass(frozen=True)
class Export:
    """One file or database table, and what SELECTs call it; `rows` are those that hold a value."""

    file: str
    raw: str
    rows: int
    fields: tuple[Field, ...]

    def __getitem__(self, name: str) -> Field:
        return {field.name: field for field in self.fields}[name]


def read_exports(
    con: duckdb.DuckDBPyConnection, given: str, only: list[str], scratch: Path
) -> list[Export]:
    """Every file of a folder, or table of a database, loaded into `con`; BadInput with the faults.

    `only` names those to be looked at; empty, it is all. What cannot be read is a fault, as it
    would be for `renewcast ingest`.
    """
    files = _listed(given)
    unknown = [name for name in only if raw_name(Path(name).stem) not in files]
    if unknown or not files:
        message = f"{', '.join(unknown) or given}: no such file or table; there is {sorted(files)}"
        action = "Name a folder with CSV or Parquet files, or a database by its URL"
        raise BadInput([Finding("fault", "--input", "", None, None, message, action)])
    chosen = sorted({raw_name(Path(name).stem) for name in only} or files)
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET enable_progress_bar = false")
    con.execute("SET threads = 1")  # a file that is lent is read in its own order
    unread, found = load(con, chosen, given, scratch)
    if found:
        raise BadInput(found)
    return [_export(con, files[name], name) for name in chosen if name not in unread]


def _listed(given: str) -> dict[str, str]:
    """What is there, by the name that SELECTs use; what cannot be listed is left to the reader."""
    if "://" not in given:
        folder = Path(given)
        if not folder.is_dir():
            return {}
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        return {raw_name(path.stem): path.name for path in paths}
    try:
        engine = sqlalchemy.create_engine(given)
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        if file and not Path(file).exists():
            return {}
        inspector = sqlalchemy.inspect(engine)
        tables = sorted({*inspector.get_table_names(), *inspector.get_view_names()})
        engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        message = f"the database cannot be reached: {type(error).__name__}"
        action = "Check the URL and its driver"
        raise BadInput([Finding("fault", "--input", "", None, None, message, action)]) from None
    return {raw_name(table): table for table in tables}


def _export(con: duckdb.DuckDBPyConnection, file: str, raw: str) -> Export:
    described = con.execute(f'DESCRIBE "{raw}"').fetchall()
    columns = [(str(name), str(sql_type)) for name, sql_type, *_ in described]
    cells = [f"nullif(trim(CAST({quoted(name)} AS VARCHAR)), '')" for name, _ in columns]
    asked = [f"count(coalesce({', '.join(cells)}))"]
    for cell in cells:
        asked += [f"count({cell})", f"count(DISTINCT {cell})", f"min({cell})", f"max({cell})"]
    (found,) = con.execute(f'SELECT {", ".join(asked)} FROM "{raw}"').fetchall()
    rows, figures = found[0], found[1:]
    fields = [
        Field(name, sql_type, rows, figures[4 * i], figures[4 * i + 1],
              _values(con, raw, name, figures[4 * i + 2 : 4 * i + 4]))
        for i, (name, sql_type) in enumerate(columns)
    ]  # fmt: skip
    return Export(file, raw, rows, tuple(fields))


def _values(
    con: duckdb.DuckDBPyConnection, raw: str, name: str, ends: tuple[str | None, ...]
) -> tuple[str, ...]:
    text = f"CAST({quoted(name)} AS VARCHAR)"
    sql = f"SELECT {text} FROM \"{raw}\" WHERE trim({text}) <> '' LIMIT {LOOKED_AT}"
    first = [value for (value,) in con.execute(sql).fetchall()]
    return tuple(dict.fromkeys([*first, *(end for end in ends if end)]))
