"""What a publication says of its accounts beyond the predictions (serve/dossier.py), made from the
facts, the features of the stages and the bundles that scored the cycle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from features.definition import Derived, definitions
from features.feature import dictionary
from features.publication import read_frame
from models import bundle
from models.health import HealthScore
from pipeline import files
from pipeline.accounts import history
from pipeline.accounts.events import events
from pipeline.accounts.explanations import Asked, explanations
from pipeline.morning import Morning
from pipeline.settings import Settings
from serve.batch import Cycle
from serve.dossier import TABLES, Contents, DossierSettings
from serve.record import PUBLISHED

OF_TARGET = ("outcome", "eligible", "horizon", "growth", "given")
OF_REPORT = ("rung", "why", "rows", "positives", "base_rate")


def dossier(
    settings: Settings,
    about: DossierSettings,
    cycle: Cycle,
    now: Asked,
    then: Asked | None,
    why_not: str | None,
    bundles: Mapping[str, Path],
    *,
    facts: Path = files.FACTS,
    record: pd.DataFrame | None = None,
) -> Contents:
    """The dossier of a cycle, whose morning and models are `now`.

    `then`: an earlier morning to compare with, or `why_not` says why there is none; `bundles`: the
    folder of each target's model; `record`: what was published or replayed on earlier mornings, the
    columns of serve.record.PUBLISHED, if anything was.
    """
    features, frame = now.morning.features, cycle.frame
    accounts = told(frame, about.most)
    mine = frame[frame["account_id"].isin(accounts)]
    scored = mine.loc[mine["status"].eq("scored"), "account_id"]
    whole = mine.loc[mine["status"].ne("failed"), "account_id"]
    earlier = pd.DataFrame(columns=list(PUBLISHED)) if record is None else record
    past = [
        history.series(settings, features, accounts, about.measures, about.months),
        history.said(earlier, mine, about.months),
    ]
    return Contents(
        features=features.reset_index(),
        rules=HealthScore(settings.health).rules(
            features[features.index.get_level_values("account_id").isin(whole)]
        ),
        explanations=_explained(settings, now, then, why_not, sorted(scored)),
        series=pd.concat([of for of in past if len(of)] or past, ignore_index=True),
        events=events(facts, now.as_of, about.events, accounts),
        ranges=history.ranges(features, accounts, about.actionable),
        service=_service(settings, about, cycle, now, bundles, facts, len(accounts)),
    )


def told(frame: pd.DataFrame, most: int) -> list[str]:
    """The accounts of a cycle that are told about in full: those with most ARR at risk first, then
    those that fall due first, then by their names."""
    ordered = frame.sort_values(["rank", "due_date", "account_id"], na_position="last")
    return list(ordered["account_id"].drop_duplicates().head(most))


def earlier(as_of: date) -> Morning | None:
    """A past morning as its stages left it; None if they did not ask about anyone there."""
    asked = read_frame(files.OBSERVATIONS)
    asked = asked[asked["as_of"].eq(pd.Timestamp(as_of))].reset_index(drop=True)
    if asked.empty:
        return None
    with duckdb.connect() as con:
        return Morning(asked, history.stored(con, as_of), {})


def _explained(
    settings: Settings,
    now: Asked,
    then: Asked | None,
    why_not: str | None,
    accounts: list[str],
) -> pd.DataFrame:
    rows = [
        {
            "account_id": account,
            "target": name,
            "body": json.dumps(body, allow_nan=False, ensure_ascii=False, separators=(",", ":")),
        }
        for name, target in settings.targets.items()
        for account, body in explanations(settings, target, now, then, why_not, accounts).items()
    ]
    return pd.DataFrame(rows, columns=list(TABLES["explanations"]))


def _service(
    settings: Settings,
    about: DossierSettings,
    cycle: Cycle,
    now: Asked,
    bundles: Mapping[str, Path],
    facts: Path,
    accounts: int,
) -> dict[str, Any]:
    """What service.json says; no clock time and no place stands in it."""
    stated = json.loads((facts / "facts.json").read_text(encoding="utf-8"))
    path = files.DATA_REPORT.with_suffix(".json")
    report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return {
        "company": settings.source.name,
        "currency": _currency(facts),
        "data_from": stated["data_from"],
        "data_until": stated["data_until"],
        "as_of": str(now.as_of),
        "accounts": {
            "customers": len(now.morning.observations),
            "due": int(cycle.frame["account_id"].nunique()),
            "told": accounts,
            "most": about.most,
        },
        "freshness": report and _freshness(settings, report),
        "data": report and {name: report[name] for name in ("warnings", "missing", "oddities")},
        "health": settings.health.model_dump(mode="json"),
        "warning": settings.warning.model_dump(mode="json"),
        "bands": settings.cycle.bands.model_dump(mode="json"),
        "list_share": settings.cycle.share,
        "actionable": list(about.actionable),
        "measures": [*about.measures, history.HEALTH, history.CHURN],
        "dictionary": _dictionary(),
        "targets": [_target(settings, name, folder) for name, folder in bundles.items()],
        "identity": asdict(cycle.identity),
    }


def _target(settings: Settings, name: str, folder: Path) -> dict[str, Any]:
    target, report = settings.targets[name].model_dump(mode="json"), bundle.report(folder)
    return {
        "name": name,
        "cutoff": bundle.manifest(folder)["about"]["cutoff"],
        "bundle_sha256": bundle.identity(folder),
        **{key: target[key] for key in OF_TARGET},
        **{key: report.get(key) for key in OF_REPORT},
    }


def _dictionary() -> list[dict[str, Any]]:
    """Each feature with its words, and for a derived one the features it is computed from: who
    changes one of those changes it as well."""
    known = definitions()
    reads = {
        of.name: sorted({name for name, _ in of.formula.asks} & {other.name for other in known})
        for of in known
        if isinstance(of, Derived)
    }
    words = dictionary()[["name", "family", "meaning", "sign"]]
    return [{**of, "reads": reads.get(of["name"], [])} for of in words.to_dict("records")]


def _freshness(settings: Settings, report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The last day of each table, how many days it falls short, and how many it may."""
    return [
        {
            "table": table["table"],
            "rows": table["rows"],
            "last": table.get("last"),
            "days_missing_at_end": table.get("days_missing_at_end"),
            "allowed": settings.cycle.freshness.get(table["table"]),
        }
        for table in report["tables"]
    ]


def _currency(facts: Path) -> str | None:
    with duckdb.connect() as con:
        rows = con.read_parquet(str(facts / "subscriptions.parquet"))
        if "currency" not in rows.columns:
            return None
        return rows.aggregate("max(currency)").fetchall()[0][0]
