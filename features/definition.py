"""What a feature is, as data: definitions, the register of them, and what they need of each other.

A definition is an `Aggregate` over one table's rows, a `Derived` expression over other features, or
a `Relative` rank among the customers of the same morning. The decorators of `features.feature` fill
the register; names are looked up in the asker's own family first, then in `FAMILIES`.
"""

from __future__ import annotations

import importlib
import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from features.expression import Expression, Formula, over_rows, units
from features.language import Refused
from features.window import Window, within

Body = Callable[..., str | tuple[str, str]]

FAMILIES = (
    "frequency", "breadth", "depth", "support", "sentiment", "commercial", "relationship",
)  # fmt: skip

OBSERVED = {
    "days_to_due": "number", "month_to_month": "flag", "arr_due": "number", "arr": "number",
    "decided": "text", "tenure_days": "number", "days_observed": "number", "segment": "text",
    "industry": "text", "country": "text",
}  # fmt: skip
"""The columns of an observation that a derived expression may use, and their kinds."""


class UnknownName(ValueError):
    """A feature, a family or an observation column was named that does not exist."""


@dataclass(frozen=True)
class Definition:
    """One feature. `sign` is +1 where more means more churn, -1 where it means less, else 0."""

    name: str
    family: str
    meaning: str
    sign: int

    @property
    def key(self) -> str:
        """A name that no feature of another family has."""
        return f"{self.family} {self.name}"

    def column(self, days: int) -> str:
        """The SQL name under which it is answered, as asked `days` before the morning.

        >>> Definition("events_28d", "frequency", "Events.", 0).column(28)
        '"frequency events_28d ago 28"'
        """
        return f'"{self.key} ago {days}"'


@dataclass(frozen=True)
class Aggregate(Definition):
    """An aggregate over the past rows of `table`; with `per`, in two steps, first per unit."""

    table: str
    absent: float | None
    inner: Expression
    per: str | None = None
    outer: Expression | None = None

    @property
    def otherwise(self) -> str:
        """SQL of the value for an account of which it reads no row."""
        return "NULL" if self.absent is None else repr(float(self.absent))

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows in which the table must have rows for the value to mean anything.

        If the first step is the first or last age of a unit, the second step's bounds on it divide
        the window, and each part on which the answer depends counts for itself: people *lost* in 28
        days cannot be told from 28 days without data.
        """
        if self.outer is None or self.inner.extreme is None:
            return self.inner.windows
        (whole,) = self.inner.windows
        parts = {whole}
        for newest, oldest in self.outer.bounds:
            asked = [Window(newest, oldest)]
            if self.inner.extreme == "min":
                asked.append(Window(whole.newest, newest))
            if self.inner.extreme == "max" and oldest is not None:
                asked.append(Window(oldest, whole.oldest))
            parts |= {part for window in asked if (part := within(window, whole))}
        return tuple(sorted(parts, key=str))

    @property
    def oldest(self) -> int | None:
        """The greatest age of a row that matters; None if all the past does."""
        ages = [window.oldest for window in self.inner.windows if window.oldest is not None]
        return max(ages) if len(ages) == len(self.inner.windows) else None


@dataclass(frozen=True)
class Derived(Definition):
    """A formula over features and observation columns of the same account and morning."""

    formula: Formula


@dataclass(frozen=True)
class Relative(Derived):
    """The rank, 0 to 1, of a formula's value among the morning's customers alike in `to`."""

    to: str
    min_peers: int


def variants(name: str, axes: Mapping[str, object]) -> Iterator[tuple[str, dict[str, object]]]:
    """Every combination of the axes' values, and the name that each gives a feature.

    >>> list(variants("events", {"days": [7, 28]}))
    [('events_7d', {'days': 7}), ('events_28d', {'days': 28})]
    >>> list(variants("active_days_in", {"block": 1}))
    [('active_days_in_1', {'block': 1})]
    """
    listed = [list(v) if isinstance(v, list | tuple | range) else [v] for v in axes.values()]
    for choice in itertools.product(*listed):
        values = dict(zip(axes, choice, strict=True))
        suffixes = (f"_{v}d" if axis == "days" else f"_{v}" for axis, v in values.items())
        yield name + "".join(suffixes), values


def family(body: Body) -> str:
    """The family of a feature: the name of the module in which it is declared."""
    return body.__module__.rpartition(".")[2]


def meaning(body: Body, values: Mapping[str, object]) -> str:
    """The dictionary entry of a feature: its docstring on one line, the axes' values filled in."""
    if not (body.__doc__ or "").strip():
        raise Refused(f"{body.__name__} has no docstring: it is the feature's dictionary entry")
    try:
        return " ".join((body.__doc__ or "").split()).format(**values)
    except (KeyError, IndexError) as fault:
        raise Refused(f"{body.__name__}: its docstring names {fault}, which is no axis") from fault


def expressions(body: Body, values: Mapping[str, object]) -> str | tuple[str, str]:
    """What a feature's function says for some values of its axes."""
    try:
        return body(**values)
    except TypeError as fault:
        raise Refused(f"{fault}: each axis is an argument of the function, and no other") from fault


def single(text: str | tuple[str, str], name: str) -> str:
    if not isinstance(text, str):
        raise Refused(f"{name}: one expression is returned, two only by a feature with `per`")
    return text


