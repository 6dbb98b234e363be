"""The dossier of a publication: what is said of an account beyond its predictions.

With it a service needs neither facts nor the feature engine. Its files lie in the publication's
folder, and the manifest there (serve/predictions.py) vouches for them.

features.parquet      every customer of the morning: all features and the segment
rules.parquet         the health rules that fired (models/health.py)
explanations.parquet  why each probability is what it is, and what changed: JSON text
series.parquet        the account's own past, beside the median of its segment
events.parquet        what happened lately, without a word that anybody wrote
ranges.parquet        what the features that one can act on have been, lowest and highest
service.json          where it all comes from, and how it is configured

The features are of every customer, the others of the renewals that are due, those with the most
ARR at risk first, up to `DossierSettings.most` accounts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator

from features.publication import write_parquet

if TYPE_CHECKING:
    import pandas as pd

SERVICE = "service.json"
TABLES: dict[str, dict[str, str]] = {
    "features": {"account_id": "VARCHAR", "as_of": "DATE", "segment": "VARCHAR"},
    "rules": {
        "account_id": "VARCHAR",
        "dimension": "VARCHAR",
        "measure": "VARCHAR",
        "value": "DOUBLE",
        "points": "DOUBLE",
        "weight": "DOUBLE",
        "cutoffs": "VARCHAR",
        "text": "VARCHAR",
    },
    "explanations": {"account_id": "VARCHAR", "target": "VARCHAR", "body": "VARCHAR"},
    "series": {
        "account_id": "VARCHAR",
        "measure": "VARCHAR",
        "morning": "DATE",
        "value": "DOUBLE",
        "peers": "DOUBLE",
        "sealed": "BOOLEAN",
    },
    "events": {
        "account_id": "VARCHAR",
        "day": "DATE",
        "kind": "VARCHAR",
        "text": "VARCHAR",
        "value": "DOUBLE",
    },
    "ranges": {
        "account_id": "VARCHAR",
        "feature": "VARCHAR",
        "low": "DOUBLE",
        "high": "DOUBLE",
    },
}
"""The columns of each file. `features` has one more for each feature; `series.sealed` says of a
past churn_probability whether it stood in the ledger before the renewal was due (false: replayed),
and is empty elsewhere; `events.value` is an NPS answer, the days a ticket was open, the days a
touchpoint came after its planned date, or by how much the ARR changed."""

ORDER: dict[str, tuple[str, ...]] = {
    "features": ("account_id",),
    "rules": ("account_id", "weight * (100 - points) DESC NULLS FIRST", "dimension", "measure"),
    "explanations": ("account_id", "target"),
    "series": ("account_id", "measure", "morning"),
    "events": ("account_id", "day DESC", "kind", "text", "value"),
    "ranges": ("account_id", "feature"),
}
FILES = (*(f"{name}.parquet" for name in TABLES), SERVICE)


class DossierSettings(BaseModel):
    """What a dossier tells: the block `service` of params.yaml.

    `most`: accounts told about in full; `measures`: the features whose past is shown; `months` of
    it; `events`: days of what happened lately; `actionable`: the features that somebody at the
    vendor can work on, and that a what-if may therefore change.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    most: PositiveInt
    measures: tuple[str, ...] = Field(min_length=1)
    months: PositiveInt
    events: PositiveInt
    actionable: tuple[str, ...]

    @field_validator("measures", "actionable")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} stands there twice")
        return names


def check_names(
    settings: DossierSettings, families: Mapping[str, Sequence[str]], ranks: Collection[str]
) -> None:
    """Raise ValueError unless every feature named exists, and those to act on can be acted on.

    Tenure, ARR, the contract's past and the time to the renewal are what they are, so nothing of
    the family `commercial` may be changed; nor may a rank, which hangs on the others.
    """
    known = {name for columns in families.values() for name in columns}
    for place in ("measures", "actionable"):
        if unknown := [name for name in getattr(settings, place) if name not in known]:
            raise ValueError(
                f"service.{place} names {', '.join(unknown)}: `renewcast features --dictionary` "
                f"lists the {len(known)} features there are"
            )
    given = {*families.get("commercial", ()), *ranks}
    if fixed := [name for name in settings.actionable if name in given]:
        raise ValueError(
            f"service.actionable names {', '.join(fixed)}: nobody can act on what is contracted, "
            "nor on a rank among others"
        )


class Replaced(RuntimeError):
    """The folder now holds another publication: open it again."""


