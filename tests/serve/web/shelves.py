"""A publication with its dossier, a ledger and reports, of a company made up on the spot."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from fastapi import FastAPI

from features.publication import manifest, write_frame
from serve import web
from serve.api.state import State
from serve.dossier import Contents
from serve.ledger import Ledger
from serve.predictions import COLUMNS, OUTCOMES
from serve.record import OUTCOMES as ENDS
from serve.record import PUBLISHED
from serve.sealing.receipts import Run

AS_OF, BEFORE = date(2025, 7, 1), date(2025, 6, 1)
IDENTITY = {
    "model_version": "v1",
    "bundle_sha256": "b" * 64,
    "features_sha256": "f" * 64,
    "params_sha256": "p" * 64,
}
HEALTH = {
    "onboarding_days": 0,
    "min_coverage": 0.5,
    "bands": [{"name": "red", "edges": [0, 50]}, {"name": "green", "edges": [50, 100]}],
    "no_use": {"feature": "active_days_28d", "dimensions": []},
    "dimensions": {
        "frequency": {
            "weight": 0.5,
            "measures": {
                "active_days_28d": {
                    "label": "Active days",
                    "weight": 1,
                    "points": [[0, 0], [20, 100]],
                }
            },
        },
        "sentiment": {
            "weight": 0.5,
            "measures": {
                "nps_last": {"label": "Newest NPS", "weight": 1, "points": [[0, 0], [10, 100]]}
            },
        },
    },
    "overrides": [],
    "segments": {},
    "refit_ridge": 1.0,
}
MEASURES = ["active_days_28d", "nps_last", "health_score", "churn_probability"]


def predictions(accounts: int) -> pd.DataFrame:
    """One renewal an account: the first two are decided and failed, every seventh is of unknown
    ARR and health, every tenth carries an early warning."""
    n = np.arange(accounts)
    rng = np.random.default_rng(7)
    p = np.round(0.02 + 0.6 * rng.random(accounts) ** 2, 4)
    odd = n % 7 == 6
    arr = np.where(odd, np.nan, np.round(1000 + 50000 * rng.random(accounts)))
    status = np.where(n == 0, "decided", np.where(n == 1, "failed", "scored"))
    scored = status == "scored"
    p = np.where(scored, p, np.nan)
    health = np.where(odd | ~scored, np.nan, np.round(100 * rng.random(accounts), 1))
    due = pd.Timestamp(AS_OF) + pd.to_timedelta(n % 90, unit="D")
    band = np.select([p >= 0.3, p >= 0.15], ["high", "medium"], "low")
    sides = np.array(["agree", "agree", "model_riskier", "health_riskier"])[n % 4]
    frame = pd.DataFrame(
        {
            "prediction_id": [f"{i:064d}" for i in n],
            "as_of": pd.Timestamp(AS_OF),
            "target_cycle": due.strftime("%Y-%m"),
            "account_id": [f"acc_{i:05d}" for i in n],
            "name": np.where(n == 5, "=Bolt()", [f"Company {i}" for i in n]),
            "segment": np.array(["SMB", "Enterprise"])[n % 2],
            "owner": np.where(n % 5 == 4, None, np.array(["Ines", "Nils"])[n % 2]),
            "due_date": due,
            "days_to_due": n % 90,
            "arr_due": arr,
            "churn_probability": p,
            "churn_low": p * 0.7,
            "churn_high": np.minimum(p * 1.3, 1),
            "upsell_probability": np.where(scored, rng.random(accounts), np.nan),
            "arr_at_risk": p * arr,
            "risk_band": np.where(scored, band, None),
            "health_score": health,
            "health_band": np.where(
                np.isnan(health), "unknown", np.where(health < 50, "red", "green")
            ),
            "health_coverage": 1.0,
            "early_warning": np.where(scored, n % 10 == 3, None),
            "agreement": np.where(scored, np.where(odd, "unknown", sides), None),
            "reason_1": np.where(scored, "fewer people use it", None),
            "status": status,
            "status_reason": np.select([n == 0, n == 1], ["notice_given", "no features"], None),
            **IDENTITY,
        }
    )
    frame["rank"] = frame["arr_at_risk"].rank(ascending=False, method="first")
    whole = frame.reindex(columns=list(COLUMNS))
    return whole.astype({"early_warning": "boolean", "rank": "Int64", "days_to_due": "Int64"})


def publish(
    folder: Path,
    accounts: int = 60,
    dossier: bool = True,
    rows: pd.DataFrame | None = None,
    record: pd.DataFrame | None = None,
) -> Path:
    """A publication of so many renewals, or of given ones and their record."""
    folder.mkdir(parents=True)
    rows = predictions(accounts) if rows is None else rows
    health = rows[["account_id", "as_of", "health_score", "health_band", "health_coverage"]]
    health = health.assign(frequency_score=rows["health_score"], sentiment_score=np.nan)
    for name, frame in {
        "predictions": rows,
        "outcomes": endings(rows),
        "health": health,
        "record": sealable(rows) if record is None else record,
    }.items():
        write_frame(frame, folder / f"{name}.parquet", ("account_id",))
    if dossier:
        contents(rows).write(folder)
    arr = rows.groupby("status")["arr_due"].agg(["sum", "size"])
    places = ("scored", "decided", "in_grace", "later_renewal", "failed")
    about: dict[str, Any] = {
        "as_of": AS_OF.isoformat(),
        "due_within": 90,
        "due": {"renewals": len(rows), "arr": float(rows["arr_due"].sum()), "arr_unknown": 0},
        "statuses": {
            name: {
                "renewals": int(arr["size"].get(name, 0)),
                "arr": float(arr["sum"].get(name, 0.0)),
                "arr_unknown": 0,
            }
            for name in places
        },
        "outcomes": {"arr_due": 1000.0, "expected_arr_renewed": 900.0, "expected_arr": 950.0},
        "identity": IDENTITY,
        "files": manifest(folder),
    }
    (folder / "MANIFEST.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def endings(rows: pd.DataFrame) -> pd.DataFrame:
    """How the scored are expected to end."""
    scored = rows[rows["status"].eq("scored")]
    ends = scored[["prediction_id", "account_id", "due_date"]].reindex(columns=list(OUTCOMES))
    ends = ends.assign(p_churned=scored["churn_probability"], expected_arr_renewed=1.0)
    return ends.astype({of: float for of, sql in OUTCOMES.items() if sql == "DOUBLE"})


def sealable(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as a ledger keeps them."""
    columns = [name for name in PUBLISHED if name != "sealed"]
    frame = rows.reindex(columns=columns)
    numbers = {of: float for of in ("expected_arr_renewed", "health_refitted", "base_rate")}
    calls = np.where(np.arange(len(rows)) % 3 == 0, 2.0, np.nan)
    return frame.assign(plan="Team", month_to_month=False, csm_call=calls).astype(numbers)


