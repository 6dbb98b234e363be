"""How an entry of the ledger is sealed, so that nobody can change it unseen.

    content = the table's name, a space, and a JSON object of the columns that are not empty: keys
              sorted, no blanks, ASCII escapes; days YYYY-MM-DD, instants YYYY-MM-DD HH:MM:SS.ffffff
              (UTC), floats as the shortest decimal that reads back as the same double
    digest  = SHA-256(salt, content)     a random salt of 16 bytes an entry
    chain   = SHA-256(chain before, digest, the table's name)     32 zero bytes before the first

The chain needs digests only: once content and salt are erased, nothing can be guessed from the
digest that stays, and every later link still holds. Empty columns are left out, so that a column
added by a later version changes no digest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Boolean, Connection, Table, insert, select, update

from serve.sealing.schema import chain_head, seals

GENESIS = bytes(32)
HEAD = select(chain_head.c["count"], chain_head.c.head)
SALT = 16
UNSEALED = ("sequence", "salt", "run")  # a prediction's run follows from its place in the chain
INSTANT = "%Y-%m-%d %H:%M:%S.%f"
_json = json.JSONEncoder(separators=(",", ":"), default=repr).encode
_BOOLEANS = {0: False, 1: True}


def sealed_columns(table: Table) -> list[str]:
    """The columns that the digest covers, in its order."""
    return sorted(column.name for column in table.c if column.name not in UNSEALED)


def content(table: Table) -> Callable[[Sequence[Any]], bytes]:
    """A function from the values of `sealed_columns(table)`, as either database or Python holds
    them, to the bytes that are sealed. It never raises: what cannot be a value differs from it."""
    names = sealed_columns(table)
    booleans = [n for n in names if isinstance(table.c[n].type, Boolean)]
    days = [n for n in names if table.c[n].type.python_type in (date, datetime)]
    start = f"{table.name} "

    def encode(values: Sequence[Any]) -> bytes:
        there = {n: v for n, v in zip(names, values, strict=True) if v is not None}
        for name in booleans:
            if name in there and isinstance(there[name], int):
                there[name] = _BOOLEANS.get(there[name], there[name])
        for name in days:
            value = there.get(name)
            if isinstance(value, datetime):
                there[name] = value.strftime(INSTANT)
            elif isinstance(value, date):
                there[name] = value.isoformat()
        return (start + _json(there)).encode("ascii")

    return encode


def contents_of(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """The content of each row, a mapping by column."""
    names, encode = sealed_columns(table), content(table)
    return [encode([row[name] for name in names]) for row in rows]


def digest(salt: bytes, sealed: bytes) -> bytes:
    """SHA-256 of the salt and the content.

    >>> digest(bytes(16), b'runs {"within":90}').hex()[:16]
    'e5a17199fabcf87b'
    """
    return sha256(salt + sealed).digest()


def link(before: bytes, of: bytes, kind: str) -> bytes:
    """The next link of the chain: SHA-256 of the link before, the entry's digest and its kind."""
    return sha256(before + of + kind.encode("utf-8", "replace")).digest()


class Chain:
    """The end of the chain, held by one writer until its transaction ends."""

    def __init__(self, connection: Connection) -> None:
        """Waits for any other writer (SQLite's are already apart by BEGIN IMMEDIATE)."""
        self._connection = connection
        self.count, self.head = connection.execute(HEAD.with_for_update()).one()

    def append(
        self, table: Table, rows: Sequence[Mapping[str, Any]], sealed: Sequence[bytes] | None = None
    ) -> None:
        """Seal rows, each with a value for every column of `table`, in the given order.

        `sealed`: their contents, where they are at hand.
        """
        if not rows:
            return
        contents = contents_of(table, rows) if sealed is None else sealed
        salts = os.urandom(SALT * len(rows))
        entries, salted = [], []
        for number, (row, of) in enumerate(zip(rows, contents, strict=True)):
            salt = salts[SALT * number : SALT * (number + 1)]
            told = digest(salt, of)
            self.head = link(self.head, told, table.name)
            self.count += 1
            entry = {"kind": table.name, "digest": told, "chain": self.head}
            entries.append({"sequence": self.count, **entry})
            salted.append({**row, "sequence": self.count, "salt": salt})
        self._connection.execute(insert(seals), entries)
        self._connection.execute(insert(table), salted)
        self._connection.execute(update(chain_head).values(count=self.count, head=self.head))
