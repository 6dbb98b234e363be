"""Which SQL a source may hold: one SELECT over `raw_` tables, the same answer every time.

Whoever writes a source is trusted with the data, not with the machine. What is refused here never
runs; what runs is locked down as well (`pipeline/reading/source.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import duckdb
import sqlglot
from sqlglot import exp

RAW = "raw_"

_ROWS_FROM_NOTHING = (exp.GenerateSeries, exp.Unnest)
_CHANGING = (
    exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime, exp.Rand, exp.Uuid, exp.TableSample,
)  # fmt: skip
_CHANGING_NAMES = {
    "now", "today", "get_current_time", "get_current_timestamp", "transaction_timestamp",
    "current_localtimestamp", "current_localtime", "gen_random_uuid", "setseed", "nextval",
}  # fmt: skip


class Refused(ValueError):
    """The text is not one harmless SELECT; str() says why and what to write instead."""


@dataclass(frozen=True)
class Select:
    """One SELECT and the raw tables it reads."""

    sql: str
    reads: frozenset[str]


def parse(sql: str) -> Select:
    """The text as one SELECT, or Refused.

    >>> sorted(parse("WITH t AS (FROM raw_b) SELECT * FROM raw_a JOIN t USING (id)").reads)
    ['raw_a', 'raw_b']
    >>> parse("DELETE FROM raw_a")
    Traceback (most recent call last):
    pipeline.reading.selects.Refused: it is DELETE, not SELECT; write exactly one SELECT
    """
    statements = [tree for tree in _trees(sql) if tree is not None]
    if len(statements) != 1:
        raise Refused(f"it holds {len(statements)} statements; write exactly one SELECT")
    (tree,) = statements
    if not isinstance(tree, exp.Query):
        begins = tree.sql(dialect="duckdb").split()[0].upper()
        raise Refused(f"it is {begins}, not SELECT; write exactly one SELECT")
    _refuse_writing(tree)
    _refuse_changing(tree)
    reads = _reads(tree)
    _ask_the_engine(sql)
    return Select(sql.strip().rstrip(";"), reads)


def _trees(sql: str) -> list[exp.Expression | None]:
    try:
        return sqlglot.parse(sql, dialect="duckdb")  # type: ignore[return-value]
    except sqlglot.errors.SqlglotError as error:
        first = str(error).splitlines()[0].split(". Line")[0]
        raise Refused(f"it cannot be read as SQL: {first}; write exactly one SELECT") from error


def _refuse_writing(tree: exp.Expression) -> None:
    for node in tree.walk():
        if isinstance(node, exp.DML | exp.DDL | exp.Command | exp.Into) and not isinstance(
            node, exp.Query
        ):
            raise Refused(f"it writes ({node.key.upper()}); a source only reads")


def _refuse_changing(tree: exp.Expression) -> None:
    for node in tree.walk():
        named = isinstance(node, exp.Anonymous) and str(node.this).lower() in _CHANGING_NAMES
        if named or isinstance(node, _CHANGING):
            asked = node.sql(dialect="duckdb")
            raise Refused(f"it asks {asked}, which changes from run to run; write the value itself")


def _reads(tree: exp.Expression) -> frozenset[str]:
    local = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    reads = set()
    for table in tree.find_all(exp.Table):
        text = table.sql(dialect="duckdb")
        if isinstance(table.this, _ROWS_FROM_NOTHING):
            continue
        name = table.name.lower()
        if not isinstance(table.this, exp.Identifier) or table.db or table.catalog:
            raise Refused(f"it reads {text}; read the input's files as {RAW}<file name>")
        if re.fullmatch(rf"{RAW}[a-z0-9_]+", name):
            reads.add(name)
        elif name not in local:
            raise Refused(f"it reads {text}; read the input's files as {RAW}<file name>")
    return frozenset(reads)


def _ask_the_engine(sql: str) -> None:
    """Refuse what sqlglot takes for one SELECT and DuckDB does not."""
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise Refused(f"DuckDB cannot read it: {sentence(error)}") from error
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        raise Refused("DuckDB does not take it for one statement that selects")


def sentence(error: duckdb.Error) -> str:
    """What the engine says, in one line: the message without its excerpt of the query.

    >>> sentence(duckdb.Error("Binder Error: no column x\\n\\nLINE 1: SELECT x"))
    'Binder Error: no column x'
    """
    return " ".join(str(error).split("\n\n")[0].split())