@dataclass(frozen=True)
class Contents:
    """What a dossier is written from: a frame for each of TABLES, and what service.json says."""

    features: pd.DataFrame
    rules: pd.DataFrame
    explanations: pd.DataFrame
    series: pd.DataFrame
    events: pd.DataFrame
    ranges: pd.DataFrame
    service: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        """Write every file; equal contents give equal bytes."""
        with duckdb.connect() as con:
            for name, columns in TABLES.items():
                frame: pd.DataFrame = getattr(self, name)
                con.register("given", frame)
                others = (str(of) for of in frame.columns if of not in columns)
                more = [f'"{of}"' for of in others] if name == "features" else []
                typed = [f'CAST("{of}" AS {sql}) AS "{of}"' for of, sql in columns.items()]
                sql = f"SELECT {', '.join([*typed, *more])} FROM given"
                write_parquet(con, sql, folder / f"{name}.parquet", ORDER[name])
        text = json.dumps(self.service, indent=1, sort_keys=True, allow_nan=False)
        (folder / SERVICE).write_text(text + "\n", encoding="utf-8")


class Dossier:
    """The dossier in a verified publication, read account by account when it is asked.

    Rows are plain values, None where something is not known. Every method raises Replaced if
    another publication has taken the place of this one. Threads may share it.
    """

    def __init__(self, folder: Path) -> None:
        """Raises FileNotFoundError where the publication has none or not all of it, Replaced where
        another one takes its place meanwhile."""
        self.folder = folder
        self._marks = {name: _mark(folder / name) for name in FILES}
        self._con = duckdb.connect(config={"threads": 1})
        self.service: dict[str, Any] = json.loads((folder / SERVICE).read_text(encoding="utf-8"))
        for name in FILES:
            self._unchanged(name)

    def features(self, account_id: str) -> dict[str, Any] | None:
        """The account's features, segment and as_of, by name; None for who is no customer."""
        return next(iter(self._of("features", account_id)), None)

    def matrix(self, names: Sequence[str]) -> pd.DataFrame:
        """Some features of every customer of the morning, on (account_id, as_of)."""
        path = str(self.folder / "features.parquet")
        chosen = ", ".join(f'"{name}"' for name in names)
        with self._con.cursor() as cursor:
            asked = f"SELECT account_id, as_of, {chosen} FROM read_parquet(?) ORDER BY account_id"
            found = cursor.execute(asked, [path]).df()
        self._unchanged("features.parquet")
        return found.set_index(["account_id", "as_of"])

    def rules(self, account_id: str) -> list[dict[str, Any]]:
        """The health rules that fired, the costliest first."""
        return self._of("rules", account_id)

    def explanation(self, account_id: str, target: str) -> dict[str, Any] | None:
        """What `renewcast explain` would say; None where the target does not ask, or the account
        is not among those told about."""
        for row in self._of("explanations", account_id):
            if row["target"] == target:
                return dict(json.loads(row["body"]))
        return None

    def series(self, account_id: str) -> list[dict[str, Any]]:
        """The account's own past, by measure and morning."""
        return self._of("series", account_id)

    def events(self, account_id: str) -> list[dict[str, Any]]:
        """What happened lately, the newest first."""
        return self._of("events", account_id)

    def ranges(self, account_id: str) -> dict[str, tuple[float | None, float | None]]:
        """Lowest and highest value so far of each feature one can act on; None: never known."""
        return {row["feature"]: (row["low"], row["high"]) for row in self._of("ranges", account_id)}

    def close(self) -> None:
        """Let go of the files."""
        self._con.close()

    def _of(self, name: str, account_id: str) -> list[dict[str, Any]]:
        """An account's rows as they were written, in the order of ORDER."""
        file = f"{name}.parquet"
        with self._con.cursor() as cursor:
            asked = "SELECT * FROM read_parquet(?) WHERE account_id = ?"
            cursor.execute(asked, [str(self.folder / file), account_id])
            columns = [column[0] for column in cursor.description or ()]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        self._unchanged(file)
        return rows

    def _unchanged(self, file: str) -> None:
        try:
            same = _mark(self.folder / file) == self._marks[file]
        except FileNotFoundError:
            same = False
        if not same:
            raise Replaced(f"{self.folder / file} is of another publication now: open it again")


def _mark(path: Path) -> tuple[int, int, int, int]:
    """What tells one file from another that has taken its place."""
    of = path.stat()
    return of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns
