"""Usage events as facts: which day each is known and replaced, and which parts news touches.

The events lie in parts by the day they became known, the rollups in parts by the day they happened
(`features.parts`). `Record` remembers which events the rollups were made from: the hash of each
part of the events, and, where events may come late, the days that it has to do with: those of its
rows, and of the versions that they replace. From two such records follows what must be made again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb

from features.parts import Part, named, part, parts, source
from features.rollups import EXACT
from features.stored import known_day

FILE = "usage.json"


@dataclass(frozen=True)
class Usage:
    """The events in a folder of parts: their columns, how many, and the hash of each part."""

    folder: Path
    columns: list[str]
    rows: int
    hashes: Mapping[str, str]

    @property
    def late(self) -> bool:
        """Whether a day of use may become known later than on itself."""
        return "recorded_at" in self.columns

    @property
    def versioned(self) -> bool:
        """Whether an event may have newer versions."""
        return {"recorded_at", "event_id"} <= set(self.columns)

    @property
    def last(self) -> date:
        """The last day on which an event became known: it decides how days are parted."""
        return max(named(name).until for name in self.hashes) - timedelta(1)

    @property
    def known(self) -> str:
        """SQL of the day on which an event became known."""
        return known_day("usage", self.columns)

    def touched(
        self, con: duckdb.DuckDBPyConnection, names: Collection[str]
    ) -> dict[str, list[str]]:
        """The days that some parts of the events have to do with; of punctual events, their own."""
        if not names or not self.late:
            return {name: [] for name in names}
        rows = source(self.folder, sorted(names))
        found = {name: set[str]() for name in names}
        listed = (
            f"SELECT DISTINCT {self.known} AS known, CAST(occurred_at AS DATE) AS day FROM {rows}"
        )
        if self.versioned:
            self._versions(con, rows if len(names) < len(self.hashes) else "")
            listed += (
                " UNION SELECT DISTINCT e.known, o.day FROM versions e "
                "JOIN versions o ON o.event_id = e.event_id AND o.known <= e.known"
            )
        for known, day in con.execute(listed).fetchall():
            name = part(_date(known), self.last).name
            found.get(name, set()).add(str(_date(day)))
        return {name: sorted(days) for name, days in found.items()}

    def replacements(
        self, con: duckdb.DuckDBPyConnection, days: Sequence[Part], all_days: bool
    ) -> None:
        """Create the table of the newer versions of the events of some days."""
        if self.versioned:
            rows = f"(SELECT event_id FROM {source(self.folder)} WHERE {_happened(days)})"
            self._versions(con, "" if all_days else rows)
            con.execute(
                "CREATE OR REPLACE TEMP TABLE replacements AS SELECT event_id, recorded_at, "
                "min(known) OVER (PARTITION BY event_id ORDER BY recorded_at NULLS FIRST "
                "ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS replaced FROM versions"
            )

    def events(self, days: Sequence[Part], names: Iterable[str]) -> str:
        """SQL of the events of some days, from the parts of the events that hold any of them.

        Where events have versions, `replacements` is asked first.
        """
        kinds = {"user_id": "VARCHAR", "department": "VARCHAR", "minutes": EXACT, "count": EXACT}
        user, department, minutes, count = (
            f"CAST({f'u.{name}' if name in self.columns else 'NULL'} AS {kind})"
            for name, kind in kinds.items()
        )
        replaced, newer = "CAST(NULL AS DATE)", ""
        where = (
            f" WHERE {_happened(days)}" if self.late else ""
        )  # else a part is known as it happens
        if self.versioned:
            replaced = "v.replaced"
            newer = (
                " LEFT JOIN replacements v ON v.event_id = u.event_id "
                "AND v.recorded_at IS NOT DISTINCT FROM u.recorded_at"
            )
        return (
            f"SELECT u.account_id, {user} AS user_id, u.feature, {department} AS department, "
            f"u.day, u.known, {replaced} AS replaced, "
            f"CAST(coalesce({count}, 1) AS {EXACT}) AS events, {minutes} AS minutes "
            f"FROM (SELECT *, CAST(occurred_at AS DATE) AS day, {self.known} AS known "
            f"FROM {source(self.folder, sorted(names))}{where}) u{newer}"
        )

    def _versions(self, con: duckdb.DuckDBPyConnection, rows: str) -> None:
        """Create the table of all versions of the events of some rows that have several."""
        asked = f"AND event_id IN (SELECT event_id FROM {rows}) " if rows else ""
        con.execute(
            "CREATE OR REPLACE TEMP TABLE versions AS SELECT event_id, recorded_at, "
            f"{self.known} AS known, CAST(occurred_at AS DATE) AS day FROM {source(self.folder)} "
            f"WHERE event_id IN (SELECT event_id FROM {source(self.folder)} "
            f"WHERE event_id IS NOT NULL {asked}GROUP BY event_id HAVING count(*) > 1)"
        )


@dataclass(frozen=True)
class Record:
    """What the rollups were made from: the hash of each part of the events, and its days."""

    hashes: Mapping[str, str] = field(default_factory=dict)
    days: Mapping[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, con: duckdb.DuckDBPyConnection, usage: Usage, before: Record) -> Record:
        """The record of some events; of parts that did not change it is not read again."""
        same = before.same(usage.hashes)
        days = {name: before.days[name] for name in same}
        days |= usage.touched(con, usage.hashes.keys() - same)
        return cls(dict(usage.hashes), dict(sorted(days.items())))

    def same(self, hashes: Mapping[str, str]) -> set[str]:
        """The parts that are as they were."""
        return {name for name, sha in hashes.items() if self.hashes.get(name) == sha}

    def grows_to(self, hashes: Mapping[str, str]) -> bool:
        """Whether parts were only added, of days after all there were."""
        last = max((named(name).until for name in self.hashes), default=date.min)
        new = hashes.keys() - self.hashes.keys()
        kept = len(self.same(hashes)) == len(self.hashes)
        return kept and all(named(name).first >= last for name in new)

    def touched(self, names: Iterable[str]) -> set[date]:
        """The days that some parts have to do with."""
        return {day for name in names if name in self.hashes for day in self._of(name)}

    def known(self, morning: date) -> list[str]:
        """The hashes of the parts of the events that were known, in part, before a morning."""
        return [sha for name, sha in sorted(self.hashes.items()) if named(name).first < morning]

    def holding(self, days: set[date]) -> list[str]:
        """The parts of the events that have to do with any of some days."""
        return [name for name in self.hashes if not days.isdisjoint(self._of(name))]

    def names(self, last: date) -> set[str]:
        """The parts in which rollups of the events lie, if they end on `last`."""
        return {one.name for one in parts(self.touched(self.hashes), last)}

    def _of(self, name: str) -> Collection[date]:
        if self.days[name]:
            return [date.fromisoformat(day) for day in self.days[name]]
        return named(name).days

    def write(self, folder: Path) -> None:
        """As JSON."""
        plain = {"hashes": self.hashes, "days": self.days}
        (folder / FILE).write_text(json.dumps(plain, indent=1, sort_keys=True) + "\n", "utf-8")

    @classmethod
    def read(cls, folder: Path) -> Record:
        """What `write` wrote; of a folder without one, nothing."""
        file = folder / FILE
        return cls(**json.loads(file.read_text("utf-8"))) if file.exists() else cls()


def stale(before: Record, now: Record, last: date, there: Collection[str]) -> list[Part]:
    """The parts of the rollups to make again, of events that end on `last`; `there`: those stored.

    They hold a day that changed events have to do with, or were parted otherwise before.
    """
    changed = {name for name, sha in now.hashes.items() if before.hashes.get(name) != sha}
    changed |= before.hashes.keys() - now.hashes.keys()
    news = before.touched(changed) | now.touched(changed)
    every = parts(now.touched(now.hashes), last)
    touched = {one.name for one in parts(news, last)}
    return [one for one in every if one.name in touched or one.name not in there]


def _date(day: date) -> date:
    return date(day.year, day.month, day.day)


def _happened(days: Sequence[Part]) -> str:
    """SQL of the condition that an event happened on some days."""
    return " OR ".join(
        f"(occurred_at >= TIMESTAMP '{one.first} 00:00:00' "
        f"AND occurred_at < TIMESTAMP '{one.until} 00:00:00')"
        for one in _joined(days)
    )


def _joined(days: Sequence[Part]) -> list[Part]:
    """Parts that follow each other, as one."""
    found: list[Part] = []
    for one in sorted(days, key=lambda one: one.first):
        if found and found[-1].until == one.first:
            found[-1] = Part(found[-1].name, found[-1].first, one.until)
        else:
            found.append(one)
    return found
