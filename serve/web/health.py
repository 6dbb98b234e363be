"""The health score as configured: measures, weights and bands, its past, and a dry run.

A dry run assesses one account of the morning under changed weights. Nothing is stored: a
configuration goes live in params.yaml, after `renewcast health backtest`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from models.health import HealthScore
from models.health_profile import HealthSettings
from serve.predictions import records
from serve.web.listing import answer
from serve.web.morning import Morning
from serve.web.question import Question
from serve.web.told import Told

DIFF = "health_diff.json"
MOST = 100.0  # a dimension's weight in a dry run

Configurations = Mapping[str, Mapping[str, Any]]


def figures(
    morning: Morning,
    reports: Path | None,
    told: Told | None,
    asked: Mapping[str, str],
    runs: pd.DataFrame | None,
    configurations: Configurations,
) -> dict[str, Any]:
    """What the page shows; `runs` and `configurations` of serve.ledger, `runs` None without one."""
    configured = morning.service.get("health")
    settings = None if configured is None else HealthSettings.model_validate(configured)
    return {
        "settings": settings,
        "whole": None if settings is None else sum(d.weight for d in settings.dimensions.values()),
        "shares": _bands(morning, settings),
        "scored": morning.manifest["statuses"]["scored"]["renewals"],
        "backtest": None if told is None else told.figures["trial"],
        "files": () if told is None else told.figures["files"],
        "diff": _report(reports, DIFF),
        "dry": None if settings is None else dry_run(morning, settings, asked),
        "changes": None if runs is None else changes(runs, configurations),
    }


def dry_run(
    morning: Morning, settings: HealthSettings, asked: Mapping[str, str]
) -> dict[str, Any] | None:
    """One account's health score as configured and under the weights `w_<dimension>` that the
    address asks for; None where it asks for no account. `fault` says why there is none."""
    account_id = asked.get("account", "").strip()
    if not account_id:
        return None
    weights = {
        name: _weight(asked.get(f"w_{name}"), of.weight) for name, of in settings.dimensions.items()
    }
    told: dict[str, Any] = {"account_id": account_id, "weights": weights, "fault": None}
    features = None if morning.dossier is None else morning.dossier.features(account_id)
    if features is None:
        return told | {"fault": f"{account_id} is no customer of {morning.as_of}"}
    try:
        tried = _weighed(settings, weights)
    except ValidationError:
        return told | {"fault": "every dimension needs a weight above 0"}
    names = sorted({*settings.features(), "segment"} & features.keys())
    row = pd.DataFrame([{name: features[name] for name in names}])
    row = row.astype({name: float for name in names if name != "segment"})
    row.index = pd.MultiIndex.from_tuples(
        [(account_id, pd.Timestamp(morning.as_of))], names=["account_id", "as_of"]
    )
    before, after = (records(HealthScore(one).assess(row))[0] for one in (settings, tried))
    return told | {"before": before, "after": after}


def changes(runs: pd.DataFrame, configurations: Configurations) -> list[dict[str, Any]]:
    """The runs whose parameters are not those of the run before, newest first.

    `differs`: what of the health score is not as it was, as `differences` says it; None for the
    first run, and where the parameters of one of the two were not kept.
    """
    found = runs[runs["params_sha256"].ne(runs["params_sha256"].shift())]
    rows = records(found.drop(columns="published_at"))
    told: list[dict[str, Any]] = []
    for before, row in zip([None, *rows], rows, strict=False):
        pair = [configurations.get(one["params_sha256"]) for one in (before, row) if one]
        known = [one["health"] for one in pair if one is not None and "health" in one]
        told.append(row | {"differs": differences(*known) if len(known) == 2 else None})
    return told[::-1]


def differences(before: Any, after: Any, name: str = "") -> list[dict[str, str]]:
    """The leaves of two configurations that differ: `name` with dots, and both values as text.

    >>> differences({"bands": 1, "weights": {"use": 0.2}}, {"bands": 1, "weights": {"use": 0.3}})
    [{'name': 'weights.use', 'before': '0.2', 'after': '0.3'}]
    >>> before, after = ([{"name": "red", "edges": [0, edge]}] for edge in (40, 45))
    >>> differences(before, after, "bands")
    [{'name': 'bands.red.edges', 'before': '[0, 40]', 'after': '[0, 45]'}]
    """
    if before == after:
        return []
    before, after = _by_name(before), _by_name(after)
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return [
            difference
            for key in dict.fromkeys([*before, *after])
            for difference in differences(
                before.get(key), after.get(key), f"{name}.{key}" if name else str(key)
            )
        ]
    texts = ("none" if one is None else json.dumps(one) for one in (before, after))
    return [dict(zip(("name", "before", "after"), (name, *texts), strict=True))]


def _by_name(block: Any) -> Any:
    """A list of bands or limits as a mapping by what each is called, if no two are called the same;
    anything else as it is."""
    if isinstance(block, list) and all(isinstance(one, Mapping) for one in block):
        for key in ("name", "feature"):
            called = [one.get(key) for one in block]
            if None not in called and len(set(called)) == len(called) > 0:
                rests = ({name: one[name] for name in one if name != key} for one in block)
                return dict(zip(called, rests, strict=True))
    return block


def _weighed(settings: HealthSettings, weights: Mapping[str, float]) -> HealthSettings:
    """The configuration with other weights of its dimensions, for everybody alike."""
    plain = settings.model_dump()
    for name, weight in weights.items():
        if weight != settings.dimensions[name].weight:
            plain["dimensions"][name]["weight"] = weight
            for segment in plain["segments"].values():
                if name in segment:
                    segment[name]["weight"] = None
    return HealthSettings.model_validate(plain)


def _weight(text: str | None, usual: float) -> float:
    try:
        value = float(text or "")
    except ValueError:
        return usual
    return value if 0 <= value <= MOST else usual


def _bands(morning: Morning, settings: HealthSettings | None) -> list[dict[str, Any]]:
    """How many scored renewals are in each band, from the worst to the best."""
    counts = answer(morning.listing, Question()).counts["health"]
    order = [] if settings is None else [band.name for band in settings.bands]
    named = [*order, *(band for band in counts if band not in order)]
    return [{"band": band, "renewals": counts.get(band, 0)} for band in named]


def _report(reports: Path | None, name: str) -> dict[str, Any] | None:
    if reports is None:
        return None
    try:
        found = json.loads((reports / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
