"""OpenAPI, with what only the models that serve can say: which features a row must have."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serve.api.answers import ProblemDetail
from serve.api.guard import OPEN
from serve.api.state import Snapshot, State

NUMBER = {"type": ["number", "boolean", "null"]}
TEXT = {"type": ["string", "null"]}
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetail"}}}
ALWAYS = {400: "Not to be understood", 429: "Too much at once", 500: "A fault of the service"}
TOKEN = {401: "No token, or an unknown one", 403: "A token that may not"}
BODY = {
    408: "The body came too slowly",
    409: "Not what this account has been",
    413: "The body is too long",
    415: "Not JSON",
}


def contract(app: FastAPI, state: State, *, with_tokens: bool) -> dict[str, Any]:
    """The whole interface as OpenAPI 3.1 tells it."""
    api = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = api["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["ProblemDetail"] = ProblemDetail.model_json_schema()
    schemas |= features(state.now, state.limits.batch)
    for path, methods in api["paths"].items():
        for method, call in methods.items():
            for parameter in call.get("parameters", ()):
                parameter["schema"] = _given(parameter["schema"])
            told = dict(ALWAYS) | {404: "Not there", 422: "Not acceptable", 503: "Not just now"}
            if method == "post":
                told |= BODY | {403: TOKEN[403]}
            if with_tokens and path not in OPEN:
                told |= TOKEN
                call["security"] = [{"token": []}]
            for status, what in sorted(told.items()):
                answer: dict[str, Any] = {"description": what, "content": PROBLEM}
                if status in (429, 503):
                    seconds = {"schema": {"type": "string"}, "description": "Seconds to wait."}
                    answer["headers"] = {"Retry-After": seconds}
                call["responses"][str(status)] = answer
    if with_tokens:
        api["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    _bodies(api["paths"], state.now)
    return api


def features(held: Snapshot, most: int) -> dict[str, Any]:
    """The three forms in which features are sent."""
    names = list(held.read)
    row = {name: TEXT if name in held.texts else NUMBER for name in names}
    columns = {
        name: {"type": "array", "items": kind, "minItems": 1, "maxItems": most}
        for name, kind in row.items()
    }
    flag: dict[str, Any] = {"type": "boolean"}
    flags = {"type": "array", "items": flag, "minItems": 1, "maxItems": most}
    one = {
        "type": "object",
        "description": "The features of one observation by name; what the models do not read is "
        "passed over. `decided`: whether the renewal is decided already.",
        "properties": {**row, "decided": flag},
        "required": names,
    }
    block = {
        "type": "object",
        "description": "The same by column; every column has as many rows.",
        "properties": {**columns, "decided": flags},
        "required": names,
    }
    of = {
        "features": {"$ref": "#/components/schemas/Features"},
        "rows": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/Features"},
            "minItems": 1,
            "maxItems": most,
        },
        "columns": {"$ref": "#/components/schemas/Columns"},
    }
    forms = [
        {
            "type": "object",
            "properties": {form: schema, "intervals": flag},
            "required": [form],
            "additionalProperties": False,
        }
        for form, schema in of.items()
    ]
    return {"Features": one, "Columns": block, "ToScore": {"oneOf": forms}}


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """What a parameter may be where it is given: a query has no null."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {name: of for name, of in schema.items() if name != "anyOf"} | kinds[0]


def _bodies(paths: dict[str, Any], held: Snapshot) -> None:
    """What the two routes take that read their bodies themselves, with an example that can be sent
    as it is."""
    row: dict[str, Any] = dict.fromkeys(held.read) | {"days_to_due": 30}
    actionable = list(held.dossier.service["actionable"]) if held.dossier else []
    paths["/v1/score"]["post"]["requestBody"] = _body(
        {"$ref": "#/components/schemas/ToScore"},
        {
            "one": {"features": row, "intervals": True},
            "rows": {"rows": [row, row]},
            "columns": {"columns": {name: [value, value] for name, value in row.items()}},
        },
    )
    paths["/v1/what-if"]["post"]["requestBody"] = _body(
        {
            "type": "object",
            "properties": {
                "account_id": {"type": "string", "minLength": 1, "maxLength": 500},
                "changes": {
                    "type": "object",
                    "properties": {name: {"type": "number"} for name in actionable},
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            },
            "required": ["account_id", "changes"],
            "additionalProperties": False,
        },
        {"one": {"account_id": "acc_00012", "changes": dict.fromkeys(actionable[:1], 5)}},
    )


def _body(schema: dict[str, Any], examples: dict[str, Any]) -> dict[str, Any]:
    told = {name: {"value": value} for name, value in examples.items()}
    content = {"schema": schema, "examples": told}
    return {"required": True, "content": {"application/json": content}}
