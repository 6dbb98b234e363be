"""Statements in DuckDB's SQL as trees: what they read, and what of them is read more than once."""

from __future__ import annotations

import sqlglot
from sqlglot import exp


class NotPortable(ValueError):
    """A statement says something that only one of the two engines can do."""


def parse(statement: str) -> exp.Expr:
    """The tree of one statement in DuckDB's SQL.

    Raises NotPortable if it is none, or more than one.
    """
    try:
        trees = sqlglot.parse(statement, read="duckdb")
    except sqlglot.errors.SqlglotError as fault:
        raise NotPortable(f"`{statement:.200}` cannot be read: {fault}") from fault
    if len(trees) != 1 or trees[0] is None:
        raise NotPortable(f"`{statement:.200}` is not one statement")
    return trees[0]


def files(table: exp.Table) -> list[str] | None:
    """The files that a table of a query reads by `read_parquet`; None if it is a named one.

    >>> files(parse("FROM read_parquet(['a.parquet', 'b.parquet'])").find(exp.Table))
    ['a.parquet', 'b.parquet']
    """
    if not isinstance(table.this, exp.ReadParquet):
        if isinstance(table.this, exp.Func):
            raise NotPortable(f"`{table.sql('duckdb')}`: only read_parquet(...) reads files")
        return None
    given = [table.this.this, *table.this.expressions]
    given = [node for node in given if node is not None]
    if len(given) == 1 and isinstance(given[0], exp.Array | exp.List):
        given = given[0].expressions
    if not given or not all(isinstance(n, exp.Literal) and n.is_string for n in given):
        raise NotPortable(
            f"`{table.sql('duckdb')}`: read_parquet takes a path, or a list of paths, in quotes"
        )
    return [node.name for node in given]


def named(table: exp.Table) -> bool:
    """Whether a table's name is not that of a WITH query that it can see.

    >>> tree = parse("WITH a AS (FROM a), b AS (FROM a) FROM b JOIN c")
    >>> [table.name for table in tree.find_all(exp.Table) if named(table)]
    ['c', 'a']
    """
    if not isinstance(table.this, exp.Identifier):
        return False
    below: exp.Expr = table
    above = table.parent
    while above is not None:
        ctes = above if isinstance(above, exp.With) else above.args.get("with_")
        for cte in ctes.expressions if ctes is not None else ():
            if cte is below:
                break  # a query sees those before it, and not itself
            if cte.alias.lower() == table.name.lower():
                return False
        if isinstance(above, exp.With):  # seen: its query has the same
            above = above.parent or above
        below, above = above, above.parent
    return True


def shared(tree: exp.Expr) -> list[exp.CTE]:
    """The WITH queries of a query that more than one other reads, in their order.

    >>> tree = parse("WITH a AS (SELECT 1 AS x), b AS (FROM a), c AS (FROM a) FROM b JOIN c")
    >>> [cte.alias for cte in shared(tree)]
    ['a']
    """
    ctes = tree.args["with_"].expressions if tree.args.get("with_") else []
    read = [table.name.lower() for table in tree.find_all(exp.Table)]
    return [
        cte for cte in ctes if read.count(cte.alias.lower()) > 1 and not cte.args["alias"].columns
    ]


def taken_out(cte: exp.CTE) -> exp.Query:
    """Take a WITH query out of its statement: the query, with those before it that are left.

    >>> tree = parse("WITH a AS (SELECT 1 AS x), b AS (FROM a) FROM b")
    >>> taken_out(tree.args["with_"].expressions[1]).sql(), tree.sql()
    ('WITH a AS (SELECT 1 AS x) SELECT * FROM a', 'WITH a AS (SELECT 1 AS x) SELECT * FROM b')
    """
    left = cte.parent
    assert isinstance(left, exp.With) and left.parent is not None
    query, before = cte.this.copy(), []
    for other in left.expressions:
        if other is cte:
            break
        before.append(other.copy())
    inner = query.args.get("with_")
    query.set("with_", exp.With(expressions=[*before, *(inner.expressions if inner else [])]))
    if not query.args["with_"].expressions:
        query.set("with_", None)
    left.set("expressions", [other for other in left.expressions if other is not cte])
    if not left.expressions:
        left.parent.set("with_", None)
    return query
