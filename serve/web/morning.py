"""A publication opened for the pages: its list, its dossier where it has one, and what is said of
it on every page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from serve.api.state import Snapshot
from serve.dossier import Dossier
from serve.listing import Listing
from serve.predictions import Published, records

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
    def of(cls, snapshot: Snapshot) -> Morning:
        """What a snapshot serves, for the pages."""
        highest = snapshot.published.predictions["churn_high"].max()
        top = 1.0 if np.isnan(highest) else float(np.clip(np.ceil(highest * 10) / 10, 0.1, 1))
        listing, before = snapshot.listing, snapshot.before
        return cls(snapshot.published, snapshot.dossier, listing, before, top)

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

    @property
    def horizon(self) -> int | None:
        """The days of which a probability of churn speaks; None where it is not published."""
        asked = self.service.get("targets", [])
        return next((of["horizon"] for of in asked if of["outcome"] == "lost"), None)

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
