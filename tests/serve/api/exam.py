"""Schemathesis asks everything that the interface says can be asked, and much that it cannot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from models.single import ASKED_BY
from tests.models.chained import models

READ = {*models()["churn"].encoding.columns, *ASKED_BY, "decided"}


@dataclass
class Found:
    """How many requests were answered, by status, and what failed which check."""

    answers: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Columns of one table have equal lengths, which no JSON schema can say: the shorter are filled
    up with what is missing. One without any row stays as it is."""
    columns = case.body.get("columns") if isinstance(case.body, dict) else None
    if not isinstance(columns, dict):
        return
    lists = {name: of for name, of in columns.items() if name in READ and isinstance(of, list)}
    if lists and all(lists.values()):
        most = max(map(len, lists.values()))
        for name, of in lists.items():
            fill = False if name == "decided" else None
            columns[name] = of + [fill] * (most - len(of))


def examine(app, examples: int, token: str | None) -> Found:
    """Every phase and every check, from a fixed seed; `examples` at most for one operation and
    phase, beside those that cover its schema."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    config = SchemathesisConfig.from_dict(
        {
            "seed": 7,
            "generation": {"max-examples": examples, "database": "none"},
            "checks": {"enabled": True},
            "continue-on-failure": True,
            "headers": headers,
        }
    )
    api = schemathesis.openapi.from_asgi("/openapi.json", app, config=config, headers=headers)
    found = Found()
    for event in from_schema(api).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            found.failures.append(str(getattr(event, "info", event)))
        if not isinstance(event, events.ScenarioFinished):
            continue
        for asked in event.recorder.interactions.values():
            if asked.response is not None:
                found.answers[asked.response.status_code] += 1
        for case_id, checks in event.recorder.checks.items():
            found.failures += [
                f"{event.recorder.label}: {check.name}: {check.failure_info.failure}: "
                f"{event.recorder.cases[case_id].value.as_curl_command()[:600]}"
                for check in checks
                if check.failure_info is not None
            ]
    return found
