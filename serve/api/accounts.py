"""One account: everything the publication says of it, and what the ledger remembers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from serve.api.answers import Account, History
from serve.api.problems import AWAY, Problem
from serve.api.state import NoLedger, Snapshot, State
from serve.api.wire import Json
from serve.predictions import records
from serve.record import Record
from serve.sealed import marked
from serve.sealing.store import LedgerUnavailable

AccountId = Annotated[str, Path(max_length=500, examples=["acc_00012"])]
NO_DOSSIER = "the publication has no dossier: publish with this version of Renewcast"
NOT_TOLD = (
    "the account is not among those that the dossier tells about in full, the renewals with the "
    "most ARR at risk: raise service.most in params.yaml and publish again with `renewcast score`, "
    "or ask `renewcast explain`"
)
NO_LEDGER = "this service was started without a ledger"
TOLD = ("explanations", "series", "events", "ranges")


def router(state: State) -> APIRouter:
    """`/v1/accounts/{account_id}`, `/v1/explain/{account_id}` and `/v1/history/{account_id}`."""
    routes = APIRouter(tags=["accounts"])

    @routes.get(
        "/v1/accounts/{account_id:path}",
        summary="One account: predictions, health with its rules, explanations, past, history",
        response_model=Account,
    )
    async def account(account_id: AccountId) -> Response:
        found = await state.read(lambda held: told(held, account_id))
        if found is None:
            raise unknown(state.now, account_id)
        try:
            record = await state.ledger(lambda ledger: ledger.history(account_id))
            found["history"] = history(record)
            found["series"] = found["series"] and marked(found["series"], record)
        except NoLedger:
            found["missing"]["history"] = NO_LEDGER
        except LedgerUnavailable:
            found["missing"]["history"] = AWAY
        return Json(found)

    @routes.get(
        "/v1/explain/{account_id:path}",
        summary="Why a probability is what it is, and what changed; associated with, not caused by",
        response_model=dict[str, Any],
    )
    async def explain(
        account_id: AccountId, target: Annotated[str, Query(max_length=100)] = "churn"
    ) -> Response:
        return Json(await state.read(lambda held: explained(held, account_id, target)))

    @routes.get(
        "/v1/history/{account_id:path}",
        summary="What the ledger keeps of an account, in the order of sealing",
        response_model=History,
    )
    async def past(account_id: AccountId) -> Response:
        if "\0" in account_id:  # which no database takes
            raise Problem(404, "no account has such a name")
        try:
            return Json(history(await state.ledger(lambda ledger: ledger.history(account_id))))
        except NoLedger:
            raise Problem(404, NO_LEDGER) from None

    return routes


def explained(held: Snapshot, account_id: str, target: str) -> dict[str, Any]:
    """Why a target's probability of an account is what it is. Raises Problem, which says why there
    is no explanation and what to do."""
    if held.dossier is None:
        raise Problem(404, NO_DOSSIER)
    found = held.dossier.explanation(account_id, target)
    if found is not None:
        return found
    if not known(held, account_id):
        raise unknown(held, account_id)
    names = [one["name"] for one in held.dossier.service["targets"]]
    if target not in names:
        raise Problem(404, f"{target} is no target of this publication: {', '.join(names)}")
    if not held.dossier.series(account_id):
        raise Problem(404, NOT_TOLD)
    raise Problem(404, f"{target} does not ask about this account on this morning")


def known(held: Snapshot, account_id: str) -> bool:
    """Whether the publication says anything of an account."""
    if len(held.listing.of_account(account_id)):
        return True
    return held.dossier is not None and held.dossier.features(account_id) is not None


def unknown(held: Snapshot, account_id: str) -> Problem:
    """That the publication says nothing of an account."""
    about = held.published.manifest
    return Problem(
        404,
        f"account {account_id} is no customer on {about['as_of']}, and no renewal of it is due "
        f"within {about['due_within']} days or in grace",
    )


def told(held: Snapshot, account_id: str) -> dict[str, Any] | None:
    """Everything that the publication says of an account; None if it says nothing."""
    rows = held.listing.rows(held.listing.of_account(account_id))
    features = held.dossier and held.dossier.features(account_id)
    if not rows and not features:
        return None
    missing: dict[str, str] = {}
    parts: dict[str, Any] = dict.fromkeys(TOLD)
    dossier, rules = held.dossier, []
    if dossier is None:
        missing |= dict.fromkeys(TOLD, NO_DOSSIER)
    else:
        series = dossier.series(account_id)
        if not rows and not series:
            missing |= dict.fromkeys(TOLD, NOT_TOLD)
        else:
            targets = [target["name"] for target in dossier.service["targets"]]
            bodies = {name: dossier.explanation(account_id, name) for name in targets}
            parts = {
                "explanations": {name: body for name, body in bodies.items() if body is not None},
                "series": series,
                "events": dossier.events(account_id),
                "ranges": dossier.ranges(account_id),
            }
            rules = dossier.rules(account_id)
    health = assessed(held, account_id, rules)
    if health is None:
        missing["health"] = "its health was not assessed: no renewal of it was scored"
    return {
        "account_id": account_id,
        "as_of": held.published.manifest["as_of"],
        "customer": bool(features) if dossier is not None else True,
        "renewals": rows,
        "health": health,
        **parts,
        "history": None,
        "missing": missing,
    }


def assessed(held: Snapshot, account_id: str, rules: list[Any]) -> dict[str, Any] | None:
    """The health score of an account, by dimension, with its rules; None where none was given."""
    row = held.health(account_id)
    if row is None:
        return None
    ends = "_score"
    return {
        "score": row["health_score"],
        "band": row["health_band"],
        "coverage": row["health_coverage"],
        "dimensions": {
            name.removesuffix(ends): value
            for name, value in row.items()
            if name.endswith(ends) and name != "health_score"
        },
        "rules": [{k: v for k, v in rule.items() if k != "account_id"} for rule in rules],
    }


def history(record: Record) -> dict[str, Any]:
    """An account's entries as JSON holds them."""
    return {"predictions": records(record.predictions), "outcomes": records(record.outcomes)}
