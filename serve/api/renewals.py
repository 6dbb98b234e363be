"""The renewals of the cycle: a page of them, or all of them for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from features.publication import safe
from serve.api.answers import Page
from serve.api.limits import PAGE
from serve.api.state import State
from serve.api.wire import Json
from serve.listing import SHOWN, Ints, Listing, View

AT_ONCE = 1000
EQUAL = ("owner", "segment", "plan", "risk_band", "status", "agreement", "health_band")
Sort = Literal[
    "rank", "-rank",
    "due_date", "-due_date",
    "name", "-name",
    "owner", "-owner",
    "arr_due", "-arr_due",
    "arr_at_risk", "-arr_at_risk",
    "churn_probability", "-churn_probability",
    "upsell_probability", "-upsell_probability",
    "health_score", "-health_score",
    "expected_arr", "-expected_arr",
]  # fmt: skip
Band = Literal["low", "medium", "high"]
Status = Literal["scored", "decided", "in_grace", "later_renewal", "failed"]
Agreement = Literal["agree", "model_riskier", "health_riskier", "unknown"]


def _iso(value: object) -> object:
    """Only 2025-07-01 is a day: a number would be read as seconds since 1970."""
    if isinstance(value, str) and not (len(value) == 10 and value[4] == value[7] == "-"):
        raise ValueError("give a day as 2025-07-01")
    return value


Day = Annotated[date | None, BeforeValidator(_iso)]
Text = Annotated[str | None, Field(max_length=500)]


class Wanted(BaseModel):
    """Which renewals; what is not given does not narrow them. `due_until` is the first day that is
    not asked for any more. `unknown` finds those of whom it is not known. What is missing sorts
    last, either way; who has no name is sorted by its id."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    owner: Text = None
    segment: Text = None
    plan: Text = None
    risk_band: Band | None = None
    status: Status | None = None
    agreement: Agreement | None = None
    health_band: Text = None
    due_from: Day = None
    due_until: Day = None
    sort: Sort = "rank"

    def view(self) -> View:
        """What the listing is asked."""
        asked = {name: getattr(self, name) for name in EQUAL}
        return View(
            values={name: (value,) for name, value in asked.items() if value is not None},
            due_from=self.due_from,
            due_until=self.due_until,
            order=self.sort.replace("name", "label"),
        )


class Paged(Wanted):
    """The filters, and which of what they leave."""

    limit: int = Field(50, ge=1, le=PAGE)
    offset: int = Field(0, ge=0, le=10**9)


def router(state: State) -> APIRouter:
    """`/v1/renewals` and `/v1/renewals.csv`, by the same filters."""
    routes = APIRouter(tags=["renewals"])

    @routes.get(
        "/v1/renewals",
        summary="The renewals of the cycle, most ARR at risk first unless sorted otherwise",
        response_model=Page,
    )
    async def renewals(asked: Annotated[Paged, Query()]) -> Response:
        held = state.now
        found = held.listing.find(asked.view()).places
        return Json(
            {
                "as_of": held.published.manifest["as_of"],
                "total": len(found),
                "limit": asked.limit,
                "offset": asked.offset,
                "renewals": held.listing.rows(found[asked.offset : asked.offset + asked.limit]),
            }
        )

    @routes.get(
        "/v1/renewals.csv",
        summary="The same for a spreadsheet, without pages; no cell is a formula",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    async def spreadsheet(asked: Annotated[Wanted, Query()]) -> Response:
        held = state.now
        name = f"renewals-{held.published.manifest['as_of']}.csv"
        return StreamingResponse(
            lines(held.listing, held.listing.find(asked.view()).places),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    return routes


def lines(listing: Listing, places: Ints) -> Iterator[str]:
    """A header and the renewals at some places, no cell a formula, a block at a time."""
    yield _written([list(SHOWN)])
    for start in range(0, len(places), AT_ONCE):
        rows = listing.rows(places[start : start + AT_ONCE])
        yield _written([[safe(cell) for cell in row.values()] for row in rows])


def _written(rows: list[list[object]]) -> str:
    text = io.StringIO()
    # as RFC 4180 ends lines: only so is a cell quoted that holds a carriage return of its own
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
