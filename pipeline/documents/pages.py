"""Which pages are made, where they stand under `docs/`, and by which function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.documents.commands import command_line
from pipeline.documents.dictionary import dictionary
from pipeline.documents.flow import flow, way
from pipeline.documents.interface import interface
from pipeline.documents.parameters import parameters
from pipeline.documents.tables import tables

MADE = "<!-- made by `python -m pipeline.documents`: change what it is made from, not this page -->"

CHAPTERS: Mapping[str, Callable[[], str]] = {
    "reference/tables.md": tables,
    "reference/features.md": dictionary,
    "reference/command-line.md": command_line,
    "reference/parameters.md": parameters,
    "reference/interface.md": interface,
    "figures/way.svg": way,
    "figures/flow.svg": flow,
}


def page(name: str) -> str:
    """What stands in the file `name` of CHAPTERS, whole."""
    text = CHAPTERS[name]().rstrip() + "\n"
    return f"{MADE}\n\n{text}" if name.endswith(".md") else text


def write(folder: Path, names: Mapping[str, object]) -> list[Path]:
    """Write those pages under a folder; gives their paths."""
    written = []
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(name), encoding="utf-8")
        written.append(path)
    return written
