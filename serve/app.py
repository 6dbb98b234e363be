"""A first service: the last published predictions over HTTP, read-only and on loopback.

A new publication is served as soon as it verifies; while it does not, the last good one is.
Errors are problem details (RFC 9457). Nothing is loaded from another host, the page of the
interface included.
"""

from __future__ import annotations

from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, create_model
from starlette.exceptions import HTTPException as StarletteHTTPException

from serve.pages import render
from serve.predictions import COLUMNS, MANIFEST, DamagedPublication, Published, read, records

PYTHON = {"VARCHAR": str, "DATE": date, "DOUBLE": float, "BIGINT": int, "BOOLEAN": bool}
MOST = 500

FIELDS: dict[str, Any] = {name: (PYTHON[sql] | None, ...) for name, sql in COLUMNS.items()}
Renewal = create_model("Renewal", **FIELDS)


class Health(BaseModel):
    """The health score of an account, 0 to 100, high is good, and that of each dimension."""

    score: float | None
    band: str | None
    coverage: float | None
    dimensions: dict[str, float | None]


class Account(BaseModel):
    """One account as last published: its renewals and its health score."""

    account_id: str
    as_of: date
    renewals: list[Renewal]  # type: ignore[valid-type]
    health: Health | None


class Page(BaseModel):
    """Some of the renewals, the riskiest first; `total` counts all that the filters leave."""

    as_of: date
    total: int
    limit: int
    offset: int
    renewals: list[Renewal]  # type: ignore[valid-type]


class Shelf:
    """The publication in a folder, read again when its manifest changes and verifies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen = self._manifest()
        self._held = read(folder)

    def current(self) -> Published:
        """The newest publication that verified."""
        seen = self._manifest()
        if seen is not None and seen != self._seen:
            try:
                self._held = read(self.folder)
                self._seen = seen
            except (DamagedPublication, OSError):
                pass  # half-way between two publications, or damaged: the good one is kept
        return self._held

    def _manifest(self) -> bytes | None:
        try:
            return (self.folder / MANIFEST).read_bytes()
        except OSError:
            return None


def create_app(publication: Path) -> FastAPI:
    """The service over one folder of predictions; raises DamagedPublication if it does not verify.

    `/v1/renewals`, `/v1/accounts/{account_id}`, `/healthz`, `/docs` and `/openapi.json`.
    """
    shelf = Shelf(publication)
    app = FastAPI(
        title="Renewcast",
        version="1",
        description="Risk of churn and chance of expansion, by renewal, as last published.",
        docs_url=None,
        redoc_url=None,
    )

    @app.get("/v1/renewals", summary="The renewals of the cycle, most ARR at risk first")
    async def renewals(
        owner: str | None = None,
        segment: str | None = None,
        risk_band: Literal["low", "medium", "high"] | None = None,
        status: Literal["scored", "decided", "in_grace", "later_renewal", "failed"] | None = None,
        agreement: Literal["agree", "model_riskier", "health_riskier", "unknown"] | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    ) -> Page:
        held = shelf.current()
        rows = held.predictions
        asked = {
            "owner": owner,
            "segment": segment,
            "risk_band": risk_band,
            "status": status,
            "agreement": agreement,
        }
        for column, value in asked.items():
            if value is not None:
                rows = rows[rows[column].eq(value)]
        some = rows.iloc[offset : offset + limit]
        return Page.model_validate(
            {
                "as_of": held.manifest["as_of"],
                "total": len(rows),
                "limit": limit,
                "offset": offset,
                "renewals": records(some),
            }
        )

    @app.get("/v1/accounts/{account_id}", summary="One account's renewals and health score")
    async def account(account_id: str) -> Account:
        held = shelf.current()
        rows = held.predictions[held.predictions["account_id"].eq(account_id)]
        if rows.empty:
            raise HTTPException(
                404,
                f"no renewal of account {account_id} is due within {held.manifest['due_within']} "
                f"days of {held.manifest['as_of']} or in grace",
            )
        return Account.model_validate(
            {
                "account_id": account_id,
                "as_of": held.manifest["as_of"],
                "renewals": records(rows),
                "health": _health(held, account_id),
            }
        )

    @app.get("/healthz", summary="Whether the service answers, and from which publication")
    async def healthz() -> dict[str, Any]:
        held = shelf.current()
        return {
            "status": "ok",
            "as_of": held.manifest["as_of"],
            "renewals": len(held.predictions),
            "identity": held.manifest["identity"],
        }

    @app.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    async def docs() -> str:
        return render("docs.html", api=app.openapi())

    @app.exception_handler(StarletteHTTPException)
    async def refused(request: Request, error: StarletteHTTPException) -> JSONResponse:
        return _problem(request, error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors()
        )
        return _problem(request, 422, faults)

    return app


def serve(publication: Path, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Answer until stopped; on loopback unless told otherwise."""
    uvicorn.run(create_app(publication), host=host, port=port, log_level="info")


def _health(held: Published, account_id: str) -> dict[str, Any] | None:
    if held.health.empty:
        return None
    rows = records(held.health[held.health["account_id"].eq(account_id)])
    if not rows:
        return None
    row = rows[0]
    ends = "_score"
    dimensions = {k: v for k, v in row.items() if k.endswith(ends) and k != "health_score"}
    return {
        "score": row["health_score"],
        "band": row["health_band"],
        "coverage": row["health_coverage"],
        "dimensions": {name.removesuffix(ends): value for name, value in dimensions.items()},
    }


def _problem(request: Request, status: int, detail: str) -> JSONResponse:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
    }
    return JSONResponse(body, status, media_type="application/problem+json")
