"""The facts as they stood before a morning: what the gate builds features from once more."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import duckdb

from features.facts import moment
from features.parts import named, quoted


def cut(con: duckdb.DuckDBPyConnection, facts: Path, as_of: date, out: Path) -> None:
    """Write the facts known before `as_of` to the new folder `out`.

    Rows that became known later are not there, a column that was written later is empty, and a row
    that was replaced later is not replaced yet. Everything else is as in `facts`.
    """
    out.mkdir(parents=True)
    stated = json.loads((facts / "facts.json").read_text(encoding="utf-8"))
    kept = {
        folder: [name for name in parts if named(name).first < as_of]
        for folder, parts in stated["parts"].items()
    }
    (out / "facts.json").write_text(json.dumps({**stated, "parts": kept}), encoding="utf-8")
    for path in sorted(facts.glob("*.parquet")):
        _write(con, path, out / path.name, as_of)
    for folder, parts in kept.items():
        (out / folder).mkdir()
        for name in parts:
            path = Path(folder, f"{name}.parquet")
            _write(con, facts / path, out / path, as_of)


def _write(con: duckdb.DuckDBPyConnection, path: Path, out: Path, as_of: date) -> None:
    """One file of facts, cut."""
    rows, day = con.read_parquet(str(path)), f"TIMESTAMP '{as_of}'"
    shown = []
    for column in rows.columns:
        late = moment(path.stem, column, rows.columns)
        known = late or ("f.replaced_at" if column == "replaced_at" else None)
        shown.append(f"CASE WHEN {known} < {day} THEN f.{column} END" if known else f"f.{column}")
    listed = ", ".join(f"{sql} AS {name}" for sql, name in zip(shown, rows.columns, strict=True))
    con.execute(
        f"COPY (SELECT {listed} FROM read_parquet({quoted(path)}) f WHERE f.known_at < {day}) "
        f"TO {quoted(out)} (FORMAT parquet)"
    )
