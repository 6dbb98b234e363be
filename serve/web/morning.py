"""A publication opened for the pages: its list, its dossier where it has one, and what is said of
it on every page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from serve.dossier import Dossier
from serve.predictions import Published, records
from serve.web.listing import Listing

NO_DOSSIER = (
    "This publication has no dossier: of an account only what was predicted is known here. "
    "Publish again with `renewcast score`."
)


@dataclass(frozen=True, eq=False)
class Morning:
    """One publication; `before` is the day that the trends are against, None where none is known;
    `top` the right end of the probability bars."""

    published: Published
    dossier: Dossier | None
    listing: Listing
    before: date | None
    top: float

    @classmethod
    def of(cls, published: Published, dossier: Dossier | None) -> Morning:
        """Sort the renewals and look up the morning before; some tenths of a second for 50,000."""
        before, then = _before(dossier)
        highest = published.predictions["churn_high"].max()
        top = 1.0 if np.isnan(highest) else float(np.clip(np.ceil(highest * 10) / 10, 0.1, 1))
        listing = Listing(published.predictions, published.record, then)
        return cls(published, dossier, listing, before, top)

    @property
    def manifest(self) -> Mapping[str, Any]:
        return self.published.manifest

    @property
    def as_of(self) -> date:
        return date.fromisoformat(self.manifest["as_of"])

    @property
    def service(self) -> Mapping[str, Any]:
        """What service.json says; empty without a dossier."""
        return {} if self.dossier is None else self.dossier.service

    def about(self, faults: list[str]) -> dict[str, Any]:
        """What every page says: company, morning, currency, identity, and what is amiss."""
        return {
            "company": self.service.get("company", "a publication without a dossier"),
            "currency": self.service.get("currency"),
            "as_of": self.manifest["as_of"],
            "identity": self.manifest["identity"],
            "service": self.service,
            "faults": faults if self.dossier else [*faults, NO_DOSSIER],
        }

    def tree(self, account_id: str) -> list[dict[str, Any]]:
        """How the account's scored renewals are expected to end, by due date."""
        ends = self.published.outcomes
        mine = ends[ends["account_id"].eq(account_id)]
        return records(mine.sort_values("due_date"))

    def health(self, account_id: str) -> dict[str, Any] | None:
        """The account's health score with its dimensions."""
        of = self.published.health
        if of.empty:
            return None
        return next(iter(records(of[of["account_id"].eq(account_id)])), None)


def _before(dossier: Dossier | None) -> tuple[date | None, dict[str, float]]:
    """The newest morning before this one on which accounts were scored, and what was said then."""
    if dossier is None:
        return None, {}
    path = str(Path(dossier.folder) / "series.parquet")
    asked = """
        WITH said AS (
            SELECT account_id, morning, value FROM read_parquet(?)
            WHERE measure = 'churn_probability' AND value IS NOT NULL AND morning < ?::DATE
        )
        SELECT account_id, value, morning FROM said
        WHERE morning = (SELECT max(morning) FROM said)
    """
    with duckdb.connect() as con:
        rows = con.execute(asked, [path, dossier.service["as_of"]]).fetchall()
    return (rows[0][2] if rows else None), {account: value for account, value, _ in rows}
