"""The renewals of the cycle: a page of them, or all of them for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import Field

from features.publication import safe
from serve.api.answers import Page
from serve.api.limits import PAGE
from serve.api.listing import SHOWN, Listing, Wanted
from serve.api.state import State
from serve.api.wire import Json

AT_ONCE = 1000


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
        found = held.listing.find(asked)
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
            lines(held.listing, held.listing.find(asked)),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    return routes


def lines(listing: Listing, places: np.ndarray) -> Iterator[str]:
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
