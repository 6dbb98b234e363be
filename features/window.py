"""Windows: which values of a column, above all which ages, a condition leaves."""

from __future__ import annotations

from typing import NamedTuple

from sqlglot import exp

from features.language import whole


class Window(NamedTuple):
    """The values from `newest`, exclusive, to `oldest`, inclusive; no `oldest` is no end."""

    newest: int = 0
    oldest: int | None = None


def ages(window: Window) -> str:
    """SQL of the condition that an age lies in a window.

    >>> ages(Window(28, 56)), ages(Window())
    ('age > 28 AND age <= 56', 'age > 0')
    """
    return f"age > {window.newest}" + (
        "" if window.oldest is None else f" AND age <= {window.oldest}"
    )


def within(part: Window, whole: Window) -> Window | None:
    """What of a window lies in another; None if nothing does.

    >>> within(Window(20, 40), Window(0, 28)), within(Window(40, None), Window(0, 28))
    (Window(newest=20, oldest=28), None)
    """
    ends = [end for end in (part.oldest, whole.oldest) if end is not None]
    newest, oldest = max(part.newest, whole.newest), min(ends, default=None)
    return None if oldest is not None and newest >= oldest else Window(newest, oldest)


_MIRRORED: dict[type, type] = {
    exp.LTE: exp.GTE, exp.LT: exp.GT, exp.GTE: exp.LTE, exp.GT: exp.LT, exp.EQ: exp.EQ,
}  # fmt: skip


def bounds(where: exp.Expr, name: str) -> Window:
    """The values of the column `name` that a condition leaves, by the bounds ANDed in it.

    >>> from features.language import parse
    >>> bounds(parse("age > 28 AND age <= 56 AND kind = 'call'", ""), "age")
    Window(newest=28, oldest=56)
    >>> bounds(parse("age <= 7 OR is_key", ""), "age")
    Window(newest=0, oldest=None)
    """
    limits = [limit for part in _parts(where) if (limit := _limit(part, name)) is not None]
    ends = [limit.oldest for limit in limits if limit.oldest is not None]
    return Window(max([0, *(limit.newest for limit in limits)]), min(ends, default=None))


def beside(where: exp.Expr, name: str) -> list[exp.Expr] | None:
    """The conditions ANDed to the bounds of the column `name`; None if they speak of it too.

    >>> from features.language import parse
    >>> [part.sql() for part in beside(parse("age <= 28 AND is_key", ""), "age")]
    ['is_key']
    """
    rest = [part for part in _parts(where) if _limit(part, name) is None]
    spoken = any(column.name == name for part in rest for column in part.find_all(exp.Column))
    return None if spoken else rest


def _parts(where: exp.Expr) -> list[exp.Expr]:
    """The conditions that are ANDed in a condition."""
    whole_condition = where.unnest()
    both = isinstance(whole_condition, exp.And)
    return [part.unnest() for part in (whole_condition.flatten() if both else [whole_condition])]


def _limit(part: exp.Expr, name: str) -> Window | None:
    """The values of the column `name` that one comparison with a whole number leaves."""
    if isinstance(part, exp.Between):
        low, high = whole(part.args["low"]), whole(part.args["high"])
        there = isinstance(part.this, exp.Column) and part.this.name == name
        return Window(low - 1, high) if there and low is not None and high is not None else None
    column, number, sort = part.this, whole(part.args.get("expression")), type(part)
    if number is None and sort in _MIRRORED:
        column, number, sort = part.args["expression"], whole(part.this), _MIRRORED[sort]
    if number is None or not isinstance(column, exp.Column) or column.name != name:
        return None
    limits: dict[type, Window] = {
        exp.LTE: Window(0, number), exp.LT: Window(0, number - 1), exp.GT: Window(number),
        exp.GTE: Window(number - 1), exp.EQ: Window(number - 1, number),
    }  # fmt: skip
    return limits.get(sort)
