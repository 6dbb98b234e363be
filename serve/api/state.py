"""What is served: one publication, one set of bundles, and the ledger beside them.

A request takes `now` once and keeps it. What is new is looked for beside the requests; it takes the
place of the old only when it verifies, and what does not verify is said in `refused`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import duckdb

from models.single import ASKED_BY
from serve.api.limits import Limits
from serve.bundles import Bundles, Loaded, folders
from serve.dossier import Dossier, Replaced
from serve.ledger import Ledger
from serve.listing import Listing
from serve.predictions import MANIFEST, DamagedPublication, Published, read, records
from serve.sealing.store import LedgerUnavailable

T = TypeVar("T")
AGAIN = 0.05
"""Seconds until a reading is tried again that met another publication in the place of its own."""


class NoLedger(LookupError):
    """The service was started without a ledger."""


@dataclass(frozen=True)
class Snapshot:
    """What a request answers from, however long it takes."""

    published: Published
    listing: Listing
    dossier: Dossier | None
    bundles: Loaded | None
    before: date | None = None  # the morning that the listing's trends are against

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The features that the bundles read as text."""
        models = () if self.bundles is None else self.bundles.models.values()
        return tuple(sorted({name for of in models for name in of.encoding.categories}))

    @cached_property
    def read(self) -> tuple[str, ...]:
        """Every feature that is needed to score."""
        columns = () if self.bundles is None else self.bundles.fast.columns
        return tuple(sorted({*columns, *ASKED_BY}))

    @cached_property
    def checked(self) -> tuple[str, ...]:
        """What JSON can fill with something else than a feature is, unseen by the models."""
        return (*self.texts, *ASKED_BY, "decided")

    @property
    def identities(self) -> dict[str, str]:
        """The SHA-256 of each target's bundle."""
        return {} if self.bundles is None else dict(self.bundles.identities)

    def health(self, account_id: str) -> dict[str, Any] | None:
        """The row of health.parquet of an account; None where it was not assessed."""
        place = self._assessed.get(account_id)
        if place is None:
            return None
        return records(self.published.health.iloc[[place]])[0]

    @cached_property
    def _assessed(self) -> dict[str, int]:
        frame = self.published.health
        return {} if frame.empty else {name: at for at, name in enumerate(frame["account_id"])}


