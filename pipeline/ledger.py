"""The ledger of this company: where it lies, what is sealed in it, and how its renewals ended."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

from sqlalchemy import make_url

from features.engine import connect
from pipeline import files, identity
from pipeline.calendar import Calendar
from pipeline.cycle import loss
from pipeline.settings import Settings
from serve import settling
from serve.batch import Cycle
from serve.freshness import Refused
from serve.ledger import Ledger
from serve.sealing.receipts import Receipt, Run, Settlement

ADDRESS = "RENEWCAST_LEDGER"
"""The environment's word for the ledger's URL: it goes before params.yaml, where no password may
stand."""


def address(settings: Settings) -> str:
    """The URL of the ledger that the environment or params.yaml names."""
    return os.environ.get(ADDRESS) or settings.ledger.url


def begun(settings: Settings) -> bool:
    """Whether there is a ledger yet: a SQLite file comes with the first sealed publication."""
    url = make_url(address(settings))
    return url.get_backend_name() != "sqlite" or Path(url.database or "").exists()


def opened(settings: Settings, *, create: bool = True) -> Ledger:
    """The ledger at its address; without `create` it must be there."""
    return Ledger.open(address(settings), create=create)


def publish(cycle: Cycle, ledger: Ledger | None, folder: Path) -> Receipt | None:
    """Seal a cycle, then write it to `folder` with the chain's head and count in its manifest.

    Without a ledger it is only written. If writing fails the predictions are sealed all the same:
    publishing again gives the same receipt.
    """
    if ledger is None:
        cycle.publish(folder)
        return None
    receipt = ledger.publish(Run.of(cycle.about), cycle.record, identity.params("score"))
    cycle.publish(folder, {"ledger": {"run_id": receipt.run_id, **receipt.anchor}})
    return receipt


class NothingPredicted(Refused):
    """Nothing in the ledger was predicted by the day."""


def settle(settings: Settings, ledger: Ledger, as_of: date) -> tuple[Settlement, list[str]]:
    """Write down how every renewal predicted up to a day stands, by the facts known before it.

    Beside it the predicted accounts of whom the facts have no subscription any more: how theirs
    stand cannot be said, and what stood before stays. Raises NothingPredicted, and
    serve.settling.BeyondData.
    """
    calendar, predicted = Calendar.read(files.CALENDAR), ledger.renewals(by=as_of)
    if predicted.empty and len(runs := ledger.runs()):
        raise NothingPredicted(
            f"nothing in the ledger was predicted by {as_of}: its first morning is "
            f"{runs['as_of'].min():%Y-%m-%d}"
        )
    with connect(settings.engine) as con:
        found = settling.settle(
            con,
            files.FACTS,
            predicted,
            as_of=as_of,
            grace=settings.contracts.grace,
            data_until=calendar.data_until,
            horizon=loss(settings).horizon,
            before=ledger.outcomes(),
        )
    return ledger.settle(found.outcomes), found.vanished
