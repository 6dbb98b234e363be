"""The page of the service's interface, from its OpenAPI contract."""

from __future__ import annotations

from typing import Any

from pipeline import files
from pipeline.documents.markup import grid, listed

INTRODUCTION = """\
# The interface

`renewcast serve` shows pages for people at `/` and an interface for programs at `/v1`. It describes
itself, with the features that the serving models read, at `/openapi.json` and, to be read, at
`/docs`; nothing of either comes from another host. What follows is its table of contents.

- On loopback it lets everybody in. Listening elsewhere it asks for a token, `Authorization: Bearer
  …` (`renewcast token`); a browser sends the same as the password of Basic authentication.
- Every error is a problem detail (`application/problem+json`) that says what was wrong and what to
  do. 429 and 503 carry `Retry-After`.
- Scores are those of the batch, to the bit. `POST /v1/score` takes `features` of one observation,
  `rows`, or `columns`; a feature that is missing is `null`, and one that the models do not read is
  passed over.
- A [deployment](../deployment.md) needs neither facts nor the feature engine.
"""


def interface() -> str:
    """The page in Markdown; reads the contract of what was last published."""
    from serve.api.contract import contract
    from serve.app import create_app

    app = create_app(files.CYCLE, bundles=files.ARTIFACTS, reports=files.COMPARISON.parent)
    api = contract(app, app.state.renewcast, with_tokens=True)
    rows = [
        (f"`{method.upper()} {path}`", _said(call), _parameters(call), _token(call))
        for path, methods in api["paths"].items()
        for method, call in methods.items()
    ]
    return f"{INTRODUCTION}\n{grid(['route', 'what', 'asked by', 'token'], rows)}\n"


def _said(call: dict[str, Any]) -> str:
    return str(call["summary"])


def _parameters(call: dict[str, Any]) -> str:
    return listed(one["name"] for one in call.get("parameters", ()))


def _token(call: dict[str, Any]) -> str:
    return "yes" if call.get("security") else ""
