"""How the rows of a file reach their account: by its id, through another file, or by its name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from pipeline.beginning.headers import Export, Field
from pipeline.beginning.names import COLUMNS, likeness, words
from pipeline.beginning.spellings import quoted

ACCOUNTS = "known_accounts"  # account_id and name as text, of the accounts that were found
GIVEN, VIA = "given", "via"
NAMED, UNNAMED = (
    0.5,
    0.95,
)  # the share of values that must be found, with and without a telling name


@dataclass(frozen=True)
class Link:
    """`sql` is the account of a row of `GIVEN`, read from its column `of`; `join` what it needs.

    `share` of the column's values is found where it leads; `said` tells people the way. By name,
    `doubled` names are those of several accounts, which lead nowhere.
    """

    sql: str
    of: str
    join: str
    share: float
    said: str
    doubled: int = 0


def direct(con: duckdb.DuckDBPyConnection, export: Export, table: str) -> Link | None:
    """The column that holds accounts' ids, if one does: by its values first, then by its name."""
    known = COLUMNS[table]["account_id"]
    ranked = []
    for field in export.fields:
        share = _share(con, field, f"SELECT account_id FROM {ACCOUNTS}")
        named = likeness(field.name, known)
        if share >= (NAMED if named else UNNAMED) and (named >= 0.5 or not _counts(field)):
            ranked.append((share, named, field.name))
    if not ranked:
        return None
    share, _, name = max(ranked, key=lambda found: found[:2])
    return Link(f"{GIVEN}.{quoted(name)}", name, "", share, "")


def through(
    con: duckdb.DuckDBPyConnection, export: Export, others: Iterable[tuple[Export, Link]]
) -> Link | None:
    """The account of a row of another file that this one points to, if it points to one."""
    best: Link | None = None
    for other, link in others:
        for key in (field for field in other.fields if field.unique and field.name != link.of):
            for field in export.fields:
                same = words(field.name) == words(key.name) or (
                    words(field.name)[-1:] == ["id"]
                    and bool(set(words(field.name)[:-1]) & set(words(other.file)))
                )
                if not same or _counts(field) and words(field.name) == ["id"]:
                    continue
                share = _share(con, field, f"SELECT {quoted(key.name)} FROM {other.raw}")
                if share >= NAMED and (best is None or share > best.share):
                    account = f"{VIA}.{quoted(link.of)}"
                    on = f"{VIA}.{quoted(key.name)} = {GIVEN}.{quoted(field.name)}"
                    join = f"LEFT JOIN {other.raw} AS {VIA} ON {on}"
                    said = f"through {field.name} and {other.file}"
                    best = Link(account, field.name, join, share, said)
    return best


def by_name(
    con: duckdb.DuckDBPyConnection, export: Export, table: str, raw: str, account: str, name: str
) -> Link | None:
    """The account whose name a column holds; `raw`, `account` and `name` are those of the accounts.

    A name that is no account's, or that of several, stands as it is, so that the door refuses it
    by that name.
    """
    known = COLUMNS[table]["account_id"]
    names = f"SELECT lower(trim(name)) AS name FROM {ACCOUNTS} WHERE trim(name) <> '' GROUP BY 1"
    inside = f"SELECT name FROM ({names} HAVING count(DISTINCT account_id) = 1)"
    several = f"SELECT count(*) FROM ({names} HAVING count(DISTINCT account_id) > 1)"
    ((doubled,),) = con.execute(several).fetchall()
    for field in sorted(export.fields, key=lambda field: -likeness(field.name, known)):
        share = _share(con, field, inside, "lower(trim(value))")
        if share < NAMED or likeness(field.name, known) < NAMED:
            continue
        here = f"{GIVEN}.{quoted(field.name)}"
        join = f"""LEFT JOIN (
    SELECT lower(trim({quoted(name)})) AS name, min({quoted(account)}) AS account_id
    FROM {raw}
    WHERE trim({quoted(name)}) <> ''
    GROUP BY 1
    HAVING count(DISTINCT {quoted(account)}) = 1
) AS {VIA} ON {VIA}.name = lower(trim({here}))"""
        sql = f"coalesce({VIA}.account_id, {here})"
        return Link(sql, field.name, join, share, f"by the account's name in {field.name}", doubled)
    return None


def _share(
    con: duckdb.DuckDBPyConnection, field: Field, inside: str, value: str = "value"
) -> float:
    """The share of a field's values that stand in a column; 0 for what can be no key."""
    if field.spelt("date") is not None and field.values or not field.values:
        return 0.0
    keys = f"SELECT CAST(COLUMNS(*) AS VARCHAR) AS key FROM ({inside})"
    sql = (
        f"SELECT avg(CAST({value} IN (SELECT key FROM ({keys}) WHERE key IS NOT NULL) AS INT)) "
        "FROM (SELECT unnest(CAST($1 AS VARCHAR[])) AS value)"
    )
    ((share,),) = con.execute(sql, [list(field.values)]).fetchall()
    return round(float(share), 3)


def _counts(field: Field) -> bool:
    """Whether the values could be mere numbers, which are found among any numbers."""
    return field.spelt("number") is not None
