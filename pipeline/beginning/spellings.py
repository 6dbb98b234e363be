"""How exports spell days, times and numbers, and the SQL that makes them readable.

The reader (`pipeline/reading/readings.py`) takes ISO days and plain numbers only, and guesses
nothing. Here is what else is met, as the SELECT has to say it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from features.tables import Kind

DAYS = (
    ("%d/%m/%Y", "day/month/year"),
    ("%m/%d/%Y", "month/day/year"),
    ("%d.%m.%Y", "day.month.year"),
    ("%d-%m-%Y", "day-month-year"),
    ("%m-%d-%Y", "month-day-year"),
    ("%Y/%m/%d", "year/month/day"),
    ("%Y%m%d", "yearmonthday"),
    ("%d %b %Y", "day month year"),
    ("%b %d, %Y", "month day, year"),
    ("%d-%b-%Y", "day-month-year"),
)
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?(Z|UTC|[+-]\d{2}(:?\d{2})?))?)?"
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FLAGS = {"true", "t", "yes", "y", "1", "false", "f", "no", "n", "0"}
_SIGN = re.compile("[€$£¥%\u00a0 ]|^[A-Z]{3} ?")
_COMMAS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?|[+-]?\d+(\.\d+)?")
_POINTS = re.compile(r"[+-]?\d{1,3}(\.\d{3})*(,\d+)?|[+-]?\d+(,\d+)?")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
_WHOLE = re.compile(r"[+-]?\d+")
_EPOCH = ((10, "to_timestamp(CAST({x} AS BIGINT))"), (13, "to_timestamp({x}::BIGINT / 1000)"))


@dataclass(frozen=True)
class Spelling:
    """`sql` makes the column `{x}` readable, `said` tells people how it is spelt; a `sure` one is
    the only one that fits every value."""

    sql: str
    said: str = ""
    sure: bool = True

    def of(self, column: str, relation: str = "") -> str:
        """The SQL of one column, quoted as it must be, of a relation where one is named.

        >>> Spelling("{x} / 100").of("the sum")
        '"the sum" / 100'
        """
        place = f"{relation}." if relation else ""
        return self.sql.replace("{x}", place + quoted(column))


PLAIN = Spelling("{x}")


def quoted(name: str) -> str:
    """A name as SQL takes it for one.

    >>> quoted("an account")
    '"an account"'
    """
    return '"' + name.replace('"', '""') + '"'


def spelling(kind: Kind, values: Sequence[str], called_time: bool = False) -> Spelling | None:
    """How the values of a column of text spell a `kind`, or None if they do not.

    `called_time`: the column's name says that it holds a time, so that whole numbers may be seconds
    or milliseconds since 1970. Without values everything is spelt plainly.

    >>> spelling("date", ["31/01/2024", "01/02/2024"]).sql
    "CAST(strptime(nullif(trim({x}), ''), '%d/%m/%Y') AS DATE)"
    >>> spelling("date", ["01/02/2024"]).sure, spelling("number", ["1.200,50"]).said
    (False, 'decimal comma')
    >>> spelling("number", ["12.000", "24.000"]).said
    'thousands with points, or decimals: no value tells'
    >>> spelling("number", ["twelve"])
    """
    if not values or kind == "text":
        return PLAIN
    if kind == "flag":
        return PLAIN if {value.strip().lower() for value in values} <= _FLAGS else None
    if kind in ("number", "integer"):
        found = _number(values)
        whole = found and (found is not PLAIN or all(float(v).is_integer() for v in values))
        return found if kind == "number" or whole else None
    return _time(kind, [value.strip() for value in values], called_time)


def _number(values: Sequence[str]) -> Spelling | None:
    trimmed = [value.strip() for value in values]
    bare = [_SIGN.sub("", value) for value in trimmed]
    stripped = _without(sorted({sign for value in trimmed for sign in _SIGN.findall(value)}))
    if grouped := _thousands(bare, stripped):
        return grouped
    if all(_NUMBER.fullmatch(value) for value in trimmed):
        return PLAIN
    if all(_NUMBER.fullmatch(value) for value in bare):
        return Spelling(stripped, "with a sign before or behind the number")
    commas = all(_COMMAS.fullmatch(value) for value in bare)
    points = all(_POINTS.fullmatch(value) for value in bare)
    if commas:
        return Spelling(f"replace({stripped}, ',', '')", "thousands with commas", not points)
    if points:
        sql = f"replace(replace({stripped}, '.', ''), ',', '.')"
        return Spelling(sql, "decimal comma")
    return None


def _thousands(numbers: Sequence[str], sql: str) -> Spelling | None:
    """Thousands parted by points, where every point could part them: `12.000` may be twelve, too.

    Two points in a number part thousands. So do points beside `900`, if a number ends with 0: who
    writes decimals in full writes `900.000`, and who cuts their zeros leaves none at the end.
    """
    pointed = [number for number in numbers if "." in number]
    whole = [number for number in numbers if "." not in number]
    if not pointed or not (
        all(_GROUPED.fullmatch(number) for number in pointed)
        and all(_WHOLE.fullmatch(number) for number in whole)
    ):
        return None
    short = bool(whole) and all(len(number.lstrip("+-")) <= 3 for number in whole)
    tells = short and any(number.endswith("0") for number in pointed)
    said = "thousands with points"
    if tells or any(number.count(".") > 1 for number in pointed):
        return Spelling(f"replace({sql}, '.', '')", said)
    return Spelling(f"replace({sql}, '.', '')", f"{said}, or decimals: no value tells", False)


def _without(signs: Sequence[str]) -> str:
    """SQL of a column without the signs that stand beside its numbers."""
    sql = "{x}"
    for sign in signs:
        sql = f"replace({sql}, '{sign}', '')"
    return sql


def _time(kind: Kind, values: Sequence[str], called_time: bool) -> Spelling | None:
    if all(_ISO.fullmatch(value) for value in values):
        if kind == "instant" or all(_midnight(value) for value in values):
            return PLAIN
        if all(_ISO_DAY.match(value) for value in values):
            return Spelling("left(trim({x}), 10)", "a time; its day is taken")
    formats = [
        (f"{day}{clock}", said)
        for day, said in DAYS
        for clock in CLOCKS
        if all(_fits(value, f"{day}{clock}") for value in values)
    ]
    if formats:
        (layout, said), others = formats[0], formats[1:]
        parsed = f"strptime(nullif(trim({{x}}), ''), '{layout}')"
        sql = parsed if kind == "instant" else f"CAST({parsed} AS DATE)"
        either = f"{said}, or {others[0][1]}: no value tells" if others else said
        return Spelling(sql, either, not others)
    for digits, sql in _EPOCH if called_time else ():
        if all(value.isdigit() and len(value) == digits for value in values):
            utc = sql.replace("{x}", "nullif(trim({x}), '')") + " AT TIME ZONE 'UTC'"
            sql = utc if kind == "instant" else f"CAST({utc} AS DATE)"
            return Spelling(sql, "since 1970, in " + ("seconds" if digits == 10 else "thousandths"))
    return None


def _midnight(value: str) -> bool:
    return bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}([T ]00:00(:00(\.0+)?)?(Z|\+00:?00)?)?", value))


def _fits(value: str, layout: str) -> bool:
    try:
        datetime.strptime(value, layout)
    except ValueError:
        return False
    return True
