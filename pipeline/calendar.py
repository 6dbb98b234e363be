"""The mornings of a company's data, and the days that bound what may be known on them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from features import observations
from models import heldout
from models.heldout import HeldoutSettings
from models.target import Target


@dataclass(frozen=True)
class Calendar:
    """`mornings`, oldest first, the last of them the end of the data; `delay`: how many days late
    subscription facts arrive."""

    data_from: date
    data_until: date
    delay: int
    mornings: list[date]

    @classmethod
    def of(cls, facts: Path, window: int) -> Calendar:
        """First days of months from the day the longest window (days) is filled, and the end."""
        stated = json.loads((facts / "facts.json").read_text(encoding="utf-8"))
        start, end = (date.fromisoformat(stated[name]) for name in ("data_from", "data_until"))
        firsts = observations.mornings(start + timedelta(days=window), end)
        return cls(start, end, stated["delay_days"], sorted({*firsts, end}))

    def heldout(self, target: Target, settings: HeldoutSettings, grace: int) -> list[date]:
        """The mornings on which a target's predictions are compared; the first is the cutoff."""
        return heldout.heldout(
            self.mornings,
            target,
            settings,
            until=self.data_until,
            grace=grace,
            delay=self.delay,
        )

    def wait(self, grace: int) -> int:
        """Whole days after a due date until what became of it can be known: the day itself, then
        grace and delay."""
        return 1 + grace + self.delay

    def write(self, path: Path) -> None:
        """As JSON."""
        plain = {
            "data_from": str(self.data_from),
            "data_until": str(self.data_until),
            "delay": self.delay,
            "mornings": [str(day) for day in self.mornings],
        }
        path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Calendar:
        """What `write` wrote."""
        plain = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            date.fromisoformat(plain["data_from"]),
            date.fromisoformat(plain["data_until"]),
            plain["delay"],
            [date.fromisoformat(day) for day in plain["mornings"]],
        )
