"""One walk along the chain, from the first entry to the last, that stops at the first fault."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, text

from serve.sealing.entries import as_stored
from serve.sealing.fault import Fault, Found
from serve.sealing.schema import CONTENTS, forgettings, seals
from serve.sealing.seal import GENESIS, HEAD, content, digest, link, sealed_columns

WINDOW = 20_000
"""Entries held in memory at a time."""
SEALED = {name: sealed_columns(table) for name, table in CONTENTS.items()}
COLUMNS = {
    name: [*SEALED[name], *(c.name for c in of.c if c.name == "run")]
    for name, of in CONTENTS.items()
}
ENCODE = {name: content(table) for name, table in CONTENTS.items()}

Rows = dict[str, dict[int, tuple[Any, ...]]]  # table -> sequence -> salt and values of COLUMNS


class Walk:
    """`count` and `head` of the entries found sound so far, of which `forgotten` are digests only.

    `anchor`: a count and a head that the chain must have passed through.
    """

    def __init__(self, connection: Connection, anchor: tuple[int, bytes] | None) -> None:
        self.count, self.head, self.forgotten = 0, GENESIS, 0
        self._before = GENESIS
        self._connection, self._anchor = connection, anchor
        self._run: tuple[int, int, str | None] = (0, 0, None)  # its entry, its last one, its id

    def through(self) -> None:
        """Walk to the end. Raises Found at the first fault."""
        self._gone = self._erased()
        for entries in self._windows(None):
            first = self.count + 1 if self.count else None
            rows = self._contents(first, entries[-1].sequence)
            for entry in entries:
                self._step(entry, rows)
            self._without_seal(rows)
        self._without_seal(self._contents(self.count + 1, None))
        self._end()

    def _step(self, entry: Row, rows: Rows) -> None:
        place, expected = entry.sequence, self.count + 1
        if place > expected:
            table = "predictions" if expected <= self._run[1] else "seals"
            self._fault("removed", table, expected, "neither its content nor its seal is there")
        row = rows.get(entry.kind, {}).get(place)
        if place < expected:
            self._fault("inserted", entry.kind, place, "it stands before the first entry", row)
        if tuple(map(type, entry[1:])) != (str, bytes, bytes):
            self._fault(
                "altered", str(entry.kind), place, "its seal has values of other types", row
            )
        if link(self.head, entry.digest, entry.kind) != entry.chain:
            self._broken(entry, row)
        self._held(entry, row)
        rows.get(entry.kind, {}).pop(place, None)
        self._of_run(entry.kind, place, row)
        self._before, self.head, self.count = self.head, entry.chain, place
        if self._anchor and self._anchor[0] == place and self._anchor[1] != self.head:
            self._fault(
                "rewritten",
                "seals",
                place,
                "the chain holds, but its head here is not the anchor's",
            )

    def _held(self, entry: Row, row: tuple[Any, ...] | None) -> None:
        """The content is the one whose digest was chained, or was forgotten."""
        place, kind = entry.sequence, entry.kind
        if row is None:
            if place not in self._gone:
                self._fault("removed", kind, place, "its seal is there, its content is not")
            self.forgotten += 1
            return
        if place in self._gone:
            self._fault("inserted", kind, place, "its content was forgotten and is back", row)
        if (found := _digest(kind, row)) != entry.digest:
            twin = select(seals.c.sequence).where(seals.c.digest == (found or b""))
            other = self._connection.execute(twin).scalar()
            if other is not None:
                self._fault("swapped", kind, place, f"it holds the content of entry {other}", row)
            self._fault("altered", kind, place, "its content is not what was sealed", row)

    def _of_run(self, kind: str, place: int, row: tuple[Any, ...] | None) -> None:
        """A run is followed by exactly its predictions."""
        run, last, _ = self._run
        if (kind == "predictions") != (place <= last):
            what = f"the run of entry {run} ends with entry {last}"
            self._fault("inserted", kind, place, what, row)
        if kind == "predictions" and row and _value(kind, row, "run") != run:
            self._fault("altered", kind, place, f"it is of the run of entry {run}", row)
        if kind == "runs" and row:
            renewals, run_id = _value(kind, row, "renewals"), _value(kind, row, "run_id")
            self._run = (place, place + renewals, run_id)

    def _broken(self, entry: Row, row: tuple[Any, ...] | None) -> None:
        """Name what broke the chain at an entry whose digest does not lead to its link."""
        place, kind = entry.sequence, entry.kind
        if row and link(self.head, _digest(kind, row) or b"", kind) == entry.chain:
            self._fault("altered", kind, place, "the digest in its seal is another", row)
        if link(self._before, entry.digest, kind) == entry.chain:
            self._fault("inserted", "seals", place - 1, "the entry after it does not know it")
        for others in self._windows(place):
            for other in others:
                if not isinstance(other.digest, bytes) or not isinstance(other.kind, str):
                    continue
                fits = link(self.head, other.digest, other.kind)
                if fits == other.chain and other.sequence == place + 1:
                    self._fault("inserted", kind, place, "the entry after it does not know it", row)
                if fits in (other.chain, entry.chain):
                    what = f"it stands in the place of entry {other.sequence}"
                    self._fault("swapped", kind, place, what, row)
        there = self._connection.execute(select(func.count()).select_from(seals)).scalar_one()
        sealed = self._sealed()[0]
        if there < sealed:
            self._fault("removed", "seals", place, "the link before it is missing", row)
        if there > sealed:
            self._fault("inserted", kind, place, "it does not follow the entry before it", row)
        self._fault("altered", kind, place, "its seal does not follow the entry before it", row)

    def _end(self) -> None:
        run, last, _ = self._run
        if self.count < last:
            what = f"the run of entry {run} had its predictions up to entry {last}"
            self._fault("removed", "predictions", self.count + 1, what)
        count, head = self._sealed()
        what = f"the head says {count} entries, there are {self.count}"
        if count > self.count:
            self._fault("removed", "seals", self.count + 1, what)
        if count < self.count:
            self._fault("inserted", "seals", count + 1, what)
        if head != self.head:
            self._fault("altered", "chain_head", None, "it is not the link of the last entry")
        if self._anchor and self._anchor[0] > self.count:
            what = f"the anchor counts {self._anchor[0]} entries, there are {self.count}"
            self._fault("removed", "seals", self.count + 1, what)
        if self._connection.dialect.name == "sqlite":
            said = self._connection.execute(text("PRAGMA integrity_check(1)")).scalar()
            if said != "ok":
                self._fault("altered", "the database file", None, str(said))

    def _sealed(self) -> tuple[int, bytes]:
        """The count and the head that the ledger states."""
        stated = self._connection.execute(HEAD).all()
        if len(stated) != 1:
            self._fault("removed", "chain_head", None, "the ledger does not say where it ends")
        return stated[0][0], stated[0][1]

    def _without_seal(self, rows: Rows) -> None:
        left = [(place, kind) for kind, found in rows.items() for place in found]
        if left:
            place, kind = min(left)
            self._fault("inserted", kind, place, "it was never sealed", rows[kind][place])

    def _windows(self, after: int | None) -> Iterator[list[Row]]:
        """The seals beyond a sequence (None: every one), some at a time."""
        query = select(*as_stored(seals.c)).order_by(seals.c.sequence).limit(WINDOW)
        if after is not None:
            query = query.where(seals.c.sequence > after)
        while found := list(self._connection.execute(query).all()):
            yield found
            query = query.where(seals.c.sequence > found[-1].sequence)

    def _contents(self, first: int | None, last: int | None) -> Rows:
        """The contents with a sequence from first to last; None is beyond every one."""
        return {name: dict(self._content(name, first, last)) for name in CONTENTS}

    def _content(
        self, name: str, first: int | None, last: int | None
    ) -> Iterator[tuple[int, tuple[Any, ...]]]:
        table = CONTENTS[name]
        query: Select = select(*as_stored(table.c[c] for c in ("sequence", "salt", *COLUMNS[name])))
        if first is not None:
            query = query.where(table.c.sequence >= first)
        if last is not None:
            query = query.where(table.c.sequence <= last)
        for place, *row in self._connection.execute(query).all():
            yield place, tuple(row)

    def _erased(self) -> set[int]:
        """The entries whose content may be missing: what sound forgettings name."""
        gone: set[int] = set()
        query = select(seals.c.sequence, seals.c.digest).join(
            forgettings, forgettings.c.sequence == seals.c.sequence
        )
        kept = {place: of for place, of in self._connection.execute(query)}
        for place, row in self._content(forgettings.name, None, None):
            if place in kept and _digest(forgettings.name, row) != kept[place]:
                what = "its content is not what was sealed"
                self._fault("altered", forgettings.name, place, what)
            named = json.loads(_value(forgettings.name, row, "sequences")) if place in kept else []
            gone.update(one for one in named if one < place)
        return gone

    def _fault(
        self,
        kind: str,
        table: str,
        place: int | None,
        detail: str,
        row: tuple[Any, ...] | None = None,
    ) -> None:
        run, last, run_id = self._run
        about: dict[str, str | None] = {}
        if row:
            for name in ("account_id", "due_date"):
                value = _value(table, row, name) if name in COLUMNS.get(table, []) else None
                about[name] = None if value is None else str(value)
        within = place is not None and run < place <= last
        raise Found(Fault(kind, table, place, detail, run_id if within else None, **about))


def _digest(kind: str, row: tuple[Any, ...]) -> bytes | None:
    """The digest of a row as it is stored, None if there is no salt."""
    salt, sealed = row[0], row[1 : 1 + len(SEALED[kind])]
    return digest(salt, ENCODE[kind](sealed)) if isinstance(salt, bytes) else None


def _value(kind: str, row: tuple[Any, ...], name: str) -> Any:
    return row[1 + COLUMNS[kind].index(name)]
