"""Which of an account's past probabilities the ledger holds: said by the ledger, when it is asked.

A publication cannot know it. It is written beside its own sealing, and may be served beside another
ledger, or beside one from which something is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serve.record import Record

CHURN = "churn_probability"


def marked(series: Sequence[Mapping[str, Any]], record: Record | None) -> list[dict[str, Any]]:
    """The rows of serve.dossier's `series`, `sealed` being what the ledger knows of each.

    It is true where `record` (all that the ledger holds of the account) has this very probability
    of this morning, sealed before its renewal was due. What the publication calls sealed or
    replayed is otherwise false, and its own prediction stays empty: nobody can say yet. Without a
    record the rows are as published.
    """
    if record is None:
        return [dict(row) for row in series]
    said = record.predictions[record.predictions["sealed"].astype(bool)]
    held = set(zip(said["as_of"].dt.date, said[CHURN], strict=True))
    return [{**row, "sealed": _sealed(row, held)} for row in series]


def _sealed(row: Mapping[str, Any], held: set[tuple[Any, Any]]) -> bool | None:
    if row["measure"] != CHURN or row["value"] is None:
        return None if row["sealed"] is None else bool(row["sealed"])
    if (row["morning"], row["value"]) in held:
        return True
    return None if row["sealed"] is None else False
