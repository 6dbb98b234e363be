"""The page of all features, from their own definitions."""

from __future__ import annotations

import pandas as pd

from features.feature import dictionary as definitions
from pipeline.documents.markup import grid

SIGNS = {1: "more churn", -1: "less churn", 0: ""}
INTRODUCTION = """\
# The dictionary of features

{count} features in {families} families: what `renewcast features --dictionary` prints. Each is one
expression over the facts known before a morning; [adding one](../data-scientist.md#add-a-feature)
takes three lines.

- *table*: whose rows the expression reads; a dash is a feature over other features or over the
  observation.
- *none*: its value for an account none of whose rows it reads. A dash is missing. A window in which
  no account at all has a row (an outage, or before the first day) is missing for everybody.
- *more of it*: the sign that CS would defend. It binds the trees where the data do not contradict
  it; a dash is undeclared.
"""


def dictionary() -> str:
    """The page in Markdown."""
    told = definitions()
    families = told["family"].nunique()
    parts = [INTRODUCTION.format(count=len(told), families=families)]
    for family, rows in told.groupby("family", sort=False):
        cells = [
            (
                f"`{row.name}`",
                row.meaning,
                None if pd.isna(row.table) else row.table,
                None if pd.isna(row.absent) else f"{row.absent:g}",
                SIGNS[0 if pd.isna(row.sign) else int(row.sign)],
            )
            for row in rows.itertuples(index=False)
        ]
        header = ["feature", "meaning", "table", "none", "more of it"]
        parts.append(f"## {family}\n\n{grid(header, cells)}\n")
    return "\n".join(parts)
