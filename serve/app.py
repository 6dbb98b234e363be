"""The service: what was published, over HTTP, and the models that scored it.

Safe by default: on loopback, or with tokens; every limit is set (serve/api/limits.py), every error
is a problem detail, and nothing is loaded from another host, by the page of the interface neither.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from serve.api import (
    accounts,
    logs,
    operation,
    overview,
    problems,
    renewals,
    scoring,
    whatif,
)
from serve.api.contract import contract
from serve.api.guard import LOOPBACK, Guard
from serve.api.limits import Limits
from serve.api.metrics import Metrics
from serve.api.state import State
from serve.api.tokens import BadTokens, Tokens
from serve.lean import without
from serve.pages import render

STOP_AFTER = 25
"""Seconds that open requests have to end after SIGTERM."""


def _today() -> date:
    return datetime.now(UTC).date()


def create_app(
    publication: Path,
    *,
    bundles: Path | None = None,
    ledger: str | None = None,
    reports: Path | None = None,
    tokens: str | None = None,
    hosts: Collection[str] = (),
    limits: Limits | None = None,
    pages: bool = True,
    today: Callable[[], date] = _today,
) -> FastAPI:
    """The service over a publication's folder, the folder of the models and the ledger's URL.

    `tokens` is the text of serve/api/tokens.py: without it everybody is let in, so listen on
    loopback only; `hosts` are the names, beside loopback's, under which it may be asked; without
    `pages` there is the interface alone. Raises DamagedPublication or BundleDamaged if there is
    nothing sound to serve, and BadTokens.
    """
    known = None if tokens is None else Tokens.of(tokens)
    held = State(publication, bundles=bundles, ledger=ledger, reports=reports, limits=limits)
    metrics = Metrics()

    @asynccontextmanager
    async def refreshed(_: FastAPI) -> AsyncIterator[None]:
        looking = asyncio.create_task(held.refreshing())
        yield
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking

    app = FastAPI(
        title="Renewcast",
        version="1",
        description="Risk of churn and chance of expansion, by renewal, as last published; and "
        "the models behind it, for features of your own.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=refreshed,
    )
    app.state.renewcast = held
    problems.install(app)
    app.add_middleware(Guard, limits=held.limits, tokens=known, hosts=hosts, metrics=metrics)
    for routes in (
        scoring.router(held, metrics),  # first: what is asked most often is found soonest
        renewals.router(held),
        accounts.router(held),
        whatif.router(held),
        overview.router(held),
        operation.router(held, metrics, today),
    ):
        app.include_router(routes)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        return contract(app, held, with_tokens=known is not None)

    @app.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    async def docs() -> str:
        return render("docs.html", api=contract(app, held, with_tokens=known is not None))

    if pages and importlib.util.find_spec("serve.web") is not None:
        app.include_router(importlib.import_module("serve.web").router(held))
    return app


def serve(
    publication: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    tokens: str | None = None,
    **places: Any,
) -> None:
    """Answer until stopped; `places` are the others of create_app's.

    Raises BadTokens where others than this machine could ask without a token.
    """
    if tokens is None and host not in LOOPBACK:
        raise BadTokens(
            f"{host} can be reached by others, and there are no tokens: whoever reaches it could "
            "read every account. `renewcast token` prints one"
        )
    logs.configure()
    with without("sklearn"):
        importlib.import_module("lightgbm")
    app = create_app(publication, tokens=tokens, **places)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=STOP_AFTER,
    )
