"""What Spark says otherwise: queries in DuckDB's SQL as Spark's SQL that gives the same values.

sqlglot writes the words that differ; here is what the same words mean otherwise. Spark's integers
and decimals divide to decimals and truncate when cast, its `round` of a real goes through decimal
text, its `max_by` keeps empty values, its calendar arithmetic gives other types. Where the sort of
an operand cannot be read off the query, `typeof` decides, which Spark folds away.

Not carried over, because a query in the portable subset says what it wants with CAST, or has no use
for it: the width of whole numbers (a sum of them is HUGEINT there, BIGINT here), the text of a real
number, the bits of a negative INTEGER, and the place of an empty field in a key of `arg_max`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import UnionType

import sqlglot
from sqlglot import exp

from features.statement import NotPortable


def written(tree: exp.Expr) -> str:
    """Spark's SQL of a tree of DuckDB's, which is changed on the way.

    >>> from features.statement import parse
    >>> written(parse("SELECT a / nullif(b, 0), avg(x) FILTER (WHERE y) FROM t"))
    'SELECT CAST(a AS DOUBLE) / CAST(NULLIF(b, 0) AS DOUBLE), \
TRY_DIVIDE(CAST(SUM(x) FILTER(WHERE y) AS DOUBLE), COUNT(x) FILTER(WHERE y)) FROM t'
    >>> written(parse("SELECT date_diff('day', a, b), arg_max(x, y) FROM t"))
    'SELECT CAST(DATEDIFF(b, a) AS BIGINT), MAX_BY(x, y) FILTER(WHERE NOT x IS NULL) FROM t'
    """
    holder = exp.Paren(this=tree)  # so that the root, too, can be replaced
    for node in reversed(list(tree.walk(bfs=False))):  # what a node is made of before the node
        rewrite = REWRITES.get(type(node))
        if rewrite is not None:
            new = rewrite(node)
            if new is not node:
                node.replace(new)
    return holder.this.sql("spark")


def _real(node: exp.Expr | None) -> bool | None:
    """Whether an expression is a real number; None where the query does not tell."""
    if isinstance(node, exp.Paren | exp.Neg | exp.Abs | exp.Filter | exp.Window):
        return _real(node.this)
    if isinstance(node, exp.Cast):
        return node.to.is_type(*_REALS)
    if isinstance(node, exp.Literal):
        return not node.is_string and "e" in node.name.lower()
    if isinstance(node, _ALWAYS):
        return True
    if isinstance(node, _NEVER):
        return False
    parts: list[exp.Expr | None]
    if isinstance(node, exp.Add | exp.Sub | exp.Mul):
        parts = [node.this, node.expression]
    elif isinstance(node, exp.Coalesce | exp.Greatest | exp.Least):
        parts = [node.this, *node.expressions]
    elif isinstance(node, exp.Sum | exp.Min | exp.Max | exp.Nullif | exp.Round):
        parts = [node.this]
    elif isinstance(node, exp.Case):
        parts = [*(case.args["true"] for case in node.args["ifs"]), node.args.get("default")]
        parts = [part for part in parts if part is not None]
    else:
        return None
    sorts = {_real(part) for part in parts if not isinstance(part, exp.Null)}
    return True if True in sorts else None if None in sorts else False


_REALS = (exp.DType.DOUBLE, exp.DType.FLOAT)
_ALWAYS = (exp.Div, exp.Sqrt, exp.Ln, exp.Exp, exp.Avg, exp.PercentRank, exp.SafeDivide)
_NEVER = (
    exp.Count, exp.DateDiff, exp.IntDiv, exp.Extract, exp.Boolean, exp.Predicate, exp.Connector,
    exp.Not, exp.RowNumber, exp.DenseRank, exp.Rank, exp.BitwiseAnd, exp.BitwiseOr,
    exp.BitwiseLeftShift, exp.BitwiseCount, exp.LastDay,
)  # fmt: skip


def _cast(node: exp.Expr, to: str) -> exp.Cast:
    return exp.Cast(this=node, to=exp.DataType.build(to, dialect="duckdb"))


def _spark(template: str, **parts: exp.Expr) -> exp.Expr:
    """An expression in Spark's words, with parts put in (each use a copy)."""
    tree = sqlglot.parse_one(template, read="spark")
    for hole in list(tree.find_all(exp.Placeholder)):
        hole.replace(parts[hole.name].copy())
    return tree


_IF_REAL = "CASE WHEN TYPEOF(:x) IN ('double', 'float') THEN :real ELSE :rest END"


