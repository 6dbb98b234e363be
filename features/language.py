"""The language of features: the scalars, conditions and comparisons an expression is made of.

There are two whitelists. The text is let through only if it is made of plain words, numbers, texts
and signs, and calls nothing that is not in `CALLS`, so that no parser is asked about the rest of
SQL. Then a node of the tree that has no reader in `READERS` is refused, and so is one that carries
a part no reader looks at (ORDER BY within a call, a second argument). What is read becomes portable
SQL whose result depends on nothing but its rows: a product or quotient is a double, a division by
zero is missing, and so is the logarithm of nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, NoReturn

import sqlglot
from sqlglot import exp
from sqlglot.tokens import TokenType

SCALARS = "abs, ceil, coalesce, floor, greatest, least, ln, lower, nullif, round, sqrt"
OPERATORS = "+ - * /, = <> < <= > >=, AND OR NOT, BETWEEN, IN, IS NULL, CASE WHEN"
CALLS = frozenset(SCALARS.split(", ")) | {
    "avg", "count", "max", "min", "sum", "since", "until", "hours_between", "latest", "in_force",
    "ago",
}  # fmt: skip
BEFORE_BRACKETS = {"and", "or", "not", "in", "between", "case", "when", "then", "else", "filter",
                   "where"}  # fmt: skip
SIGNS = {"(", ")", ",", "+", "-", "*", "/", "=", "<>", "!=", "<", "<=", ">", ">="}
CENTURY = 36_500
"""The most days that an expression may look back."""


class Refused(ValueError):
    """An expression says something that a feature may not say; the message lists what it may."""


class Term(NamedTuple):
    """SQL and its kind: number (exact), real, flag, text, null, or any (not known yet)."""

    sql: str
    kind: str


def parse(text: str, where: str) -> exp.Expr:
    """The tree of one expression; `where` names it in messages."""
    try:
        statements = sqlglot.parse(text, dialect="duckdb")
    except sqlglot.errors.SqlglotError as fault:
        reason = str(fault).splitlines()[0]
        raise Refused(f"{where}: `{text}` cannot be read as an expression: {reason}") from fault
    if len(statements) != 1 or statements[0] is None:
        raise Refused(f"{where}: `{text}` is not one expression")
    return statements[0]


def stray(text: str) -> str | None:
    """What an expression may not be made of, if there is any of it.

    >>> stray("sum(events) FILTER (WHERE age <= 28)")
    >>> stray("sum(age::INTEGER)"), stray("count(*) -- all"), stray("now()")
    ('`::` is not in the language', 'a comment stands in the docstring', 'there is no function now')
    """
    tokens = sqlglot.tokenize(text, dialect="duckdb")
    for token, following in zip(tokens, [*tokens[1:], None], strict=False):
        word = token.text
        if token.comments:
            return "a comment stands in the docstring"
        if token.token_type == TokenType.NUMBER:
            if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", word):
                return f"{word} is no number of at most 15 digits, and 9 behind the point"
        elif token.token_type == TokenType.IDENTIFIER:
            if not re.fullmatch(r"[A-Za-z0-9_.]+", word):
                return f"`{word}` is no name"
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", word) and token.token_type not in _QUOTED:
            called = following is not None and following.token_type == TokenType.L_PAREN
            if called and word.lower() not in CALLS | BEFORE_BRACKETS:
                return f"there is no function {word}"
        elif token.token_type != TokenType.STRING and word not in SIGNS:
            return f"`{word}` is not in the language"
    return None


def said(node: exp.Expr) -> str:
    """The node as it stands in the expression."""
    return f"`{node.sql('duckdb')}`"


def macro(node: exp.Expr) -> str:
    """The name of a call that SQL itself does not know; empty for everything else."""
    return node.name.lower() if isinstance(node, exp.Anonymous) else ""


def whole(node: exp.Expr | None) -> int | None:
    """The value of a whole number written out; None for anything else."""
    written = isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit()
    return int(node.name) if written and node is not None else None


def plain(node: exp.Expr) -> bool:
    """Whether a node has no part that no reader looks at."""
    return all(not part or name in _PARTS for name, part in node.args.items())


class Reader:
    """Reads the tree of an expression to SQL. What columns, calls and aggregates are, differs."""

    def __init__(self, text: str, where: str) -> None:
        self.text = text
        self.where = where

    @property
    def allowed(self) -> str:
        """What an expression of this sort may say, for messages."""
        return f"operators {OPERATORS}; functions {SCALARS}"

    def refuse(self, reason: str) -> NoReturn:
        """Raise Refused with the reason, the expression and what is allowed."""
        raise Refused(f"{self.where}: {reason}, in `{self.text}`. Allowed are {self.allowed}")

    def tree(self) -> exp.Expr:
        """The tree of the whole expression, if it is made of nothing that is not allowed."""
        try:
            fault = stray(self.text)
            if fault is None:
                return parse(self.text, self.where)
        except (Refused, sqlglot.errors.SqlglotError) as unreadable:
            fault = str(unreadable).splitlines()[0].removeprefix(f"{self.where}: ")
        self.refuse(fault)

    def days(self, node: exp.Expr | None, least: int) -> int | None:
        """A number of days written out, from `least` to a century; None for anything else."""
        days = whole(node)
        return days if days is not None and least <= days <= CENTURY else None

    def read(self, node: exp.Expr | None) -> Term:
        """The SQL and kind of any node of the language."""
        if node is None:
            self.refuse("a call lacks what it is of")
        reader = READERS.get(type(node))
        if reader is None or not plain(node):
            self.refuse(f"{said(node)} is not in the language")
        return reader(self, node)

    def number(self, node: exp.Expr | None) -> Term:
        """A node that must be a number."""
        return self._of(node, {"number", "real"}, "a number")

    def flag(self, node: exp.Expr) -> Term:
        """A node that must be a condition."""
        return self._of(node, {"flag"}, "a condition")

    def _of(self, node: exp.Expr | None, kinds: set[str], meant: str) -> Term:
        term = self.read(node)
        if node is not None and term.kind not in kinds | {"null", "any"}:
            self.refuse(f"{said(node)} is {term.kind}, not {meant}")
        return term

    def compared(self, nodes: list[exp.Expr]) -> list[str]:
        """The SQL of nodes that are compared: of one kind, and none of them NULL."""
        if any(isinstance(node, exp.Null) for node in nodes):
            self.refuse("nothing equals NULL, or is more or less: write IS NULL")
        return self.alike(nodes)[0]

    def alike(self, nodes: list[exp.Expr]) -> tuple[list[str], str]:
        """The SQL of nodes that must be of one kind, and that kind."""
        terms = [self.read(node) for node in nodes]
        kinds = {term.kind for term in terms} - {"null", "any"}
        if kinds == {"number", "real"}:
            kinds = {"real"}
        if len(kinds) > 1:
            pairs = zip(nodes, terms, strict=True)
            listed = ", ".join(f"{said(node)} is {term.kind}" for node, term in pairs)
            self.refuse(f"different kinds stand side by side: {listed}")
        return [term.sql for term in terms], kinds.pop() if kinds else "any"

    def column(self, node: exp.Column) -> Term:
        """A name."""
        self.refuse(f"there is no column {said(node)}")

    def call(self, node: exp.Anonymous) -> Term:
        """A call of something that SQL does not know: a macro, or refused."""
        self.refuse(f"there is no function {node.name}")

    def aggregate(self, node: exp.Expr) -> Term:
        """A count, sum, average or extreme."""
        self.refuse(f"{said(node)} aggregates rows, and there are none here")

    def missing(self, node: exp.Expr) -> Term:
        """`this IS NULL`."""
        return Term(f"({self.read(node).sql} IS NULL)", "flag")


_PARTS = {
    "this", "expression", "expressions", "ifs", "default", "true", "low", "high", "decimals",
    "quoted", "is_string", "big_int", "typed", "safe", "ignore_nulls",
}  # fmt: skip

_COMPARISONS: dict[type, str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip


def _literal(reader: Reader, node: exp.Expr) -> Term:
    return Term(node.sql("duckdb"), "text" if node.args["is_string"] else "number")


def _is_null(reader: Reader, node: exp.Expr) -> Term:
    if not isinstance(node.expression, exp.Null):
        reader.refuse("IS stands only before NULL")
    return reader.missing(node.this)


def _compare(reader: Reader, node: exp.Expr) -> Term:
    left, right = reader.compared([node.this, node.expression])
    return Term(f"({left} {_COMPARISONS[type(node)]} {right})", "flag")


def _between(reader: Reader, node: exp.Expr) -> Term:
    value, low, high = reader.compared([node.this, node.args["low"], node.args["high"]])
    return Term(f"({value} BETWEEN {low} AND {high})", "flag")


def _in(reader: Reader, node: exp.Expr) -> Term:
    value, *items = reader.compared([node.this, *node.expressions])
    if not items:
        reader.refuse("IN takes a list of at least one value")
    return Term(f"({value} IN ({', '.join(items)}))", "flag")


def _logic(reader: Reader, node: exp.Expr) -> Term:
    word = "AND" if isinstance(node, exp.And) else "OR"
    return Term(f"({reader.flag(node.this).sql} {word} {reader.flag(node.expression).sql})", "flag")


def _negative(reader: Reader, node: exp.Expr) -> Term:
    term = reader.number(node.this)
    return Term(f"(- {term.sql})", term.kind)


def _arithmetic(reader: Reader, node: exp.Expr) -> Term:
    left, right = reader.number(node.this), reader.number(node.expression)
    if isinstance(node, exp.Add | exp.Sub):
        sign = "+" if isinstance(node, exp.Add) else "-"
        exact = left.kind == right.kind == "number"
        return Term(f"({left.sql} {sign} {right.sql})", "number" if exact else "real")
    above, below = (f"CAST({term.sql} AS DOUBLE)" for term in (left, right))
    if isinstance(node, exp.Mul):
        return Term(f"({above} * {below})", "real")
    return Term(f"({above} / NULLIF({below}, 0))", "real")


def _case(reader: Reader, node: exp.Expr) -> Term:
    if node.this is not None:
        reader.refuse("CASE is written CASE WHEN condition THEN value ... END")
    cases = node.args["ifs"]
    conditions = [reader.flag(case.this).sql for case in cases]
    default = node.args.get("default") or exp.Null()
    (*values, other), kind = reader.alike([*(case.args["true"] for case in cases), default])
    pairs = zip(conditions, values, strict=True)
    whens = " ".join(f"WHEN {condition} THEN {value}" for condition, value in pairs)
    return Term(f"CASE {whens} ELSE {other} END", kind)


def _same(reader: Reader, node: exp.Expr) -> Term:
    others = [node.expression] if isinstance(node, exp.Nullif) else node.expressions
    if not others:
        reader.refuse(f"{node.key} takes two values or more")
    parts, kind = reader.alike([node.this, *others])
    return Term(f"{node.key}({', '.join(parts)})", kind)


def _rounded(reader: Reader, node: exp.Expr) -> Term:
    term, digits = reader.number(node.this), node.args.get("decimals")
    if digits is not None and not (node.key == "round" and (whole(digits) or 0) in range(1, 10)):
        reader.refuse("round takes a whole number of digits from 1 to 9, floor and ceil take none")
    return Term(f"{node.key}({term.sql}{'' if digits is None else f', {digits.name}'})", term.kind)


def _root(reader: Reader, node: exp.Expr) -> Term:
    sql = f"CAST({reader.number(node.this).sql} AS DOUBLE)"
    edge = ">" if isinstance(node, exp.Ln) else ">="
    return Term(f"CASE WHEN {sql} {edge} 0 THEN {node.key}({sql}) END", "real")


def _lower(reader: Reader, node: exp.Expr) -> Term:
    return Term(f"lower({reader._of(node.this, {'text'}, 'text').sql})", "text")


_QUOTED = {
    TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING,
    TokenType.UNICODE_STRING, TokenType.BYTE_STRING, TokenType.HEX_STRING, TokenType.BIT_STRING,
    TokenType.PARAMETER, TokenType.PLACEHOLDER,
}  # fmt: skip

READERS: dict[type, Callable[[Reader, exp.Expr], Term]] = {
    exp.Literal: _literal,
    exp.Boolean: lambda reader, node: Term("TRUE" if node.this else "FALSE", "flag"),
    exp.Null: lambda reader, node: Term("NULL", "null"),
    exp.Column: lambda reader, node: reader.column(node),  # type: ignore[arg-type]
    exp.Anonymous: lambda reader, node: reader.call(node),  # type: ignore[arg-type]
    exp.Paren: lambda reader, node: reader.read(node.this),
    exp.Not: lambda reader, node: Term(f"(NOT {reader.flag(node.this).sql})", "flag"),
    exp.Is: _is_null,
    exp.Neg: _negative,
    exp.Between: _between,
    exp.In: _in,
    exp.Case: _case,
    exp.Lower: _lower,
    **dict.fromkeys((exp.Ln, exp.Sqrt), _root),
    **dict.fromkeys((exp.And, exp.Or), _logic),
    **dict.fromkeys(_COMPARISONS, _compare),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div), _arithmetic),
    **dict.fromkeys((exp.Coalesce, exp.Greatest, exp.Least, exp.Nullif), _same),
    **dict.fromkeys((exp.Round, exp.Floor, exp.Ceil, exp.Abs), _rounded),
    **dict.fromkeys(
        (exp.Filter, exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max),
        lambda reader, node: reader.aggregate(node),
    ),
}
