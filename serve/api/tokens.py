"""Who may ask: tokens of 256 random bits, of which only the hashes are kept.

A configuration has one line a token, `role name sha256:…`; empty lines and those that begin with #
are passed over. Whoever may publish may also read. A random token needs no salt and no slow hash:
nobody can try them out.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Literal, get_args

Role = Literal["read", "publish"]
PREFIX = "rnw_"
LINE = re.compile(r"(?P<role>\S+)\s+(?P<name>[\w.@-]{1,64})\s+sha256:(?P<digest>[0-9a-f]{64})")


class BadTokens(ValueError):
    """The configuration cannot be used; the sentence names the line, never what stands in it."""


@dataclass(frozen=True)
class Caller:
    """Who asks, by the name that the configuration gives, and what they may."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """
        >>> Caller("batch", "publish").may("read"), Caller("crm", "read").may("publish")
        (True, False)
        """
        return self.role == "publish" or role == "read"


ANYONE = Caller("loopback", "publish")


@dataclass(frozen=True)
class Tokens:
    """The hashes of a configuration, and whose they are."""

    known: tuple[tuple[bytes, Caller], ...]

    @classmethod
    def of(cls, text: str) -> Tokens:
        """Read a configuration; raises BadTokens, also if there is no token in it."""
        known: list[tuple[bytes, Caller]] = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.strip().startswith("#"):
                continue
            found = LINE.fullmatch(line.strip())
            if found is None or found["role"] not in get_args(Role):
                raise BadTokens(
                    f"line {number} of the tokens is not `read|publish name sha256:<64 hex>`: "
                    "`renewcast token` prints one"
                )
            role: Role = "publish" if found["role"] == "publish" else "read"
            if found["name"] in {caller.name for _, caller in known}:
                raise BadTokens(f"line {number} of the tokens has a name that stands there twice")
            known.append((bytes.fromhex(found["digest"]), Caller(found["name"], role)))
        if not known:
            raise BadTokens("there is no token among the tokens: `renewcast token` prints one")
        return cls(tuple(known))

    def caller(self, authorization: bytes) -> Caller | None:
        """Who sent this header, `Bearer <token>` or, from a browser, `Basic` with the token as the
        password. Every hash is compared in constant time, whichever matches."""
        token = _token(authorization)
        if token is None:
            return None
        digest = sha256(token).digest()
        matches = [caller for kept, caller in self.known if compare_digest(kept, digest)]
        return matches[0] if matches else None


def issue(role: Role, name: str) -> tuple[str, str]:
    """A new token, to be shown once, and the line that the configuration needs for it.

    Raises BadTokens for a name that no line can hold.
    """
    token = PREFIX + secrets.token_urlsafe(32)
    line = f"{role} {name} sha256:{sha256(token.encode()).hexdigest()}"
    if not LINE.fullmatch(line):
        raise BadTokens(f"a token cannot be named {name!r}: up to 64 letters, digits, and . _ @ -")
    return token, line


def _token(authorization: bytes) -> bytes | None:
    scheme, _, value = authorization.strip().partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip() or None
    if scheme.lower() != b"basic":
        return None
    try:
        _, _, password = base64.b64decode(value.strip(), validate=True).partition(b":")
    except binascii.Error:
        return None
    return password or None
