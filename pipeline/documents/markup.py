"""Markdown as the pages use it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def grid(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; a bar or a line break in a cell does not end it, and an empty cell is a dash.

    >>> print(grid(["a", "b"], [[1, "x|y"], [None, ""]]))
    | a | b |
    |---|---|
    | 1 | x\\|y |
    | – | – |
    """
    lines = [columns, ["---"] * len(columns), *([_cell(cell) for cell in row] for row in rows)]
    texts = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([texts[0], texts[1].replace(" ", ""), *texts[2:]])


def _cell(value: object) -> str:
    text = "" if value is None else " ".join(str(value).split())
    return text.replace("|", "\\|") or "–"


def listed(words: Iterable[str]) -> str:
    """Code words in a row.

    >>> listed(["a", "b"])
    '`a`, `b`'
    """
    return ", ".join(f"`{word}`" for word in words)
