"""Features: how they are declared, and how they are built from what was known on a morning.

A feature is one aggregate over the past of one table, declared in the module of its family:

    @feature("user_days", days=[7, 28], absent=0, sign=-1)
    def active_users(days):
        \"\"\"People who used the product in the last {days} days.\"\"\"
        return f"count(DISTINCT user_id) FILTER (WHERE age <= {days})"

Its names are `active_users_7d` and `active_users_28d`. `build` hands each expression the past of
its table (`cut`, where facts meet the day that is asked about) and nothing else.

For an account none of whose rows it reads, a feature is its `absent`. A window in which *no*
account has a row, as known, is an outage or lies before the first day: the feature is missing for
all. A feature over a table or column that was not supplied is missing everywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import duckdb
import pandas as pd

from features.definition import (
    OBSERVED,
    Aggregate,
    Body,
    Derived,
    Relative,
    definitions,
    family,
    meaning,
    order,
    reach,
    register,
    single,
    steps,
    variants,
)
from features.expression import Need, over_columns
from features.facts import KEYS, READABLE, moment, supplied
from features.language import Refused
from features.passes import answers, covers, flag, joined, needs_of, passes
from features.publication import write_parquet
from features.window import Window

Rows: TypeAlias = pd.DataFrame | duckdb.DuckDBPyRelation | Path


class ObservedTwice(ValueError):
    """An account was given twice for one morning."""


def feature(
    table: str, per: str | None = None, absent: float | None = None, sign: int = 0, **axes: object
) -> Callable[[Body], Body]:
    """Declare a feature over the rows of `table`; each further keyword is an axis of its names.

    With `per`, the function returns two expressions: one for the rows of each value of that column,
    and one over their results, each called `value`; units of which the first reads no row are left
    out. `absent` is the value for an account of which the feature reads no row (None: missing);
    `sign` is 1 if more means more churn, -1 if less.
    """
    if table not in READABLE:
        raise Refused(f"there is no table {table!r}: features read {', '.join(READABLE)}")

    def declare(body: Body) -> Body:
        for name, values in variants(body.__name__, axes):
            said = meaning(body, values), sign, table, absent
            read = steps(body(**values), per, READABLE[table], name, family(body))
            register(Aggregate(name, family(body), *said, *read))
        return body

    return declare


def derived(body: Body | None = None, *, sign: int = 0, **axes: object) -> Any:
    """Declare a feature over other features and columns of the observation; `@derived(sign=-1)`.

    `ago(feature, days)` in its expression is the feature asked so many days earlier, with what was
    known then; missing for accounts that were no customers then.
    """

    def declare(body: Body) -> Body:
        for name, values in variants(body.__name__, axes):
            formula = over_columns(single(body(**values), name), name)
            register(Derived(name, family(body), meaning(body, values), sign, formula))
        return body

    return declare if body is None else declare(body)


def relative(to: str, min_peers: int, sign: int = 0, **axes: object) -> Callable[[Body], Body]:
    """Declare a rank, 0 (least) to 1, among the same morning's customers alike in `to`.

    `to` is a text column of the observation. Missing where it or the value is missing, and where
    fewer than `min_peers` customers of the group, the account included, have a value.
    """
    texts = [name for name, kind in OBSERVED.items() if kind == "text"]
    if to not in texts or min_peers < 2:
        raise Refused(
            f"relative(to={to!r}, min_peers={min_peers}): `to` is one of {', '.join(texts)}, and "
            "peers are at least 2"
        )

    def declare(body: Body) -> Body:
        for name, values in variants(body.__name__, axes):
            formula = over_columns(single(body(**values), name), name)
            said = meaning(body, values), sign, formula, to, min_peers
            register(Relative(name, family(body), *said))
        return body

    return declare


def dictionary(names: Iterable[str] | None = None) -> pd.DataFrame:
    """The features of some families: name, family, table, meaning, absent, sign; a row each."""
    columns = ["name", "family", "table", "meaning", "absent", "sign"]
    rows = [{column: getattr(d, column, None) for column in columns} for d in definitions(names)]
    return pd.DataFrame(rows, columns=columns)


def signs(names: Iterable[str] | None = None) -> dict[str, int]:
    """What more of each feature means: 1 more churn, -1 less, 0 undeclared."""
    return {d.name: d.sign for d in definitions(names)}


def families(names: Iterable[str] | None = None) -> dict[str, list[str]]:
    """The columns of each family."""
    columns = defaultdict(list)
    for d in definitions(names):
        columns[d.family].append(d.name)
    return dict(columns)


def longest_window(names: Iterable[str] | None = None) -> int:
    """The days before a morning that the features look back: no morning before they are filled."""
    return max((reach(d) for d in definitions(names)), default=0)


def build(
    con: duckdb.DuckDBPyConnection,
    observations: Rows,
    facts: Path,
    past_renewals: Rows | None,
    out: Path | None = None,
    families: Iterable[str] | None = None,
) -> pd.DataFrame | None:
    """The features of each observation, from what was known on its morning.

    `observations` are all customers of their mornings: account_id, as_of, and what there is of
    `OBSERVED`. `facts` is the folder that `build_facts` wrote; `past_renewals` the settled renewals
    as known on each morning. Returns account_id, as_of and one column a feature, sorted by as_of
    and account_id; with `out`, writes that as Parquet instead. Raises ObservedTwice.
    """
    chosen = definitions(families)
    plan = order(chosen)
    with con.cursor() as work:
        observed = _observe(work, observations)
        tables = _tables(work, facts, past_renewals)
        found = passes(plan, {name: table.columns for name, table in tables.items()})
        for key, group in found.items():
            bound = max(d.oldest or 0 for d in group) if key.bounded else None
            rows = cut(tables[key.table], needs_of(group), key.ago, bound)
            work.execute(f"CREATE TEMP TABLE {key.relation} AS {answers(key, group, rows)}")
        for name, (windows, agos) in covers(found).items():
            rows = cover(tables[name], windows, agos)
            work.execute(f'CREATE TEMP TABLE "cover {name}" AS {rows}')
        sql = joined(chosen, plan, found, observed)
        if out is not None:
            write_parquet(work, sql, out, ["as_of", "account_id"])
            return None
        return work.execute(f"{sql} ORDER BY as_of, account_id").df()


class Table(NamedTuple):
    """Where a table's facts are read, and which of its columns features may use."""

    name: str
    sql: str
    columns: frozenset[str]