class State:
    """The snapshot now, and everything that is needed to take the next one.

    Raises DamagedPublication, or BundleDamaged, if there is nothing sound to begin with. `bundles`
    is the folder of the models, artifacts/; without it nothing is scored. `ledger` is a URL, opened
    when it is first asked. `reports` is where the pipeline wrote its figures.
    """

    def __init__(
        self,
        publication: Path,
        *,
        bundles: Path | None = None,
        ledger: str | None = None,
        reports: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.publication, self.reports = publication, reports
        self.limits = limits or Limits()
        self.has_ledger = ledger is not None
        self._url = ledger
        self._ledger: Ledger | None = None
        self._exchange, self._opening = threading.Lock(), threading.Lock()
        self._work = anyio.CapacityLimiter(2)
        self._asking = anyio.CapacityLimiter(4)
        self._bundles = None if bundles is None else Bundles(folders(bundles))
        self._tried = self._manifest()
        self._refused: str | None = None
        self._now = self._taken(None if self._bundles is None else self._bundles.serving)

    @property
    def now(self) -> Snapshot:
        """What is served; take it once a request."""
        return self._now

    @property
    def refused(self) -> dict[str, str | None]:
        """Of publication and bundles: why what lies there now is not served, if it is not."""
        bundles = None if self._bundles is None else self._bundles.refused
        return {"publication": self._refused, "bundles": bundles}

    def refresh(self) -> list[str]:
        """Look for what is new; says what took over. It takes as long as reading it takes."""
        with self._exchange:
            taken: list[str] = []
            if self._bundles is not None and self._bundles.refresh():
                self._now = replace(self._now, bundles=self._bundles.serving)
                taken.append("bundles")
            seen = self._manifest()
            if seen is not None and seen != self._tried:
                try:
                    self._now = self._taken(self._now.bundles)
                except (DamagedPublication, OSError, ValueError, duckdb.Error) as fault:
                    self._refused, self._tried = str(fault), seen
                else:
                    self._tried, self._refused = seen, None
                    taken.append("publication")
            return taken

    async def refreshing(self) -> None:
        """Refresh for ever, in a thread beside the requests."""
        while True:
            await asyncio.sleep(self.limits.refresh_seconds)
            await anyio.to_thread.run_sync(self.refresh)

    async def work(self, of: Callable[[], T]) -> T:
        """Compute something long in a thread, so that others are answered meanwhile."""
        return await anyio.to_thread.run_sync(of, limiter=self._work)

    async def read(self, of: Callable[[Snapshot], T]) -> T:
        """Read from the dossier in a thread; again from the next publication, whole, if this one
        was exchanged meanwhile. Raises Replaced if that takes longer than a few seconds."""
        for _ in range(int(3 / AGAIN)):
            held = self.now
            try:
                return await self.work(lambda held=held: of(held))  # type: ignore[misc]
            except (Replaced, duckdb.IOException, FileNotFoundError):
                await anyio.to_thread.run_sync(self.refresh)
                if self.now is held:
                    await asyncio.sleep(AGAIN)
        raise Replaced(f"{self.publication} is being exchanged")

    async def ledger(self, ask: Callable[[Ledger], T]) -> T:
        """Ask the ledger in a thread. Raises NoLedger, and LedgerUnavailable where it does not
        answer in time."""
        if not self.has_ledger:
            raise NoLedger("this service was started without a ledger")
        try:
            async with asyncio.timeout(self.limits.ledger_seconds):
                return await anyio.to_thread.run_sync(
                    lambda: ask(self._opened()), abandon_on_cancel=True, limiter=self._asking
                )
        except TimeoutError:
            raise LedgerUnavailable("the ledger does not answer") from None

    def _opened(self) -> Ledger:
        with self._opening:
            if self._ledger is None:
                self._ledger = Ledger.open(str(self._url), create=False)
            return self._ledger

    def _taken(self, bundles: Loaded | None) -> Snapshot:
        seen = self._manifest()
        published = read(self.publication)
        try:
            dossier = Dossier(self.publication)
        except FileNotFoundError:
            dossier = None
        if self._manifest() != seen:
            raise DamagedPublication(f"{self.publication} was exchanged while it was read")
        as_of = str(published.manifest["as_of"])
        before, said = (None, {}) if dossier is None else _before(dossier, as_of)
        frames = (published.predictions, published.record, published.outcomes)
        return Snapshot(published, Listing(*frames, said), dossier, bundles, before)

    def _manifest(self) -> tuple[bytes, int, int] | None:
        """What tells one publication from another, of the same content as well."""
        path = self.publication / MANIFEST
        try:
            of = path.stat()
            return path.read_bytes(), of.st_ino, of.st_mtime_ns
        except OSError:
            return None


def _before(dossier: Dossier, as_of: str) -> tuple[date | None, dict[str, float]]:
    """The newest morning before `as_of` on which accounts were scored, and what was said then."""
    asked = """
        WITH said AS (
            SELECT account_id, morning, value FROM read_parquet(?)
            WHERE measure = 'churn_probability' AND value IS NOT NULL AND morning < ?::DATE
        )
        SELECT account_id, value, morning FROM said
        WHERE morning = (SELECT max(morning) FROM said)
    """
    path = str(dossier.folder / "series.parquet")
    with duckdb.connect() as con:
        rows = con.execute(asked, [path, as_of]).fetchall()
    return (rows[0][2] if rows else None), {account: value for account, value, _ in rows}