def _cast_rounds(node: exp.Expr) -> exp.Expr:
    """A CAST to whole numbers or decimals: both engines must round the same way.

    DuckDB rounds a real to the nearest whole number (a tie to the even one), or, for a decimal, the
    real times its power of ten (a tie away from zero); decimals become whole with a tie away.
    """
    assert isinstance(node, exp.Cast)
    whole, exact = node.to.is_type(*exp.DataType.INTEGER_TYPES), node.to.is_type("decimal")
    sort = _real(node.this)
    if not (whole or exact) or (sort is False and exact) or isinstance(node.this, exp.Null):
        return node
    value, target = node.this, node.to.sql("spark")
    if whole:
        if isinstance(value, _NEVER) or (isinstance(value, exp.Literal) and value.is_int):
            return node
        real = _spark(f"CAST(RINT(CAST(:x AS DOUBLE)) AS {target})", x=value)
        decimal = _spark(f"CAST(ROUND(CAST(:x AS DECIMAL(38, 9)), 0) AS {target})", x=value)
        if sort:
            return real
        rest = _spark(
            f"CASE WHEN TYPEOF(:x) LIKE 'decimal%' THEN :d ELSE CAST(:x AS {target}) END",
            x=value, d=decimal,
        )  # fmt: skip
    else:
        scale = node.to.expressions[1].name if len(node.to.expressions) > 1 else "3"
        unit = f"0.{'0' * (int(scale) - 1)}1" if int(scale) else "1"
        real = _spark(
            f"CAST(CAST(CAST(:x AS DOUBLE) * 1e{scale} AS DECIMAL(38, 0)) * {unit} AS {target})",
            x=value,
        )
        rest = _spark(f"CAST(:x AS {target})", x=value)
    if sort:
        return real
    if sort is False:
        return rest
    return _spark(_IF_REAL, x=value, real=real, rest=rest)


def _round(node: exp.Expr) -> exp.Expr:
    digits, sort = node.args.get("decimals"), _real(node.this)
    if digits is None or sort is False:
        return node
    real = _spark(
        "ROUND(CAST(:x AS DOUBLE) * POWER(10D, :n)) / POWER(10D, :n)", x=node.this, n=digits
    )
    if sort:
        return real
    return _spark(_IF_REAL, x=node.this, real=real, rest=node)


def _divide(node: exp.Expr) -> exp.Expr:
    """A quotient is a real; that by zero is infinite, or no number, as DuckDB has it."""
    above, below = (
        part if isinstance(part, exp.Cast) and _real(part) else _cast(part.copy(), "DOUBLE")
        for part in (node.this, node.expression)
    )
    inner = below.this if isinstance(below, exp.Cast) else below
    while isinstance(inner, exp.Paren | exp.Cast):
        inner = inner.this
    quotient = exp.Div(this=above.copy(), expression=below.copy(), typed=False, safe=False)
    if isinstance(inner, exp.Nullif | exp.Literal):
        return quotient
    return _spark(
        "CASE WHEN :b = 0 THEN :a * CAST('Infinity' AS DOUBLE) ELSE :q END",
        a=above, b=below, q=quotient,
    )  # fmt: skip


def _mean(node: exp.Expr) -> exp.Expr:
    """The exact sum over the count."""
    parts = _several(
        node, exp.Avg, lambda call: [exp.Sum(this=call.this), exp.Count(this=call.this)]
    )
    return exp.func("TRY_DIVIDE", _cast(parts[0], "DOUBLE"), parts[1]) if parts else node


def _quantile(node: exp.Expr) -> exp.Expr:
    """The value itself, of its own type, at the place where DuckDB takes it."""
    parts = _several(
        node,
        exp.PercentileDisc,
        lambda call: [
            exp.Anonymous(this="COLLECT_LIST", expressions=[call.this]),
            exp.Count(this=call.this),
            call.expression,
        ],
    )
    if not parts:
        return node
    values, count, share = parts
    return _spark(
        "TRY_ELEMENT_AT(SORT_ARRAY(:v), "
        "CAST(GREATEST(1, :n - FLOOR(:n - :n * CAST(:q AS DOUBLE))) AS INT))",
        v=values, n=count, q=share,
    )  # fmt: skip


