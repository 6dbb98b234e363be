"""Every error is a problem detail (RFC 9457): a sentence with the value, the place, what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from models.encoding import MissingColumns, UnusableColumn
from models.plain import UnevenColumns
from serve.api.wire import dumped, whole
from serve.dossier import Replaced
from serve.sealing.store import LedgerUnavailable

MEDIA_TYPE = "application/problem+json"
AWAY = "the ledger cannot be reached just now; nothing was changed, ask again"
EXCHANGED = "the publication is being exchanged: ask again"
UNREADABLE = (MissingColumns, UnusableColumn, UnevenColumns)


class Problem(HTTPException):
    """What cannot be answered, and why. `more` are further members of the problem's object."""

    def __init__(
        self, status: int, detail: str, *, retry_after: int | None = None, **more: Any
    ) -> None:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        super().__init__(status, detail, headers)
        self.more = more


def answer(error: HTTPException, path: str) -> Response:
    """The problem as it goes out; `path` is what was asked."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(error.status_code).phrase,
        "status": error.status_code,
        "detail": whole(str(error.detail)),
        "instance": whole(path),
        **getattr(error, "more", {}),
    }
    return Response(dumped(body), error.status_code, error.headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have the application answer every error so, those of unknown routes and methods too."""

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return answer(error, request.url.path)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return answer(faults(error.errors()), request.url.path)

    @app.exception_handler(LedgerUnavailable)
    async def away(request: Request, error: LedgerUnavailable) -> Response:
        return answer(Problem(503, AWAY, retry_after=5), request.url.path)

    @app.exception_handler(Replaced)
    async def replaced(request: Request, error: Replaced) -> Response:
        return answer(Problem(503, EXCHANGED, retry_after=1), request.url.path)

    async def unreadable(request: Request, error: Exception) -> Response:
        return answer(Problem(422, str(error)), request.url.path)

    for kind in UNREADABLE:
        app.add_exception_handler(kind, unreadable)


def faults(found: Any) -> Problem:
    """Every fault that pydantic found, at once; what was given is not repeated."""
    told = [
        {"where": ".".join(str(part) for part in fault["loc"]), "what": fault["msg"]}
        for fault in found
    ]
    return Problem(422, "; ".join(f"{one['where']}: {one['what']}" for one in told), faults=told)
