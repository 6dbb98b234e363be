"""How a value as brought becomes a value as meant, and which values cannot.

Text is read strictly: ISO dates and instants, plain numbers, yes/no. Nothing is rounded, cut or
guessed; a value that is there but cannot be read is a fault of its row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from features.tables import SQL_TYPE, Column, Kind

_SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_WHOLE = (*_SIGNED, *(f"U{name}" for name in _SIGNED))
_BROKEN = ("FLOAT", "DOUBLE", "DECIMAL")
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_ZONED = ("TIMESTAMP WITH TIME ZONE",)

_READABLE: dict[Kind, tuple[str, ...]] = {
    "text": ("VARCHAR", "UUID", "ENUM", *_WHOLE),
    "date": ("VARCHAR", *_TIMES, *_ZONED),
    "instant": ("VARCHAR", *_TIMES, *_ZONED),
    "integer": ("VARCHAR", *_WHOLE, *_BROKEN),
    "number": ("VARCHAR", *_WHOLE, *_BROKEN),
    "flag": ("VARCHAR", "BOOLEAN", *_WHOLE),
}

MEANT: dict[Kind, str] = {
    "text": "text",
    "date": "a day like 2025-03-01",
    "instant": "a time like 2025-03-01 or 2025-03-01T09:30:00Z",
    "integer": "a whole number like 12",
    "number": "a number like 12.5",
    "flag": "true or false",
}

_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?"
_ZONE = r" ?(Z|UTC|[+-]\d{2}(:?\d{2})?)"
_MIDNIGHT = r"00:00(:00(\.0{1,9})?)?( ?(Z|UTC|[+-]00(:?00)?))?"


@dataclass(frozen=True)
class Reading:
    """SQL for one column as brought: its typed `value`, and whether a row `is_empty`."""

    value: str
    is_empty: str


def readable(kind: Kind, sql_type: str) -> bool:
    """Whether a column of `sql_type` can hold values of `kind` at all.

    >>> readable("date", "VARCHAR"), readable("number", "DECIMAL(18,2)"), readable("date", "DOUBLE")
    (True, True, False)
    """
    return _family(sql_type) in _READABLE[kind] or _family(sql_type) == "NULL"


def reading(column: Column, sql_type: str) -> Reading:
    """How a column of DuckDB type `sql_type` is read as the contract's `column`.

    The type must be `readable`. The typed value is NULL where it is empty or cannot be read.
    """
    x, kind, family = f'"{column.name}"', column.kind, _family(sql_type)
    if family == "VARCHAR":
        return Reading(_from_text(kind, x), f"coalesce(trim({x}) = '', true)")
    return Reading(_from_typed(kind, x, family), f"{x} IS NULL")


def _family(sql_type: str) -> str:
    return re.sub(r"\(.*", "", sql_type).strip('"')


def _from_text(kind: Kind, x: str) -> str:
    trimmed = f"trim({x})"
    if kind == "text":
        return f"CASE WHEN {trimmed} <> '' THEN {x} END"
    if kind == "flag":
        return (
            f"CASE WHEN lower({trimmed}) IN ('true', 't', 'yes', 'y', '1') THEN true "
            f"WHEN lower({trimmed}) IN ('false', 'f', 'no', 'n', '0') THEN false END"
        )
    if kind == "date":
        return _if_like(x, f"{_DAY}([T ]{_MIDNIGHT})?", f"TRY_CAST({trimmed}[:10] AS DATE)")
    if kind == "instant":
        local = _if_like(x, f"{_DAY}([T ]{_CLOCK})?", f"TRY_CAST({trimmed} AS TIMESTAMP)")
        close = rf"regexp_replace({trimmed}, ' ([+-])', '\1')"
        colon = rf"regexp_replace({close}, '([+-]\d\d)(\d\d)$', '\1:\2')"
        zoned = f"TRY_CAST({colon} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
        return f"coalesce({local}, {_if_like(x, f'{_DAY}[T ]{_CLOCK}{_ZONE}', zoned)})"
    if kind == "integer":
        return _if_like(x, r"[+-]?\d+(\.0*)?", f"TRY_CAST({trimmed} AS BIGINT)")
    number = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
    return _finite(_if_like(x, number, f"TRY_CAST({trimmed} AS DOUBLE)"))


def _from_typed(kind: Kind, x: str, family: str) -> str:
    if kind in ("date", "instant") and family in (*_TIMES, *_ZONED):
        utc = f"{x} AT TIME ZONE 'UTC'" if family in _ZONED else x
        instant = f"TRY_CAST({utc} AS TIMESTAMP)"
        if kind == "instant":
            return instant
        return (
            f"CASE WHEN {instant} = date_trunc('day', {instant}) THEN TRY_CAST({utc} AS DATE) END"
        )
    if kind == "flag" and family in _WHOLE:
        return f"CASE {x} WHEN 1 THEN true WHEN 0 THEN false END"
    if kind == "integer" and family in _BROKEN:
        return f"CASE WHEN {x} = round({x}) THEN TRY_CAST({x} AS BIGINT) END"
    if kind == "number":
        return _finite(f"TRY_CAST({x} AS DOUBLE)")
    return f"TRY_CAST({x} AS {SQL_TYPE[kind]})"


def _if_like(x: str, pattern: str, value: str) -> str:
    return f"CASE WHEN regexp_full_match(trim({x}), '{pattern}') THEN {value} END"


def _finite(value: str) -> str:
    return f"CASE WHEN isfinite({value}) THEN {value} END"
