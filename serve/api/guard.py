"""What stands before every route: who asks, from where, how much, for how long, and what is said
of it afterwards. It sees each request and each answer, whatever answers."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Collection
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.api.limits import Limits
from serve.api.logs import say, told
from serve.api.metrics import Metrics
from serve.api.problems import Problem, answer
from serve.api.tokens import ANYONE, Caller, Tokens

OPEN = ("/healthz", "/readyz")
"""What a load balancer asks, without a token."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
SAFE = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
RAW = tuple((name.lower().encode(), value.encode()) for name, value in HEADERS.items())


class Guard:
    """ASGI middleware; `scope["caller"]` says to the routes who asks."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        tokens: Tokens | None,
        hosts: Collection[str],
        metrics: Metrics,
    ) -> None:
        self.app, self._limits, self._tokens, self._metrics = app, limits, tokens, metrics
        self._hosts = {*LOOPBACK, *(host.lower() for host in hosts)}
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        else:
            self._under_way += 1
            self._metrics.under_way.inc()
            try:
                await _Exchange(self, scope, receive, send).run()
            finally:
                self._under_way -= 1
                self._metrics.under_way.dec()

    def refusal(self, scope: Scope, headers: Headers) -> HTTPException | None:
        """Why a request is not handed on; None if it is."""
        host = hostname(headers.get("host", ""))
        if host not in self._hosts:
            return Problem(400, "the Host header names another service than this one")
        scope["caller"] = self._caller(headers)
        if scope["path"] not in OPEN:
            if scope["caller"] is None:
                return _unknown(headers)
            if self._under_way > self._limits.at_once:
                return Problem(429, "too many requests are under way: ask again", retry_after=1)
        origin = headers.get("origin")
        if scope["method"] not in SAFE and origin is not None and _authority(origin) != host:
            return Problem(403, "a page of another origin may not ask for this")
        if _announced(headers) > self._limits.body:
            return too_long(self._limits)
        return None

    def _caller(self, headers: Headers) -> Caller | None:
        if self._tokens is None:
            return ANYONE
        return self._tokens.caller(headers.get("authorization", "").encode("latin-1"))


class _Exchange:
    """One request and its answer."""

    def __init__(self, guard: Guard, scope: Scope, receive: Receive, send: Send) -> None:
        self._guard, self._scope, self._limits = guard, scope, guard._limits
        self._receive, self._send = receive, send
        self._headers = Headers(scope=scope)
        self._status: int | None = None
        self._read, self._whole, self._waiting = 0, False, False
        self._id = secrets.token_hex(8)

    async def run(self) -> None:
        """Answer, and say in one line how; the connection is broken off only where half of an
        answer is already out."""
        start = perf_counter()
        try:
            await self._answered()
        except ClientDisconnect:
            pass
        finally:
            self._say(perf_counter() - start)

    async def _answered(self) -> None:
        refusal = self._guard.refusal(self._scope, self._headers)
        try:
            if refusal is None:
                async with asyncio.timeout(self._limits.seconds):
                    await self._guard.app(self._scope, self._receiving, self._sending)
                return
        except TimeoutError:
            if self._status is not None:
                raise
            refusal = self._late()
        except ClientDisconnect:
            raise
        except Exception as error:
            say("failed", logging.ERROR, id=self._id, route=self._route, error=told(error))
            if self._status is not None:
                raise
            refusal = Problem(500, f"this is a fault of ours; the log tells more under {self._id}")
        out = answer(refusal, self._scope["path"])
        await out(self._scope, self._receive, self._sending)

    def _late(self) -> Problem:
        if self._waiting:
            return Problem(408, f"the body took longer than {self._limits.seconds:g} s")
        return Problem(503, "this took too long: ask for less, or again", retry_after=5)

    async def _receiving(self) -> Message:
        if self._whole:
            return await self._receive()
        self._waiting = True
        message = await self._receive()
        self._waiting = False
        self._read += len(message.get("body", b""))
        if self._read > self._limits.body:
            raise too_long(self._limits)
        self._whole = not message.get("more_body", False)
        return message

    async def _sending(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = list(message.get("headers", ()))
            given = {name.lower() for name, _ in headers}
            headers += [(name, value) for name, value in RAW if name not in given]
            headers.append((b"x-request-id", self._id.encode()))
            if self._status in (400, 408, 413, 429) and not self._whole:
                headers.append((b"connection", b"close"))  # what is still to come is not waited for
            message["headers"] = headers
        await self._send(message)

    @property
    def _route(self) -> str:
        route: Any = self._scope.get("route")
        return str(getattr(route, "path", None) or "unmatched")

    def _say(self, seconds: float) -> None:
        status = self._status or 499
        self._guard._metrics.answered(self._scope["method"], self._route, status, seconds)
        caller = self._scope.get("caller")
        say(
            "answered",
            id=self._id,
            method=self._scope["method"],
            route=self._route,
            status=status,
            ms=round(seconds * 1000, 2),
            bytes_in=self._read,
            caller=caller.name if caller else None,
        )


def hostname(header: str) -> str:
    """The name in a Host header, without its port; empty for what is none.

    >>> hostname("LocalHost:8000"), hostname("[::1]:8000"), hostname("a@b"), hostname("")
    ('localhost', '::1', '', '')
    """
    return "" if set("@/?#\\") & set(header) else _authority(f"//{header}")


def too_long(limits: Limits) -> Problem:
    """The problem of a body beyond the limit."""
    return Problem(413, f"a body may have {limits.body:,} bytes: send fewer rows at once")


def _authority(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 19 else 10**19


def _unknown(headers: Headers) -> Problem:
    refusal = Problem(401, "name a token: Authorization: Bearer <token>")
    people = "text/html" in headers.get("accept", "")
    scheme = 'Basic realm="Renewcast: the token is the password"' if people else "Bearer"
    refusal.headers = {"WWW-Authenticate": scheme}
    return refusal
