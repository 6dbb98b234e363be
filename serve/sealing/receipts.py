"""What goes into the ledger with a run, and what the ledger answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Run:
    """What a scoring run says of itself: its morning, how many days ahead, from what, and how many
    renewals and how much ARR were due."""

    as_of: date
    within: int
    model_version: str
    bundle_sha256: str
    features_sha256: str
    params_sha256: str
    renewals: int
    arr: float

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Run:
        """The run that a publication's MANIFEST.json describes (serve/predictions.py)."""
        return cls(
            as_of=date.fromisoformat(manifest["as_of"]),
            within=int(manifest["due_within"]),
            renewals=int(manifest["due"]["renewals"]),
            arr=float(manifest["due"]["arr"]),
            **manifest["identity"],
        )


@dataclass(frozen=True)
class Receipt:
    """`head` and `count` of the chain when the run was sealed; `new`: false if it had been
    published before."""

    run_id: str
    head: str
    count: int
    new: bool

    @property
    def anchor(self) -> dict[str, str | int]:
        """What `verify` takes, to be kept outside the database."""
        return {"head": self.head, "count": self.count}


@dataclass(frozen=True)
class Settlement:
    """How many outcomes were appended, how many of these `corrected` one that was settled; how many
    were known already, how many are readings of an earlier day than what is stored, and how many
    are of renewals that the ledger neither predicted nor needs."""

    appended: int
    corrected: int
    unchanged: int
    outdated: int
    unpredicted: int
    head: str
    count: int
