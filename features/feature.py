"""Features: how they are declared, and how they are built from what was known on a morning.

A feature is one aggregate over the past of one table, declared in the module of its family:

    @feature("user_days", days=[7, 28], absent=0, sign=-1)
    def active_users(days):
        \"\"\"People who used the product in the last {days} days.\"\"\"
        return f"count(DISTINCT user_id) FILTER (WHERE age <= {days})"

Its names are `active_users_7d` and `active_users_28d`. `build` hands each expression the past of
its table (`features.past`, where facts meet the day that is asked about) and nothing else.

For an account none of whose rows it reads, a feature is its `absent`. A window in which *no*
account has a row, as known, is an outage or lies before the first day: the feature is missing for
all. A feature over a table or column that was not supplied is missing everywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from features.answering import answer
from features.asked import Rows, ask
from features.definition import (
    OBSERVED,
    Aggregate,
    Body,
    Definition,
    Derived,
    Relative,
    definitions,
    expressions,
    family,
    meaning,
    reach,
    register,
    single,
    steps,
    variants,
)
from features.expression import over_columns
from features.facts import READABLE
from features.language import Refused
from features.publication import published, write_frame, write_parquet
from features.reuse import inputs, note, reuse
from features.workshop import Job, by_rows_alone, side_by_side, workshop


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
            read = steps(expressions(body, values), per, READABLE[table], name, family(body))
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
            formula = over_columns(single(expressions(body, values), name), name)
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
            formula = over_columns(single(expressions(body, values), name), name)
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
    and account_id; with `out`, writes a folder with a file a morning instead, and keeps those that
    it holds already, made by the same code from the same facts. Raises ObservedTwice.
    """
    chosen = definitions(families)
    with workshop(con) as work:
        asked = ask(work, observations, past_renewals)
        if not asked.mornings:
            return _nobody(chosen, out)
        if out is None:
            runs = [[morning] for morning in asked.mornings]
            frames = [
                work.execute("SELECT * FROM answered ORDER BY as_of, account_id").df()
                for _ in answer(work, asked, facts, chosen, runs)
            ]
            return pd.concat(frames, ignore_index=True)
        of = inputs(work, asked, facts, chosen)
        with published(out) as folder:
            new = reuse(of, out, folder)
            for batch in answer(work, asked, facts, chosen, new.values()):
                files = [name for name, mornings in new.items() if mornings[0] in batch]
                with by_rows_alone(work):
                    side_by_side(work, [_job(folder, name, new[name]) for name in files])
            note(of, folder)
        return None


def _job(folder: Path, name: str, mornings: Iterable[date]) -> Job:
    """Write the answers of some mornings to a file."""
    within = ", ".join(f"DATE '{morning}'" for morning in mornings)
    rows = f"SELECT * FROM answered WHERE CAST(as_of AS DATE) IN ({within})"
    path = folder / f"{name}.parquet"
    return lambda cursor: write_parquet(cursor, rows, path, ["as_of", "account_id"])


def _nobody(chosen: Iterable[Definition], out: Path | None) -> pd.DataFrame | None:
    """The features of no observation at all: every column, and no row."""
    features = {d.name: pd.Series(dtype=float) for d in chosen}
    index = {"account_id": pd.Series(dtype=str), "as_of": pd.Series(dtype="datetime64[us]")}
    frame = pd.DataFrame({**index, **features})
    if out is None:
        return frame
    with published(out) as folder:
        write_frame(frame, folder / "nobody.parquet", ["account_id"])
    return None