def contents(rows: pd.DataFrame) -> Contents:
    """The dossier: every account was used on eight days, and nobody has answered an NPS."""
    ids = rows["account_id"]
    past = [
        pd.DataFrame(
            {
                "account_id": ids,
                "measure": measure,
                "morning": pd.Timestamp(day),
                "value": np.nan if measure == "nps_last" else value,
                "peers": 10.0,
                "sealed": True if measure == "churn_probability" and day == BEFORE else None,
            }
        )
        for day in (BEFORE, AS_OF)
        for measure, value in zip(MEASURES, (8.0, 0.0, 40.0, 0.1), strict=True)
    ]
    body = {
        "target": "churn", "outcome": "lost", "probability": 0.2, "low": 0.1, "high": 0.3,
        "base_rate": 0.1, "reasons": ["fewer people use it"], "against": ["a long contract"],
        "average": 0.12, "conditional": 0.25, "escape": 0.8, "given": {"other": 0.2},
        "dimensions": [{"dimension": "frequency", "points": 0.1, "logit": 0.5}],
        "since": BEFORE.isoformat(), "not_compared": None, "caution": "Goes with, causes nothing.",
        "health_then": {"score": 40.0, "band": "red"},
        "changed": {
            "probability_then": 0.1, "points": 0.1, "same_model": True, "model": {"points": 0.0},
            "sentences": [{"raises": True, "text": "active days fell from 12 to 8"}],
        },
    }  # fmt: skip
    return Contents(
        features=pd.DataFrame(
            {"account_id": ids, "as_of": pd.Timestamp(AS_OF), "segment": rows["segment"],
             "active_days_28d": 8.0, "nps_last": np.nan, "tenure_days": 400.0}
        ),
        rules=pd.DataFrame(
            {"account_id": ids, "dimension": "frequency", "measure": "active_days_28d",
             "value": 8.0, "points": 40.0, "weight": 0.5, "cutoffs": "0 → 0, 20 → 100",
             "text": "Active days: 8 gives 40 of 100 points"}
        ),
        explanations=pd.DataFrame(
            {"account_id": ids, "target": "churn", "body": json.dumps(body)}
        ),
        series=pd.concat(past, ignore_index=True),
        events=pd.DataFrame(
            {"account_id": ids, "day": pd.Timestamp(BEFORE), "kind": "ticket",
             "text": "Ticket (high, bug), resolved", "value": 2.0}
        ),
        ranges=pd.DataFrame(
            {"account_id": ids, "feature": "active_days_28d", "low": 0.0, "high": 20.0}
        ),
        service={
            "company": "Made-up & Co", "currency": "EUR", "as_of": AS_OF.isoformat(),
            "data_from": "2024-01-01", "data_until": "2025-07-01", "measures": MEASURES,
            "freshness": [{"table": "usage", "rows": 9, "last": "2025-06-30", "allowed": 10,
                           "days_missing_at_end": 0}],
            "data": {"missing": [{"table": "nps", "column": "", "costs": "sentiment is unknown"}],
                     "warnings": [], "oddities": []},
            "health": HEALTH,
            "dictionary": [
                {"name": "active_days_28d", "family": "frequency", "meaning": "Days with use."},
                {"name": "nps_last", "family": "sentiment", "meaning": "The newest NPS answer."},
            ],
            "targets": [{"name": "churn", "outcome": "lost", "horizon": 90, "eligible": "due",
                         "rung": "blend", "why": "100 positives", "cutoff": "2025-07-01",
                         "rows": 100, "positives": 20.0, "base_rate": 0.1,
                         "bundle_sha256": "b" * 64}],
            "accounts": {"told": len(ids), "due": len(ids), "customers": len(ids)},
        },
    )  # fmt: skip


def ledger(path: Path, rows: pd.DataFrame, settled: int = 0) -> str:
    """The URL of a ledger in which the rows are sealed, the first so many scored ones as lost."""
    url = f"sqlite:///{path}"
    held = Ledger.open(url, clock=lambda: datetime(2025, 7, 1, 6, tzinfo=UTC))
    frame = sealable(rows)
    run = Run(
        as_of=AS_OF, within=90, renewals=len(rows), arr=float(rows["arr_due"].sum()), **IDENTITY
    )
    held.publish(run, frame)
    if settled:
        settle(held, rows, settled)
    return url


def settle(held: Ledger, rows: pd.DataFrame, settled: int) -> None:
    """The first so many scored renewals have left."""
    lost = rows[rows["status"].eq("scored")].head(settled)
    ends = lost[["account_id", "due_date", "arr_due"]].assign(
        outcome="churned", arr_kept=0.0, arr_renewed=0.0, month_to_month=False, early=False,
        known_on=pd.Timestamp(2025, 8, 15),
    )  # fmt: skip
    held.settle(ends[list(ENDS)])


def app(state: State) -> FastAPI:
    """Nothing but the pages."""
    whole = FastAPI()
    whole.include_router(web.router(state))
    return whole
