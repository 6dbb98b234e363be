"""What is on a page, as a CSV that a spreadsheet may open: no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from fastapi.responses import Response, StreamingResponse

from features.publication import safe

MARK = "\ufeff"
RENEWALS = {
    "account_id": "account_id",
    "name": "name",
    "segment": "segment",
    "owner": "owner",
    "due_date": "due_date",
    "days_to_due": "days_to_due",
    "arr_due": "arr_due",
    "arr_at_risk": "arr_at_risk",
    "churn_probability": "churn_probability",
    "churn_low": "churn_low",
    "churn_high": "churn_high",
    "risk_band": "risk_band",
    "before": "churn_probability_before",
    "trend": "trend",
    "health_score": "health_score",
    "health_band": "health_band",
    "agreement": "agreement",
    "early_warning": "early_warning",
    "csm_call": "csm_call",
    "upsell_probability": "upsell_probability",
    "quadrant": "quadrant",
    "reason_1": "reason_1",
    "reason_2": "reason_2",
    "reason_3": "reason_3",
    "status": "status",
    "status_reason": "status_reason",
}
"""What the list shows of a renewal, by the columns of its CSV."""


def renewals(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows of the list, in its order, with what it shows of each."""
    told = ({name: row[of] for of, name in RENEWALS.items()} for row in rows)
    return table(list(told), list(RENEWALS.values()))


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    """Rows of plain values; what is unknown is empty.

    >>> table([{"name": "=1+1", "change": -2}, {"name": None, "change": 0.5}])
    "name,change\\r\\n'=1+1,-2\\r\\n,0.5\\r\\n"
    """
    names = list(columns or dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    # as RFC 4180 ends lines: only so is a cell quoted that holds a carriage return of its own
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe(name) for name in names])
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in names])
    return out.getvalue()


def download(text: str | Iterator[str], name: str) -> Response:
    """The answer that a browser saves under `name`, marked as UTF-8 for spreadsheets."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    kind = "text/csv; charset=utf-8"
    if isinstance(text, str):
        return Response(MARK + text, media_type=kind, headers=headers)
    return StreamingResponse(chain([MARK], text), media_type=kind, headers=headers)


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return safe(value)
