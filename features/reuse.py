"""What the features of a morning come from, as a hash: equal hashes, equal bytes, nothing to do.

The past of a morning never changes: what becomes known later is no part of it. So a morning is
built again only if its observations, the code, or facts known before it are others than they were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb

from features.asked import Asked
from features.definition import Aggregate, Definition, Derived, Relative, order
from features.facts import KEYS, LATE, READABLE, moment, supplied
from features.parts import quoted
from features.publication import keep, made_by
from features.rollups import ROLLUPS
from features.usage import Record

FILE = "features.json"
UNKNOWN = ""
CATALOGUE = "product_features"


def inputs(
    work: duckdb.DuckDBPyConnection, asked: Asked, facts: Path, chosen: Sequence[Definition]
) -> dict[date, str]:
    """The hash of all that the features of each morning come from.

    Only DuckDB can tell quickly; on another engine no two mornings come from the same.
    """
    if not isinstance(work, duckdb.DuckDBPyConnection):
        return dict.fromkeys(asked.mornings, UNKNOWN)
    readable = (*READABLE, CATALOGUE)
    columns = {name: of for name, of in supplied(facts).items() if name in readable}
    usage = Record.read(facts)
    made = json.loads((facts / "facts.json").read_text("utf-8"))["made_by"]
    meant = [f"{_said(d)} {ago}" for d, ago in order(chosen)]
    given = json.dumps([columns, asked.columns, asked.renewals, *(d.name for d in chosen)])
    common = [made_by(), made, given, *meant]
    known = {
        name: _known(work, facts / f"{name}.parquet", name, columns[name])
        for name in columns
        if name not in ROLLUPS and (facts / f"{name}.parquet").exists()
    }
    seen = _rows(work, "asked", "morning")
    if asked.renewals is not None:
        for morning, of in _rows(work, "renewals", "CAST(as_of AS DATE)").items():
            seen[morning] = f"{seen.get(morning, '')} {of}"
    found = {}
    for morning in asked.mornings:
        rows = [f"{name} {_before(days, morning)}" for name, days in sorted(known.items())]
        text = "\n".join([*common, seen[morning], *usage.known(morning), *rows])
        found[morning] = hashlib.sha256(text.encode()).hexdigest()
    return found


def files(mornings: Iterable[date]) -> dict[str, list[date]]:
    """The files of features and the mornings in each, oldest first.

    A file holds a quarter; of the quarter in which the last morning lies, one morning.

    >>> list(files([date(2024, 11, 1), date(2024, 12, 1), date(2025, 1, 1), date(2025, 2, 1)]))
    ['2024-Q4', '2025-01-01', '2025-02-01']
    """
    found: dict[str, list[date]] = {}
    ordered = sorted(mornings)
    for morning in ordered:
        opened = _quarter(morning) == _quarter(ordered[-1])
        found.setdefault(str(morning) if opened else _quarter(morning), []).append(morning)
    return found


def reuse(of: Mapping[date, str], out: Path, folder: Path) -> dict[str, list[date]]:
    """Keep the files of `out` that come from the same in `folder`; the others are to be made."""
    file = out / FILE
    before = json.loads(file.read_text("utf-8")) if file.exists() else {}
    new = {}
    for name, mornings in files(of).items():
        made = out / f"{name}.parquet"
        note = _note(of, mornings)
        if before.get(name) == note and UNKNOWN not in note.values() and made.exists():
            keep(made, folder / made.name)
        else:
            new[name] = mornings
    return new


def note(of: Mapping[date, str], folder: Path) -> None:
    """Write what each morning of a folder's files comes from."""
    plain = {name: _note(of, mornings) for name, mornings in files(of).items()}
    (folder / FILE).write_text(json.dumps(plain, indent=1) + "\n", "utf-8")


def _note(of: Mapping[date, str], mornings: Iterable[date]) -> dict[str, str]:
    return {str(morning): of[morning] for morning in mornings}


def _quarter(morning: date) -> str:
    return f"{morning.year}-Q{(morning.month + 2) // 3}"


def _rows(work: duckdb.DuckDBPyConnection, relation: str, morning: str) -> dict[date, str]:
    """A hash of the rows of each morning, whatever their order."""
    rows = work.execute(
        f"SELECT {morning}, count(*), sum(CAST(hash(r) AS HUGEINT)) FROM {relation} r GROUP BY 1"
    ).fetchall()
    return {day: f"{count} {total}" for day, count, total in rows}


def _known(
    work: duckdb.DuckDBPyConnection, file: Path, table: str, columns: Sequence[str]
) -> list[tuple[date, int]]:
    """What each day added to the facts of a table: rows, versions, columns written later."""
    late = [column for column in columns if column in LATE.get(table, {})]
    there = {name for name, *_ in _columns(work, file)}
    read = [*columns, *KEYS.get(table, ()), "occurred_at", "known_at"]
    kept = [name for name in dict.fromkeys(read) if name in there and name not in late]
    row = f"hash({', '.join(f'f.{column}' for column in kept)})"
    news = [("f.known_at", row)]
    if "replaced_at" in there:
        news.append(("f.replaced_at", f"hash({row}, 'replaced')"))
    for column in late:
        told = moment(table, column, set(columns))
        news.append((f"CAST({told} AS TIMESTAMP)", f"hash({row}, '{column}', f.{column})"))
    each = " UNION ALL ".join(
        f"SELECT CAST(greatest(f.known_at, {told}) AS DATE) AS day, CAST({digest} AS HUGEINT) AS "
        f"digest FROM read_parquet({quoted(file)}) f WHERE {told} IS NOT NULL"
        for told, digest in news
    )
    return work.execute(
        f"SELECT day, sum(digest) FROM ({each}) GROUP BY day ORDER BY day"
    ).fetchall()


def _columns(work: duckdb.DuckDBPyConnection, file: Path) -> list[tuple]:
    return work.execute(f"DESCRIBE SELECT * FROM read_parquet({quoted(file)})").fetchall()


def _said(d: Definition) -> str:
    """All that decides what a definition's column holds."""
    if isinstance(d, Aggregate):
        outer = d.outer.sql if d.outer else ""
        return f"{d.key}: {d.table} {d.absent} {d.inner.sql} {d.per} {outer}"
    assert isinstance(d, Derived)
    rank = f" {d.to} {d.min_peers}" if isinstance(d, Relative) else ""
    return f"{d.key}: {d.formula.text}{rank}"


def _before(days: Sequence[tuple[date, int]], morning: date) -> int:
    return sum(digest for day, digest in days if day < morning)