def _observe(work: duckdb.DuckDBPyConnection, observations: Rows) -> list[str]:
    """Create the table of observations, numbered, and say which of OBSERVED they carry."""
    given = _given(work, observations, "given")
    used = [name for name in OBSERVED if name in given]
    listed = "".join(f', "{name}" AS "observed {name}"' for name in used)
    work.execute(
        "CREATE TEMP TABLE observed AS SELECT "
        "CAST(row_number() OVER (ORDER BY as_of, account_id) AS INTEGER) AS asking, "
        f"account_id, CAST(as_of AS DATE) AS as_of{listed} FROM given"
    )
    twice = work.execute(
        "SELECT account_id, as_of FROM observed GROUP BY account_id, as_of HAVING count(*) > 1 "
        "ORDER BY as_of, account_id LIMIT 1"
    ).fetchone()
    if twice:
        raise ObservedTwice(f"{twice[0]} is observed twice on {twice[1]}: once a morning is enough")
    return used


def _tables(
    work: duckdb.DuckDBPyConnection, facts: Path, past_renewals: Rows | None
) -> dict[str, Table]:
    tables = {
        name: Table(name, f"read_parquet({_quoted(facts / f'{name}.parquet')})", frozenset(columns))
        for name, columns in supplied(facts).items()
        if name in READABLE
    }
    if past_renewals is not None:
        columns = _given(work, past_renewals, "renewals")
        tables["renewals"] = Table("renewals", "renewals", frozenset(columns))
    return tables


def _given(work: duckdb.DuckDBPyConnection, rows: Rows, name: str) -> list[str]:
    """Give a frame, a relation or a Parquet file a name in the connection; its columns."""
    if isinstance(rows, Path):
        work.execute(f"CREATE TEMP VIEW {name} AS FROM read_parquet({_quoted(rows)})")
    else:
        frame = rows if isinstance(rows, pd.DataFrame) else rows.to_arrow_table()
        work.register(name, frame)
    return [row[0] for row in work.execute(f"DESCRIBE {name}").fetchall()]


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


