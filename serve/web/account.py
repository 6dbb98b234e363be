"""What the account's page says: nothing is worked out here that was not published or sealed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from serve.dossier import Dossier
from serve.predictions import records
from serve.record import Record
from serve.sealed import marked
from serve.web.drawing import Line, line
from serve.web.listing import of_account
from serve.web.morning import Morning

HISTORY = ("churn_probability", "health_score")
SHARES = ("seat_utilisation", "key_feature_share_28d", "churn_probability")
SCALES = {"churn_probability": (0.0, 1.0), "health_score": (0.0, 100.0), "nps_last": (0.0, 10.0)}
KINDS = {
    "nps": "NPS answers",
    "ticket": "Tickets",
    "touchpoint": "Touchpoints",
    "contract": "Contract",
}
SHOWN = 12  # events of a kind that are listed before the rest is folded away
DEPARTMENTS = ("active_departments_28d", "new_departments_91d", "lost_departments_91d")


def figures(morning: Morning, account_id: str, history: Record | None) -> dict[str, Any] | None:
    """Everything the page shows of one account; None where nobody of that name is known.

    `history`: all that stands in the ledger of the account, None where there is no ledger.
    """
    renewals = of_account(morning.listing, account_id)
    dossier = morning.dossier
    features = None if dossier is None else dossier.features(account_id)
    if not renewals and features is None:
        return None
    first = next((row for row in renewals if row["status"] == "scored"), None)
    meanings = {row["name"]: row["meaning"] for row in morning.service.get("dictionary", [])}
    changes = _changes(history)
    return {
        "account_id": account_id,
        "name": next((row["name"] for row in renewals if row["name"]), None),
        "renewals": renewals,
        "first": first,
        "horizon": morning.horizon,
        "trees": {row["due_date"]: row for row in morning.tree(account_id)},
        "health": morning.health(account_id),
        "rules": _by_dimension(dossier.rules(account_id)) if dossier else {},
        "explained": _explained(morning, account_id),
        "measures": _measures(dossier, account_id, meanings) if dossier else [],
        "history": _history(marked(dossier.series(account_id), history), changes)
        if dossier
        else [],
        "changes": changes,
        "events": _events(dossier, account_id) if dossier else {},
        "departments": [
            {"name": name, "value": features[name], "meaning": meanings.get(name, "")}
            for name in DEPARTMENTS
            if features and name in features
        ],
        "features": features,
        "gaps": _gaps(morning, features),
        "sealed": None if history is None else _sealed(history),
    }


def _by_dimension(rules: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for rule in rules:
        found[rule["dimension"]].append(rule)
    return dict(found)


def _explained(morning: Morning, account_id: str) -> list[dict[str, Any]]:
    if morning.dossier is None:
        return []
    told = []
    for target in morning.service.get("targets", []):
        body = morning.dossier.explanation(account_id, target["name"])
        if body is not None:
            dimensions = [row for row in body.get("dimensions", []) if row.get("points")]
            most = max((abs(row["points"]) for row in dimensions), default=0.0)
            told.append({**body, "dimensions": dimensions, "most": most or 1.0})
    return told


def _measures(
    dossier: Dossier, account_id: str, meanings: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Each measure's own past beside the median of the segment, in the order configured."""
    series = _series(dossier.series(account_id))
    named = [name for name in dossier.service["measures"] if name in series]
    return [
        {
            "name": name,
            "meaning": meanings.get(name, ""),
            "share": name in SHARES,
            "now": series[name][-1]["value"],
            "peers": series[name][-1]["peers"],
            "line": _line(series[name], SCALES.get(name)),
        }
        for name in named
        if name not in HISTORY
    ]


def _history(
    past: Sequence[Mapping[str, Any]], changes: Sequence[tuple[date, str]]
) -> list[dict[str, Any]]:
    """The scores of every morning shown; on a morning that did not ask there is no value."""
    series = _series(past)
    mornings = sorted({row["morning"] for rows in series.values() for row in rows})
    found = []
    for name in HISTORY:
        if name in series:
            known = {row["morning"]: row for row in series[name]}
            nothing = {"value": None, "peers": None}
            every = [{**nothing, **known.get(day, {}), "morning": day} for day in mornings]
            drawn = _line(every, SCALES[name], changes)
            found.append({"name": name, "line": drawn, "rows": series[name]})
    return found


def _series(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["measure"]].append(row)
    return found


def _line(
    rows: Sequence[Mapping[str, Any]],
    scale: tuple[float, float] | None,
    marks: Sequence[tuple[date, str]] = (),
) -> Line | None:
    own = [(row["morning"], row["value"]) for row in rows]
    peers = [(row["morning"], row["peers"]) for row in rows]
    return line(own, peers, marks, scale=scale)


def _changes(history: Record | None) -> list[tuple[date, str]]:
    """The mornings on which another model or bundle spoke than the one before."""
    if history is None or history.predictions.empty:
        return []
    rows = history.predictions.sort_values("as_of", kind="stable").drop_duplicates("as_of")
    found = []
    spoke = [(row.as_of.date(), row.model_version, row.bundle_sha256) for row in rows.itertuples()]
    for (_, *before), (day, *after) in zip(spoke, spoke[1:], strict=False):
        if before != after:
            found.append((day, f"another configuration: model {after[0]}, before it {before[0]}"))
    return found


def _events(dossier: Dossier, account_id: str) -> dict[str, dict[str, Any]]:
    rows = dossier.events(account_id)
    found = {}
    for kind, label in KINDS.items():
        mine = [row for row in rows if row["kind"] == kind]
        found[kind] = {"label": label, "newest": mine[:SHOWN], "older": mine[SHOWN:]}
    return found


def _gaps(morning: Morning, features: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is not known of the account, by family, and what no account's source supplies."""
    by_family: dict[str, list[str]] = defaultdict(list)
    for row in morning.service.get("dictionary", []):
        if features and row["name"] in features and features[row["name"]] is None:
            by_family[row["family"]].append(row["meaning"])
    return {
        "families": dict(by_family),
        "missing": morning.service.get("data", {}).get("missing", []),
    }


def _sealed(history: Record) -> list[dict[str, Any]]:
    """What was published of the account, newest first, each beside what is known of its end."""
    said = history.predictions
    if said.empty:
        return []
    ends = history.outcomes.drop_duplicates(["account_id", "due_date"], keep="last")
    rows = said.merge(
        ends[["account_id", "due_date", "outcome", "known_on"]],
        on=["account_id", "due_date"],
        how="left",
    )
    flags = rows.astype({"sealed": object, "early_warning": object})
    ordered = flags.sort_values(["as_of", "due_date"], ascending=False, kind="stable")
    return records(pd.DataFrame(ordered))
