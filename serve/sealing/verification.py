"""Whether the ledger is what was sealed: every entry, in its order, or the first that is not.

What a ledger can tell of itself ends where somebody may write to its database and computes every
link anew: only a head and a count that were kept elsewhere (an anchor) can show that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from serve.sealing.fault import Fault, Found
from serve.sealing.seal import GENESIS
from serve.sealing.walk import Walk

WITHOUT_ANCHOR = (
    "that entries at the end were removed together with their seals: give an anchor",
    "that the whole ledger was written anew with other contents: give an anchor",
)
NEVER = (
    "that somebody who may write to the database appended entries, or forgot an account, as "
    "Renewcast does",
    "that the publisher's clock was wrong: the day on which an anchor was kept elsewhere proves it",
)


class NoAnchor(ValueError):
    """What was given to verify by has no head and count of a ledger."""


@dataclass(frozen=True)
class Verification:
    """`checked`: entries as they were sealed, before the first fault, of which `forgotten` have
    their digest only; `head`: of the chain there; `cannot_exclude`: in words."""

    fault: Fault | None
    checked: int
    forgotten: int
    head: str
    cannot_exclude: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """No fault was found."""
        return self.fault is None


def verify(connection: Connection, anchor: Mapping[str, Any] | None = None) -> Verification:
    """Walk the chain from its beginning, in bounded memory.

    `anchor`: the `head` and `count` of a receipt or a manifest; NoAnchor if it is none.
    """
    kept = None if anchor is None else _anchor(anchor)
    if connection.dialect.name == "sqlite":  # a damaged text is a fault, not an error
        driver: Any = connection.connection.driver_connection
        driver.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    walk = Walk(connection, kept)
    fault = None
    try:
        walk.through()
    except Found as found:
        fault = found.fault
    except DBAPIError as error:
        fault = Fault("unreadable", "the database", walk.count + 1, str(error.orig).strip())
    said = NEVER if kept else WITHOUT_ANCHOR + NEVER
    return Verification(fault, walk.count, walk.forgotten, walk.head.hex(), said)


def _anchor(anchor: Mapping[str, Any]) -> tuple[int, bytes]:
    try:
        count, head = int(anchor["count"]), bytes.fromhex(anchor["head"])
    except (KeyError, TypeError, ValueError):
        raise NoAnchor(
            "an anchor has the `head` (hex) and the `count` of a receipt; the manifest of what was "
            "not sealed has none"
        ) from None
    if len(head) != len(GENESIS) or count < 1:
        raise NoAnchor(f"no anchor: count {count}, and a head of {len(head)} bytes instead of 32")
    return count, head
