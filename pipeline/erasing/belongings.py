"""What of a company's exports belongs to one account: which rows, and which words are its alone.

A row belongs to the account if the column that the SELECTs make `account_id` of names it, or if a
join of theirs leads from it to rows of this account and of no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify

from features.stored import relation
from features.tables import TABLES, BadInput
from pipeline.reading.inputs import load
from pipeline.reading.selects import Select
from pipeline.reading.source import Source, run_source

MAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
LEAST = {"name": 5, "user_id": 6}  # characters; shorter ones mean other things, too
NOT_ITS_WORDS = {"account_id", "parent_id", "owner"}  # the owner is one of us
Column = tuple[str, str]  # of a raw table


class Entangled(ValueError):
    """Without the account's rows the exports would say something else of other accounts."""


@dataclass(frozen=True)
class Belongings:
    """`marks`: raw table -> column -> the values by which a row is the account's; `rows`: how many
    each raw table has; `words`: its names, people and addresses, where nobody else has them;
    `within`: whether ids of other accounts contain its id."""

    marks: Mapping[str, Mapping[str, frozenset[str]]]
    rows: Mapping[str, int]
    words: tuple[str, ...]
    within: bool


def belongings(source: Source, given: str, account_id: str) -> Belongings:
    """What belongs to the account in a folder of exports or a database.

    Raises BadInput if the exports cannot be read, and Entangled if the tables of all others would
    not be the same, row for row in number, without it.
    """
    with TemporaryDirectory(prefix="renewcast-") as scratch, duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        _, found = run_source(con, source, given, Path(scratch))
        if found:
            raise BadInput(found)
        words, within = _words(con, account_id), _within(con, account_id)
        before = {name: _counted(con, f"said_{name}", account_id) for name in source.tables}
    with TemporaryDirectory(prefix="renewcast-") as scratch, duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        load(con, source.reads, given, Path(scratch))
        marks = _marked(con, source, account_id)
        rows = _without(con, marks)
        for name, select in source.tables.items():
            mine, others = _counted(con, f"({select.sql})", account_id)
            if mine or others != before[name][1]:
                raise Entangled(
                    f"{name}.sql: without the rows of {account_id} the SELECT still says {mine} "
                    f"rows of it and {others} instead of {before[name][1]} of all others. Nothing "
                    "was changed: take its rows out of the exports yourself, then run this again"
                )
    return Belongings(marks, rows, words, within)


def words_of(tables: Path, account_id: str) -> tuple[tuple[str, ...], bool]:
    """`words` and `within` from the tables as ingested, where there are no exports any more."""
    with duckdb.connect() as con:
        for name in TABLES:
            if (tables / name).is_dir() or (tables / f"{name}.parquet").exists():
                con.execute(f"CREATE TABLE said_{name} AS FROM {relation(tables, name)}")
        if not _there(con, "said_accounts"):
            return (), False
        return _words(con, account_id), _within(con, account_id)


def _marked(
    con: duckdb.DuckDBPyConnection, source: Source, account_id: str
) -> dict[str, dict[str, frozenset[str]]]:
    """By which values of which columns a raw row is the account's."""
    schema = {name: _columns(con, name) for name in source.reads}
    marks: dict[str, dict[str, frozenset[str]]] = {}
    links: set[tuple[Column, Column]] = set()
    shared: set[str] = set()  # raw tables behind a table that is of no account, such as features
    for name, select in source.tables.items():
        if "account_id" not in TABLES[name].names:
            shared |= select.reads
            continue
        links |= set(_links(select, schema))
        for (table, column), expression in _origins(select, schema):
            values = _values(con, table, column, f"{expression} = ?", account_id)
            if values:
                marks.setdefault(table, {})[column] = values
    grown = True
    while grown:
        grown = False
        for (table, column), (other, far) in links:
            if table not in marks or other in shared or far in marks.get(other, {}):
                continue
            mine = _mark(marks[table])
            values = _values(con, table, column, mine) - _values(con, table, column, f"NOT {mine}")
            if values and _values(con, other, far, _mark({far: values})):
                marks.setdefault(other, {})[far] = values
                grown = True
    said = {table: {name.lower(): name for name in columns} for table, columns in schema.items()}
    return {
        table: {said[table][column.lower()]: values for column, values in columns.items()}
        for table, columns in marks.items()
    }


def _origins(
    select: Select, schema: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[Column, str]]:
    """The raw columns that `account_id` comes from, each with SQL of the id it makes."""
    root = lineage("account_id", select.sql, schema=dict(schema), dialect="duckdb")
    leaves = [node for node in root.walk() if isinstance(node.source, exp.Table)]
    made = root.expression.unalias().copy()
    plain = len(leaves) == 1 and not made.find(exp.Subquery) and root.downstream == leaves
    for leaf in leaves:
        column = leaf.name.rpartition(".")[2].strip('"')
        told = f'"{column}"'
        if plain:
            for of in made.find_all(exp.Column):
                of.set("table", None)
            told = made.sql(dialect="duckdb")
        yield (leaf.source.name, column), f"CAST({told} AS VARCHAR)"