def _several(
    node: exp.Expr, kind: type[exp.Expr], calls: Callable[[exp.Expr], list[exp.Expr]]
) -> list[exp.Expr]:
    """What is computed instead of one aggregate, each with the FILTER and OVER around that one.

    Empty if the node is not the outermost around such an aggregate.
    """
    inner = node
    while isinstance(inner, exp.Filter | exp.Window):
        inner = inner.this
    if not isinstance(inner, kind) or _is_within(node, exp.Filter | exp.Window):
        return []
    if isinstance(inner.this, exp.Distinct):
        raise NotPortable(f"`{node.sql('duckdb')}`: aggregate over a SELECT DISTINCT instead")

    def around(call: exp.Expr) -> exp.Expr:
        if not isinstance(call, exp.AggFunc | exp.Anonymous):
            return call.copy()
        new = call.copy()
        return node.transform(lambda part: new if isinstance(part, kind) else part)

    return [around(call) for call in calls(inner)]


def _extreme(node: exp.Expr) -> exp.Expr:
    """arg_max and arg_min pass over rows without a value."""
    call = node.this if isinstance(node, exp.Filter) else node
    if not isinstance(call, exp.ArgMax | exp.ArgMin) or _is_within(node, exp.Filter):
        return node
    there: exp.Expr = exp.Not(this=exp.Is(this=call.this.copy(), expression=exp.Null()))
    if isinstance(node, exp.Filter) and node.expression.this != there:
        there = exp.and_(node.expression.this.copy(), there)
    return exp.Filter(this=call.copy(), expression=exp.Where(this=there))


def _is_within(node: exp.Expr, around: type | UnionType) -> bool:
    return isinstance(node.parent, around) and node.arg_key == "this"


def _difference(node: exp.Expr) -> exp.Expr:
    """The boundaries of days or seconds between two moments; in the tree the later stands first."""
    later, earlier = node.this, node.expression
    unit = (node.text("unit") or "DAY").upper()
    if unit == "DAY":
        return _spark("CAST(DATEDIFF(:b, :a) AS BIGINT)", a=earlier, b=later)
    if unit == "SECOND":
        second = "UNIX_SECONDS(CAST(CAST({} AS TIMESTAMP_NTZ) AS TIMESTAMP_LTZ))"
        return _spark(f"{second.format(':b')} - {second.format(':a')}", a=earlier, b=later)
    raise NotPortable(f"`{node.sql('duckdb')}`: only the units 'day' and 'second' are the same")


def _moved(node: exp.Expr) -> exp.Expr:
    """A day and an interval make a moment."""
    if isinstance(node.parent, exp.Cast):
        return node
    sides = (node.this, node.expression)
    if any(side is not None and _interval(side) for side in sides) and not all(
        map(_interval, sides)
    ):
        return _cast(node.copy(), "TIMESTAMP")
    return node


def _interval(node: exp.Expr) -> bool:
    if isinstance(node, exp.Paren | exp.Neg):
        return _interval(node.this)
    if isinstance(node, exp.Mul):
        return _interval(node.this) or _interval(node.expression)
    return isinstance(node, exp.Interval)


def _as(to: str) -> Callable[[exp.Expr], exp.Expr]:
    """Spark's result is narrower, or of another sort of time: cast it to DuckDB's."""

    def cast(node: exp.Expr) -> exp.Expr:
        return node if isinstance(node.parent, exp.Cast) else _cast(node.copy(), to)

    return cast


def _window(node: exp.Expr) -> exp.Expr:
    numbers = exp.RowNumber | exp.DenseRank | exp.Rank
    return _as("BIGINT")(node) if isinstance(node.this, numbers) else _around(node)


def _around(node: exp.Expr) -> exp.Expr:
    """FILTER or OVER, with an aggregate in it that is computed otherwise."""
    for rewrite in (_extreme, _mean, _quantile):
        new = rewrite(node)
        if new is not node:
            return new
    return node


REWRITES: dict[type, Callable[[exp.Expr], exp.Expr]] = {
    exp.Cast: _cast_rounds,
    exp.Round: _round,
    exp.Div: _divide,
    exp.Avg: _mean,
    exp.ArgMax: _extreme,
    exp.ArgMin: _extreme,
    exp.DateDiff: _difference,
    exp.Add: _moved,
    exp.Sub: _moved,
    exp.PercentileDisc: _quantile,
    exp.Floor: _as("DOUBLE"),
    exp.Ceil: _as("DOUBLE"),
    exp.Extract: _as("BIGINT"),
    exp.BitwiseCount: _as("TINYINT"),
    exp.TimestampTrunc: _as("TIMESTAMP"),
    exp.DateTrunc: _as("TIMESTAMP"),
    exp.Window: _window,
    exp.Filter: _around,
}
