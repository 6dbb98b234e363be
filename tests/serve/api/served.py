"""A service over a small publication with its dossier, two small bundles and a ledger."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from pathlib import Path

import httpx
import pandas as pd

from features.publication import manifest, published
from models import bundle
from serve.app import create_app
from serve.batch import score_cycle
from serve.bundles import folders
from serve.dossier import Contents
from serve.predictions import MANIFEST
from tests.models.chained import TARGETS, features, models
from tests.serve.cycles import IDENTITY, SCORERS, SETTINGS, due

NAMES = ("acme", "bolt", "cask", "dune", "echo", "fern", "gale")
ACTIONABLE = ["active_users_28d", "open_tickets"]
DAY = date(2025, 7, 1)


def of_customers() -> pd.DataFrame:
    """Features of 300 customers on (account_id, as_of), the first of them those that are due."""
    found = features()
    renamed = [*NAMES, *(f"c{number:03}" for number in range(len(NAMES), len(found)))]
    at = pd.MultiIndex.from_arrays([renamed, [pd.Timestamp(DAY)] * len(found)])
    found.index = at.set_names(["account_id", "as_of"])
    found.iloc[0, found.columns.get_loc("days_to_due")] = 10.0
    return found


def dossier(artifacts: Path | None) -> Contents:
    """What is told of acme, and the features of everybody."""
    known = of_customers().reset_index().assign(segment="SMB")
    told = {"account_id": "acme"}
    day = pd.Timestamp(DAY)
    where = {} if artifacts is None else folders(artifacts)
    targets = [
        {"name": name, "bundle_sha256": bundle.identity(folder)} for name, folder in where.items()
    ]
    rule = {"dimension": "frequency", "measure": "events_28d", "value": 1.0, "points": 30.0}
    return Contents(
        features=known,
        rules=pd.DataFrame([told | rule | {"weight": 1.0, "cutoffs": "0 → 0", "text": "a few"}]),
        explanations=pd.DataFrame([told | {"target": "churn", "body": '{"probability":0.4}'}]),
        series=pd.DataFrame(
            [
                told
                | {"measure": "events_28d", "morning": day, "value": 1.0, "peers": None}
                | {"sealed": None}
            ]
        ),
        events=pd.DataFrame([told | {"day": day, "kind": "nps", "text": "NPS", "value": 9.0}]),
        ranges=pd.DataFrame(
            [
                told | {"feature": "active_users_28d", "low": 0.0, "high": 20.0},
                told | {"feature": "open_tickets", "low": None, "high": None},
            ]
        ),
        service={
            "company": "Ärger & Söhne",
            "targets": targets,
            "actionable": ACTIONABLE,
            "dictionary": [
                {"name": "active_users_28d", "family": "breadth", "reads": []},
                {"name": "utilisation", "family": "breadth", "reads": ["active_users_28d"]},
                {"name": "utilisation_trend", "family": "breadth", "reads": ["utilisation"]},
            ],
        },
    )


def publish(folder: Path, artifacts: Path | None = None, told: bool = True, **changes) -> None:
    """A publication, with its dossier if `told`; what was there is replaced as a whole."""
    with published(folder) as new:
        cycle = score_cycle(due(**changes), SCORERS, SETTINGS, IDENTITY)
        cycle.publish(new / "cycle")
        for file in (new / "cycle").iterdir():
            file.rename(new / file.name)
        (new / "cycle").rmdir()
        commit = json.loads((new / MANIFEST).read_text(encoding="utf-8"))
        (new / MANIFEST).unlink()
        if told:
            dossier(artifacts).write(new)
        text = json.dumps(commit | {"files": manifest(new)}, indent=2, sort_keys=True)
        (new / MANIFEST).write_text(text, encoding="utf-8")


def save(folder: Path, origin: str = "first") -> Path:
    """A bundle of each target below `folder`, as training leaves them."""
    for target in TARGETS:
        about = {"target": target.model_dump(), "origin": origin}
        bundle.save(models()[target.name], folder / target.name / "serving", about=about)
    return folder


class Client:
    """Asks the application itself: no port, no network."""

    def __init__(self, app, **headers):
        self.app, self.headers = app, headers

    @property
    def state(self):
        return self.app.state.renewcast

    def ask(self, method, path, base="http://localhost", **more):
        async def asked():
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=base) as client:
                headers = self.headers | more.pop("headers", {})
                return await client.request(method, path, headers=headers, **more)

        return asyncio.run(asked())

    def get(self, path, **params):
        return self.ask("GET", path, params=params or None)

    def post(self, path, body, **more):
        return self.ask("POST", path, json=body, **more)


def is_problem(answer, status: int, said: str = "") -> bool:
    """Whether an answer is a whole problem detail of a status that says something."""
    told = answer.json()
    assert answer.status_code == status, (answer.status_code, told)
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance"} <= set(told)
    assert told["status"] == status and "Traceback" not in answer.text
    assert said in told["detail"], told["detail"]
    return True


def app(folder: Path, artifacts: Path | None, **more):
    """The service over both."""
    asked = {"bundles": artifacts, "today": lambda: date(2025, 7, 4), "pages": False} | more
    return create_app(folder / "cycle", **asked)
