"""The pages that CS ops live in: written on the service, usable without a script.

`router(state)` is mounted at `/`. Every page is a reading of what was published, sealed or written
by the pipeline; where one of these is absent, the page says so and names the command that makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from serve.api.state import NoLedger, Snapshot, State
from serve.ledger import Ledger
from serve.record import Record
from serve.sealing.store import LedgerUnavailable
from serve.web import account, cycle, export, health, judged, listing, machine
from serve.web.morning import Morning
from serve.web.question import SIZES, Question
from serve.web.rendering import FILES, TYPES, render
from serve.web.told import Told

AWAY = "The ledger cannot be reached just now; what was sealed is not shown."
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


class _Opened:
    """The newest publication, opened for the pages once."""

    def __init__(self) -> None:
        self._held: tuple[Snapshot, Morning] | None = None

    def of(self, snapshot: Snapshot) -> Morning:
        held = self._held
        if held is None or held[0].published is not snapshot.published:
            opened = Morning.of(snapshot)
            self._held = held = (snapshot, opened)
        return held[1]


def router(state: State) -> APIRouter:
    """The pages over what `state` serves."""
    routes = APIRouter(include_in_schema=False)
    opened = _Opened()

    def faults() -> list[str]:
        return [
            f"The {what} that lies there now is not served: {why}. What is shown is the last one "
            "that verified."
            for what, why in state.refused.items()
            if why
        ]

    def page(
        template: str, here: str, morning: Morning, status: int = 200, /, **told: Any
    ) -> Response:
        figures = {"about": morning.about(faults()), "here": here, "top": morning.top, **told}
        return HTMLResponse(render(template, figures), status)

    async def read(of: Callable[[Morning], Any]) -> Any:
        return await state.read(lambda snapshot: of(opened.of(snapshot)))

    async def asked(ask: Callable[[Ledger], Any]) -> tuple[Any, str | None]:
        """What the ledger says, or why it says nothing."""
        try:
            return await state.ledger(ask), None
        except NoLedger:
            return None, None
        except LedgerUnavailable:
            return None, AWAY

    @routes.get("/")
    async def cycle_page() -> Response:
        morning = await read(lambda morning: morning)
        record, away = await asked(lambda ledger: cycle.so_far(ledger, morning.as_of))
        return await read(
            lambda held: page(
                "cycle.html",
                "/",
                held,
                away=away,
                **cycle.figures(held, record, Told.of(state.reports)),
            )
        )

    @routes.get("/renewals")
    async def renewals_page(request: Request) -> Response:
        asked_for = Question.of(request.query_params)
        return await read(lambda morning: _renewals(page, morning, asked_for))

    @routes.get("/renewals.csv")
    async def renewals_csv(request: Request) -> Response:
        asked_for = Question.of(request.query_params)
        whole = request.query_params.get("rows") == "all"

        def written(morning: Morning) -> Response:
            rows = listing.answer(morning.listing, asked_for, whole).rows
            return export.download(export.renewals(rows), f"renewals-{morning.as_of}.csv")

        return await read(written)

    @routes.get("/accounts/{account_id:path}")
    async def account_page(account_id: str) -> Response:
        found, away = await asked(lambda ledger: ledger.history(account_id))
        history: Record | None = found

        def written(morning: Morning) -> Response:
            figures = account.figures(morning, account_id, history)
            if figures is None:
                told = {"account_id": account_id}
                return page("unknown.html", "/renewals", morning, 404, **told)
            return page("account.html", "/renewals", morning, away=away, **figures)

        return await read(written)

    @routes.get("/predicted")
    async def predicted_page(request: Request) -> Response:
        told = judged.page(Told.of(state.reports), request.query_params)
        return await read(lambda morning: page("predicted.html", "/predicted", morning, **told))

    @routes.get("/predicted/{table}.csv")
    async def predicted_csv(table: str, request: Request) -> Response:
        told = Told.of(state.reports)
        if told is None or not told.has(table):
            return RedirectResponse("/predicted", 303)
        name = f"predicted-{table}.csv"
        lines = None if request.query_params else told.lines(table)
        if lines is not None:
            return export.download(lines, name)
        rows = await state.work(lambda: judged.rows(told, table, request.query_params))
        return export.download(export.table(rows), name)

    @routes.get("/health")
    async def health_page(request: Request) -> Response:
        past, away = await asked(lambda ledger: (ledger.runs(), ledger.configurations()))
        runs, configurations = past or (None, {})

        def written(morning: Morning) -> Response:
            told = health.figures(
                morning,
                state.reports,
                Told.of(state.reports),
                request.query_params,
                runs,
                configurations,
            )
            return page("health.html", "/health", morning, away=away, **told)

        return await read(written)

    @routes.get("/data")
    async def data_page() -> Response:
        runs, away = await asked(lambda ledger: ledger.runs())
        told = machine.figures(state.reports, runs, state.now.bundles, state.refused)
        return await read(lambda held: page("data.html", "/data", held, away=away, **told))

    @routes.get("/cards/{target}.md")
    async def card(target: str) -> Response:
        text = machine.card(state.reports, target)
        if text is None:
            return RedirectResponse("/data", 303)
        return Response(text, media_type="text/plain; charset=utf-8")

    @routes.get("/static/{name}")
    async def static_file(name: str) -> Response:
        path = FILES.get(name)
        if path is None:
            return Response(status_code=404)
        return FileResponse(path, media_type=TYPES[path.suffix], headers=FOR_EVER)

    return routes


def _renewals(page: Callable[..., Response], morning: Morning, asked: Question) -> Response:
    answer = listing.answer(morning.listing, asked)
    shown = answer.question
    return page(
        "renewals.html",
        "/renewals",
        morning,
        answer=answer,
        asked=shown,
        values=listing.values(morning.listing),
        due_within=morning.manifest["due_within"],
        before=morning.before,
        grows_from=morning.listing.grows_from,
        sizes=[(size, str(size)) for size in SIZES],
        turn=lambda by: shown.but(page=shown.page + by).query(),
    )
