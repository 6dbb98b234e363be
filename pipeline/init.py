"""Write a source for a company's own files: SELECTs that map their columns, to be corrected."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from features.publication import published
from features.tables import BadInput, Finding
from pipeline.beginning.guide import text
from pipeline.beginning.headers import read_exports
from pipeline.beginning.proposal import Proposal, propose
from pipeline.reading.selects import parse


def begin(name: str, given: str, only: list[str], sources: Path) -> Proposal:
    """Propose how the files of `given` become our tables, and write that to `sources`/`name`.

    `given` is a folder or a database URL, `only` the files or tables to look at (empty: all).
    Nothing is overwritten, and nothing is written unless all of it is: BadInput says why not.
    """
    folder = sources / name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        action = "Use letters, digits, - and _"
        raise BadInput(
            [Finding("fault", "name", "", None, name, "it cannot name a folder", action)]
        )
    if folder.exists():
        message, action = f"{folder} is there already", "Name another; nothing is overwritten"
        raise BadInput([Finding("fault", "name", "", None, name, message, action)])
    with TemporaryDirectory(prefix="renewcast-") as scratch, duckdb.connect() as con:
        proposal = propose(con, read_exports(con, given, only, Path(scratch)))
    with published(folder) as new:
        for place, sql in proposal.selects.items():
            parse(sql)
            path = new / place
            path.parent.mkdir(exist_ok=True)
            path.write_text(sql, encoding="utf-8")
        (new / "README.md").write_text(text(proposal, name, given), encoding="utf-8")
    return proposal
