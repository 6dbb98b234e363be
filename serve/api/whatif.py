"""How the model scores an account whose usage, tickets or touchpoints are other than they are.

It says what is associated with the score, never what would happen: customers with such values are
scored so, and nobody was treated. A value must be one that the account itself has had.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from serve.api.accounts import NO_DOSSIER, NOT_TOLD, known, unknown
from serve.api.answers import Asked, WhatIf
from serve.api.inbox import body
from serve.api.problems import Problem, faults
from serve.api.scoring import fast_of
from serve.api.state import Snapshot, State
from serve.api.wire import Json

CAUTION = (
    "Such values are associated with such a score among past customers. It is not known that "
    "bringing them about would change the outcome."
)


def router(state: State) -> APIRouter:
    """`/v1/what-if`."""
    routes = APIRouter(tags=["scoring"])

    @routes.post(
        "/v1/what-if",
        summary="The score associated with other values of what one can act on",
        response_model=WhatIf,
    )
    async def what_if(request: Request) -> Response:
        sent = await body(request)
        try:
            asked = Asked.model_validate(sent)
        except ValidationError as fault:
            raise faults(fault.errors()) from None
        return Json(await state.read(lambda held: imagined(held, asked)))

    return routes


def imagined(held: Snapshot, asked: Asked) -> dict[str, Any]:
    """The score of an account as it is, and as asked. Raises Problem, each fault at once."""
    fast, dossier, account_id = fast_of(held), held.dossier, asked.account_id
    if dossier is None:
        raise Problem(404, NO_DOSSIER)
    features = dossier.features(account_id)
    if features is None:
        raise unknown(held, account_id) if not known(held, account_id) else Problem(404, NOT_TOLD)
    ranges = dossier.ranges(account_id)
    if not ranges:
        raise Problem(404, NOT_TOLD)
    actionable = dossier.service["actionable"]
    if fixed := [name[:100] for name in asked.changes if name not in actionable]:
        can = ", ".join(actionable)
        raise Problem(422, f"{', '.join(fixed)[:500]} cannot be acted on; {can} can")
    if beyond := [of for name, to in asked.changes.items() if (of := _beyond(name, to, ranges))]:
        raise Problem(409, "; ".join(beyond))
    rows = held.listing.of_account(account_id)
    decided = "decided" in held.listing.columns["status"][rows]
    before = fast.row(features, decided=decided, intervals=True)
    after = fast.row({**features, **asked.changes}, decided=decided, intervals=True)
    return {
        "account_id": account_id,
        "as_of": held.published.manifest["as_of"],
        "changes": {
            name: {
                "before": features[name],
                "after": value,
                "low": ranges[name][0],
                "high": ranges[name][1],
            }
            for name, value in asked.changes.items()
        },
        "before": before,
        "after": after,
        "difference": {
            name: None if of is None or value is None else value - of
            for (name, of), value in zip(before.items(), after.values(), strict=True)
            if name.endswith("_probability")
        },
        "held": _held(dossier.service["dictionary"], asked.changes),
        "bundles": held.identities,
        "caution": CAUTION,
    }


def _beyond(name: str, value: float, ranges: dict[str, Any]) -> str | None:
    low, high = ranges.get(name, (None, None))
    if low is None or high is None:
        return f"{name} was never known of this account"
    if not low <= value <= high:
        return f"{name} was between {low:g} and {high:g} for this account, not {value:g}"
    return None


def _held(dictionary: list[dict[str, Any]], changed: Any) -> list[str]:
    """The features computed from a changed one, directly or by way of others."""
    reach = set(changed)
    while True:
        more = {one["name"] for one in dictionary if reach & set(one["reads"])} - reach
        if not more:
            return sorted(reach - set(changed))
        reach |= more