def steps(
    text: str | tuple[str, str], per: str | None, columns: Mapping[str, str], name: str, home: str
) -> tuple[Expression, str | None, Expression | None]:
    """The first step, the column that divides its rows, and the second step.

    A bare distinct count is rewritten as two steps, so that all that is asked of one kind of unit
    is answered by the same grouping.
    """
    if per is None:
        whole = over_rows(single(text, name), columns, name)
        split = units(single(text, name), name)
        if split is None or columns.get(split[0]) != "text":
            return whole, None, None
        per, text = split[0], (split[1], "count(*)")
    if isinstance(text, str) or columns.get(per) != "text":
        raise Refused(f"{name}: per={per!r} takes a text column, and two expressions are returned")
    first, second = text
    inner = over_rows(first, columns, name)
    return inner, per, over_rows(second, {"value": inner.kind}, name, unit=f"{home} {name}")


REGISTER: dict[tuple[str, str], Definition] = {}


def register(definition: Definition) -> None:
    """Add a definition; a name that means something else in the same family is refused."""
    name, absent = definition.name, getattr(definition, "absent", None)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise Refused(f"{name!r} is no name for a column: its axes are whole numbers and words")
    if definition.sign not in (-1, 0, 1):
        raise Refused(f"{name}: sign={definition.sign!r} is none of -1, 0, 1")
    if absent is not None and (type(absent) not in (int, float) or not math.isfinite(absent)):
        raise Refused(f"{name}: absent={absent!r} is no number, and not None, which is missing")
    if REGISTER.setdefault((definition.family, definition.name), definition) != definition:
        raise Refused(f"{definition.name} is declared twice in the family {definition.family}")


def definitions(families: Iterable[str] | None = None) -> list[Definition]:
    """The features of some families, in the order of their declaration; by default of all.

    A name that begins with an underscore is a step of others, and no column.
    """
    for name in FAMILIES:
        importlib.import_module(f"features.{name}")
    known = dict.fromkeys(family for family, _ in REGISTER)
    wanted = FAMILIES if families is None else list(families)
    for name in wanted:
        if name not in known:
            raise UnknownName(f"there is no family {name!r}: there are {', '.join(known)}")
    found: dict[str, Definition] = {}
    columns = [d for d in REGISTER.values() if not d.name.startswith("_")]
    for definition in (d for name in wanted for d in columns if d.family == name):
        other = found.setdefault(definition.name, definition)
        if other != definition:
            raise Refused(
                f"{definition.name} is declared in {other.family} and in {definition.family}: "
                "it would be two columns of one name"
            )
    return list(found.values())


def references(asker: Derived) -> list[tuple[Definition | str, int]]:
    """What a derived feature uses: features, and observation columns as text; with days of ago.

    A name means a feature before it means an observation column; its own name means the latter.
    """
    return [(_meant(name, asker), days) for name, days in sorted(asker.formula.asks)]


def _meant(name: str, asker: Definition) -> Definition | str:
    for home in (asker.family, *FAMILIES):
        found = REGISTER.get((home, name))
        if found is not None and name != asker.name:
            return found
    if name in OBSERVED:
        return name
    near = get_close_matches(name, [*OBSERVED, *(name for _, name in REGISTER)], n=3)
    hint = f"; near are {', '.join(near)}" if near else ""
    raise UnknownName(f"{asker.name}: there is no feature or observation column {name!r}{hint}")


def reach(definition: Definition) -> int:
    """The days before a morning that a feature looks back, by its windows, in_force and ago."""
    if isinstance(definition, Aggregate):
        ages = [window.oldest or window.newest for window in definition.windows]
        return max(definition.inner.back, *ages)
    assert isinstance(definition, Derived)
    looks = [
        days + (reach(used) if isinstance(used, Definition) else 0)
        for used, days in references(definition)
    ]
    return max(looks, default=0)


def order(chosen: Sequence[Definition]) -> list[tuple[Definition, int]]:
    """All that must be asked to answer `chosen`, each after what it uses; with days of ago."""
    asked: dict[tuple[Definition, int], None] = {}
    path: list[Definition] = []

    def visit(definition: Definition, days: int) -> None:
        if definition in path:
            circle = " -> ".join(d.name for d in [*path, definition])
            raise Refused(f"features define each other in a circle: {circle}")
        if days:
            _askable_earlier(definition, days)
        path.append(definition)
        if isinstance(definition, Derived):
            for used, back in references(definition):
                if isinstance(used, Definition):
                    visit(used, days + back)
                elif days + back:
                    raise Refused(
                        f"{definition.name} asks {used} {days + back} days ago: an observation is "
                        "known on its own morning only, ask a feature over facts"
                    )
        path.pop()
        asked[definition, days] = None

    for definition in chosen:
        visit(definition, 0)
    return list(asked)


def _askable_earlier(definition: Definition, days: int) -> None:
    reason = ""
    if isinstance(definition, Relative):
        reason = "its peers are the customers of this morning"
    if isinstance(definition, Aggregate) and definition.table == "renewals":
        reason = "past renewals are known per morning"
    if reason:
        raise Refused(f"{definition.name} cannot be asked {days} days ago: {reason}")
