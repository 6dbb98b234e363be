"""The runs, the models, how they did, where they disagree with the health score, what is new."""

from __future__ import annotations

import json
from typing import Annotated, Any

import numpy as np
import pandas as pd
from fastapi import APIRouter, Query, Request, Response

from serve.api.accounts import NO_LEDGER
from serve.api.answers import Agreement, Compared, Models, Refreshed, Runs
from serve.api.limits import PAGE
from serve.api.problems import Problem
from serve.api.state import NoLedger, Snapshot, State
from serve.api.tokens import Caller
from serve.api.wire import Json
from serve.listing import Listing
from serve.predictions import records

COMPARISON = "comparison.json"
OF_TARGET = ("outcome", "eligible", "horizon", "growth", "given")
OF_REPORT = ("why", "rows", "positives", "base_rate")


def router(state: State) -> APIRouter:
    """`/v1/runs`, `/v1/models`, `/v1/metrics`, `/v1/agreement` and `/v1/refresh`."""
    routes = APIRouter(tags=["overview"])

    @routes.get("/v1/runs", summary="The scoring runs in the ledger", response_model=Runs)
    async def runs(
        limit: Annotated[int, Query(ge=1, le=PAGE)] = 50,
        offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    ) -> Response:
        try:
            found = await state.ledger(lambda ledger: ledger.runs())
        except NoLedger:
            raise Problem(404, NO_LEDGER) from None
        newest = found.iloc[::-1].iloc[offset : offset + limit]
        rows = [
            {**row, "published_at": f"{at.isoformat()}Z"}
            for row, at in zip(records(newest), pd.to_datetime(newest["published_at"]), strict=True)
        ]
        return Json({"total": len(found), "limit": limit, "offset": offset, "runs": rows})

    @routes.get("/v1/models", summary="The models that serve", response_model=Models)
    async def models() -> Response:
        return Json({"models": described(state.now), "refused": state.refused["bundles"]})

    @routes.get(
        "/v1/metrics",
        summary="How the models did on held-out mornings, with intervals",
        response_model=Compared,
    )
    async def metrics(
        target: Annotated[str | None, Query(max_length=100)] = None,
        by: Annotated[str, Query(max_length=100)] = "all",
    ) -> Response:
        return Json(await state.work(lambda: compared(state, target, by)))

    @routes.get(
        "/v1/agreement",
        summary="Where model and health score agree on whom to list",
        response_model=Agreement,
    )
    async def agreement() -> Response:
        held = state.now
        return Json({"as_of": held.published.manifest["as_of"], "rows": agreed(held.listing)})

    @routes.post(
        "/v1/refresh",
        summary="Look for a new publication and new bundles now; needs the role publish",
        response_model=Refreshed,
    )
    async def refresh(request: Request) -> Response:
        caller: Caller = request.scope["caller"]
        if not caller.may("publish"):
            raise Problem(403, "this token may read only: ask with one whose role is publish")
        taken = await state.work(state.refresh)
        as_of = state.now.published.manifest["as_of"]
        return Json({"taken": taken, "as_of": as_of, "refused": state.refused})

    return routes


def described(held: Snapshot) -> list[dict[str, Any]]:
    """Each model that serves: what it asks, what it learnt from, its bundle."""
    if held.bundles is None:
        return []
    scored_by = {
        target["name"]: target["bundle_sha256"]
        for target in (held.dossier.service["targets"] if held.dossier else ())
    }
    return [
        {
            "name": target.name,
            **{key: target.model_dump(mode="json")[key] for key in OF_TARGET},
            "rung": held.bundles.models[target.name].rung,
            **{key: held.bundles.models[target.name].report.get(key) for key in OF_REPORT},
            "cutoff": held.bundles.manifests[target.name]["about"].get("cutoff"),
            "features": len(held.bundles.models[target.name].encoding.columns),
            "bundle_sha256": held.identities[target.name],
            "published": scored_by.get(target.name) == held.identities[target.name]
            if scored_by
            else None,
        }
        for target in held.bundles.targets
    ]


def compared(state: State, target: str | None, by: str) -> dict[str, Any]:
    """What the pipeline's comparison says of one target or of all, over all or by one slice."""
    path = None if state.reports is None else state.reports / COMPARISON
    if path is None or not path.exists():
        raise Problem(404, "no comparison lies beside the service: `dvc repro` makes reports/")
    read = json.loads(path.read_text(encoding="utf-8"))
    return {
        part: [
            row
            for row in read[part]
            if (target is None or row["target"] == target) and row.get("by", by) == by
        ]
        for part in Compared.model_fields
    }


def agreed(listing: Listing) -> list[dict[str, Any]]:
    """Renewals, accounts and ARR of each agreement and risk band, among the scored; ARR that is not
    known is counted apart."""
    columns = listing.columns
    scored = columns["status"] == "scored"
    found = []
    for agreement in ("agree", "model_riskier", "health_riskier", "unknown"):
        for band in ("high", "medium", "low"):
            mine = scored & (columns["agreement"] == agreement) & (columns["risk_band"] == band)
            arr = columns["arr_due"][mine]
            found.append(
                {
                    "agreement": agreement,
                    "risk_band": band,
                    "renewals": int(mine.sum()),
                    "accounts": len(set(columns["account_id"][mine])),
                    "arr_due": float(np.nansum(arr)),
                    "arr_unknown": int(np.isnan(arr).sum()),
                }
            )
    return found