def _links(
    select: Select, schema: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[Column, Column]]:
    """The pairs of raw columns that a SELECT joins or compares, both ways round."""
    tree = qualify(
        sqlglot.parse_one(select.sql, dialect="duckdb"), schema=dict(schema), dialect="duckdb"
    )
    raw = {of.alias_or_name: of.name for of in tree.find_all(exp.Table) if of.name in schema}
    for pair in tree.find_all(exp.EQ):
        sides = [
            (raw[side.table], side.name)
            for side in (pair.left.unnest(), pair.right.unnest())
            if isinstance(side, exp.Column) and side.table in raw
        ]
        if len(sides) == 2 and sides[0][0] != sides[1][0]:
            yield sides[0], sides[1]
            yield sides[1], sides[0]


def _without(
    con: duckdb.DuckDBPyConnection, marks: Mapping[str, Mapping[str, frozenset[str]]]
) -> dict[str, int]:
    """Take the marked rows out of the raw tables of a connection; how many each had."""
    rows = {}
    for table, columns in marks.items():
        mine = _mark(columns)
        (rows[table],) = con.execute(f'SELECT count(*) FROM "{table}" WHERE {mine}').fetchall()[0]
        kind = "TABLE" if _there(con, table) else "VIEW"
        con.execute(f'ALTER {kind} "{table}" RENAME TO "whole_{table}"')
        con.execute(f'CREATE VIEW "{table}" AS FROM "whole_{table}" WHERE NOT {mine}')
    return rows


def _mark(columns: Mapping[str, frozenset[str]]) -> str:
    parts = []
    for column, values in sorted(columns.items()):
        listed = ", ".join("'" + value.replace("'", "''") + "'" for value in sorted(values))
        parts.append(f'coalesce(CAST("{column}" AS VARCHAR) IN ({listed}), false)')
    return f"({' OR '.join(parts)})"


def _values(
    con: duckdb.DuckDBPyConnection, table: str, column: str, where: str, *given: str
) -> frozenset[str]:
    of = f'SELECT DISTINCT CAST("{column}" AS VARCHAR) FROM "{table}" WHERE {where}'
    return frozenset(value for (value,) in con.execute(of, given).fetchall() if value is not None)


def _columns(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    return {row[0]: row[1] for row in con.execute(f'DESCRIBE "{table}"').fetchall()}


def _counted(con: duckdb.DuckDBPyConnection, relation: str, account_id: str) -> tuple[int, int]:
    """Rows of the account and of all others."""
    if "account_id" not in _described(con, relation):
        return 0, con.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0]
    told = "coalesce(CAST(account_id AS VARCHAR) = ?, false)"
    of = f"SELECT count(*) FILTER ({told}), count(*) FILTER (NOT {told}) FROM {relation}"
    return con.execute(of, [account_id, account_id]).fetchall()[0]


def _described(con: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    return [row[0] for row in con.execute(f"DESCRIBE FROM {relation}").fetchall()]


def _within(con: duckdb.DuckDBPyConnection, account_id: str) -> bool:
    of = "SELECT count(*) FROM (SELECT CAST(account_id AS VARCHAR) AS id FROM said_accounts) "
    of += "WHERE contains(id, ?) AND id <> ?"
    return bool(con.execute(of, [account_id, account_id]).fetchall()[0][0])


def _words(con: duckdb.DuckDBPyConnection, account_id: str) -> tuple[str, ...]:
    """Names, user ids and mail addresses in the rows of the account and in nobody else's."""
    columns = [
        (f"said_{name}", column.name)
        for name, table in TABLES.items()
        if "account_id" in table.names and _there(con, f"said_{name}")
        for column in table.columns
        if column.kind == "text" and column.name in _columns(con, f"said_{name}")
        if column.name not in NOT_ITS_WORDS
    ]
    mine: set[str] = set()
    for table, column in columns:
        cells = _values(con, table, column, "account_id = ?", account_id)
        mine |= {mail for cell in cells for mail in re.findall(MAIL, cell)}
        if least := LEAST.get(column):
            mine |= {cell.strip() for cell in cells if len(cell) >= least and not cell.isdigit()}
    mails, said = any("@" in word for word in mine), sorted(mine)
    for table, column in columns if mine else ():
        whole = f'SELECT "{column}" FROM {table} WHERE account_id <> ?'
        asked = f'SELECT DISTINCT "{column}" FROM ({whole}) WHERE "{column}" IN (SELECT unnest(?))'
        mine -= {word for (word,) in con.execute(asked, [account_id, said]).fetchall()}
        if mails and column not in LEAST:
            every = f'SELECT DISTINCT unnest(regexp_extract_all("{column}", ?)) FROM ({whole})'
            mine -= {word for (word,) in con.execute(every, [MAIL, account_id]).fetchall()}
    return tuple(sorted(mine))


def _there(con: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether a table, not a view, has that name."""
    of = "SELECT count(*) FROM duckdb_tables() WHERE table_name = ?"
    return bool(con.execute(of, [name]).fetchall()[0][0])
