"""What those who run the service ask: does it answer, is it ready, how does it do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from fastapi import APIRouter, Response

from serve.api.answers import Alive, Ready
from serve.api.metrics import MEDIA_TYPE, Metrics
from serve.api.problems import Problem
from serve.api.state import State
from serve.api.wire import Json
from serve.sealing.store import LedgerUnavailable


def router(state: State, metrics: Metrics, today: Callable[[], date]) -> APIRouter:
    """`/healthz`, `/readyz` and `/metrics`."""
    routes = APIRouter(tags=["operation"])

    @routes.get(
        "/healthz",
        summary="Whether the service answers, and from which publication",
        response_model=Alive,
    )
    async def healthz() -> Response:
        about = state.now.published.manifest
        return Json(
            {
                "status": "ok",
                "as_of": about["as_of"],
                "renewals": len(state.now.listing),
                "identity": about["identity"],
            }
        )

    @routes.get(
        "/readyz",
        summary="Whether bundles are verified and the ledger is reached; how old the last run is",
        response_model=Ready,
    )
    async def readyz() -> Response:
        checks = await checked(state, today())
        wrong = [name for name, of in checks.items() if not of["ok"]]
        if wrong:
            raise Problem(503, f"not ready: {', '.join(wrong)}", retry_after=5, checks=checks)
        return Json({"status": "ready", "checks": checks})

    @routes.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def figures() -> Response:
        return Response(metrics.text(state), media_type=MEDIA_TYPE)

    return routes


async def checked(state: State, today: date) -> dict[str, dict[str, Any]]:
    """Each thing that is needed: `ok`, and what else is to be said. A service without a ledger by
    its configuration is ready without one; that something newer is refused is said, and serves."""
    held, refused = state.now, state.refused
    as_of = date.fromisoformat(str(held.published.manifest["as_of"]))
    checks: dict[str, dict[str, Any]] = {
        "publication": {
            "ok": True,
            "as_of": as_of.isoformat(),
            "age_days": (today - as_of).days,
            "dossier": held.dossier is not None,
            "newer_refused": refused["publication"] is not None,
        },
        "bundles": {
            "ok": held.bundles is not None,
            "sha256": held.identities,
            "newer_refused": refused["bundles"] is not None,
        },
        "ledger": {"ok": True, "configured": state.has_ledger},
    }
    if state.has_ledger:
        try:
            await state.ledger(lambda ledger: ledger.anchor)
        except LedgerUnavailable:
            checks["ledger"]["ok"] = False
    return checks
