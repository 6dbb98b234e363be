"""The page of the tables that a user brings, from `features.tables.TABLES`."""

from __future__ import annotations

from features.tables import TABLES, Table
from pipeline.documents.markup import grid, listed

KINDS = {
    "text": "text",
    "date": "date",
    "instant": "instant (UTC)",
    "integer": "whole number",
    "number": "number",
    "flag": "true or false",
}
INTRODUCTION = """\
# The tables

What a company brings. A *source* maps its exports to these tables, one SELECT a table
([bring your own data](../your-own-data.md)); `renewcast validate` names every fault at once.

- Only {required} are required. What else is missing costs what its row says, is named in the data
  report, and never becomes a zero.
- Text ids, ISO dates, UTC instants. Every end is the first day *without*: an export that names the
  last day with it adds a day in its SELECT.
- `recorded_at` is optional everywhere. Rows of one key with different `recorded_at` are versions of
  one row, and a morning sees the newest that was known before it.
- A column without versions must hold what was true when its row began. What the source overwrites
  (today's plan, today's owner, a flag that is switched off at the cancellation) is not that.
- The exports hold every customer of the period, **the lost ones too**.
"""


def tables() -> str:
    """The page in Markdown."""
    required = listed(name for name, table in TABLES.items() if table.required)
    parts = [INTRODUCTION.format(required=required.replace(", ", " and "))]
    return "\n".join([*parts, *(_section(table) for table in TABLES.values())])


def _section(table: Table) -> str:
    lines = [f"## {table.name}", "", f"{table.meaning[0].upper()}{table.meaning[1:]}."]
    key = listed(table.key)
    told = [f"**Required.** Key: {key}." if table.required else f"Optional. Key: {key}."]
    if table.costs:
        told.append(f"Without it: {table.costs}.")
    rows = [
        (
            f"`{column.name}`",
            KINDS[column.kind],
            "in every row" if column.filled else "column" if column.required else "",
            column.meaning,
            column.costs,
        )
        for column in table.columns
    ]
    header = ["column", "kind", "required", "meaning", "without it"]
    return "\n".join([*lines, "", " ".join(told), "", grid(header, rows), ""])