PAST = (
    "f.occurred_at < s.asked AND f.known_at < s.asked "
    "AND (f.replaced_at IS NULL OR f.replaced_at >= s.asked)"
)
"""When a fact `f` is past on the day `s.asked`."""


def cut(table: Table, needs: Iterable[Need], ago: int = 0, bound: int | None = None) -> str:
    """SQL of the past of each observation in one table, `ago` days before its morning.

    A row carries `asking` (the number of the observation), `age` (whole days) and what is needed of
    it; a column written later than its row is empty until it is known. `bound` is the greatest age
    that anyone needs. Past renewals are known per morning, and come cut.
    """
    occurred, past = "f.occurred_at", PAST
    if bound is not None:
        past += f" AND f.occurred_at >= s.asked - INTERVAL {bound} DAY"
    if table.name == "renewals":
        occurred, past = "f.due_date", "CAST(f.as_of AS DATE) = s.asked"
    handed = "".join(f", {_handed(table, need)} AS {need.sql}" for need in sorted(needs))
    return (
        f"SELECT s.asking, date_diff('day', CAST({occurred} AS DATE), s.asked) AS age{handed} "
        f"FROM (SELECT asking, account_id, as_of - {ago} AS asked FROM observed) s "
        f"JOIN {table.sql} f ON f.account_id = s.account_id AND {past}"
    )


def _handed(table: Table, need: Need) -> str:
    """What an expression needs of a fact `f`, on the day `s.asked`."""
    keys = KEYS[table.name]
    if need.kind == "newest":
        order = ["due_date"] if table.name == "renewals" else ["occurred_at", *keys]
        return f"struct_pack({', '.join(f'{name} := f.{name}' for name in order)})"
    if need.kind == "gap":
        units = "".join(f", f.{name}" for name in keys if name not in ("account_id", "day"))
        newer = f"lead(f.day) OVER (PARTITION BY s.asking{units} ORDER BY f.day)"
        return f"date_diff('day', f.day, coalesce({newer}, s.asked))"
    known = [_known(table, column) for column in need.columns]
    if need.kind == "since":
        return f"date_diff('day', CAST({known[0]} AS DATE), s.asked)"
    if need.kind == "hours":
        start, end = (f"CAST({column} AS TIMESTAMP)" for column in known)
        return f"(date_diff('second', {start}, {end}) / CAST(3600 AS DOUBLE))"
    number = READABLE[table.name][need.columns[0]] == "number"
    exact = number and table.name == "renewals"
    return f"CAST({known[0]} AS DECIMAL(18, 6))" if exact else known[0]


def _known(table: Table, column: str) -> str:
    """A column of a fact `f`, empty until it is known."""
    late = moment(table.name, column, table.columns)
    return f"CASE WHEN {late} < s.asked THEN f.{column} END" if late else f"f.{column}"


def cover(table: Table, windows: Iterable[Window], agos: Iterable[int]) -> str:
    """SQL of the days on which a table has a row of any account, as known, in each window."""
    mornings = " UNION ".join(
        f"SELECT DISTINCT as_of - {ago} AS asked FROM observed" for ago in agos
    )
    occurred, past, facts = "occurred_at", PAST, table.sql
    if table.name == "renewals":
        occurred, past = "due_date", "CAST(f.as_of AS DATE) = s.asked"
    else:
        facts = (
            "(SELECT CAST(occurred_at AS DATE) AS occurred_at, CAST(replaced_at AS DATE) AS "
            "replaced_at, min(CAST(known_at AS DATE)) AS known_at "
            f"FROM {table.sql} GROUP BY 1, 2)"
        )
    flags = ", ".join(
        f"bool_or(age > {w.newest}{'' if w.oldest is None else f' AND age <= {w.oldest}'}) "
        f"AS {flag(w)}"
        for w in windows
    )
    return (
        f"SELECT asked, {flags} FROM (SELECT s.asked, "
        f"date_diff('day', CAST(f.{occurred} AS DATE), s.asked) AS age "
        f"FROM ({mornings}) s JOIN {facts} f ON {past}) GROUP BY asked"
    )
