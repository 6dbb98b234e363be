"""Bodies: JSON, said to be JSON, and nothing else."""

from __future__ import annotations

from typing import Any

from fastapi import Request

from serve.api.problems import Problem
from serve.api.wire import NotJson, loaded


async def body(request: Request) -> Any:
    """What was sent; raises Problem 415 or 400. Its length was limited before (serve/api/guard.py).

    A page of another origin cannot send this type without asking first, and is then refused.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "send JSON, with Content-Type: application/json")
    try:
        return loaded(await request.body())
    except NotJson as fault:
        raise Problem(400, f"the body is no JSON: {fault}") from None
