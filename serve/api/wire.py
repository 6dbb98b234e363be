"""JSON in and out. What comes in is UTF-8, has no NaN, and no number beyond a double."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Response


class NotJson(ValueError):
    """What was sent is no JSON, or nested deeper than anything that is asked for."""


class Json(Response):
    """An answer; a number that is missing (NaN) is null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes of plain values, days, and arrays of numbers."""
        return dumped(content)


def dumped(content: Any) -> bytes:
    """
    >>> dumped({"p": float("nan"), "name": "Ä"}).decode()
    '{"p":null,"name":"Ä"}'
    """
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def loaded(body: bytes) -> Any:
    """What the bytes say; raises NotJson, for a thousand levels of nesting as well.

    >>> loaded(b'{"arr": 1e400}')
    Traceback (most recent call last):
    serve.api.wire.NotJson: number is infinity when parsed as double, at line 1
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        raise NotJson(f"{fault.msg}, at line {fault.lineno}") from None


def whole(text: str) -> str:
    """The text with a question mark for each half of a character: UTF-8 has no bytes for it.

    >>> whole("a" + chr(0xD800))
    'a?'
    """
    return text.encode("utf-8", "replace").decode()
