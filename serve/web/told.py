"""Predicted against actual as the pipeline left it in reports/: predicted.json, and the folder
predicted/ with the tables behind its figures (serve/predicted.py describes both)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from models.comparison import agreement
from serve.predictions import records
from serve.record import OPEN, SETTLED

FIGURES, TABLES = "predicted.json", "predicted"
TEXT = (
    "account_id", "by", "slice", "segment", "owner", "plan", "size", "band", "month", "model",
    "period", "scorer", "kind",
)  # fmt: skip
RENEWAL = ["account_id", "due_date"]
SIDES = ("model_riskier", "health_riskier")

Row = dict[str, Any]


class Told:
    """What was written; each table is read when it is first asked for, and kept while it stays."""

    def __init__(self, reports: Path, figures: Mapping[str, Any]) -> None:
        self._folder = reports / TABLES
        self.figures = figures

    @classmethod
    def of(cls, reports: Path | None) -> Told | None:
        """None where nothing was written, or what lies there is no JSON."""
        if reports is None:
            return None
        try:
            path = reports / FIGURES
            return cls(reports, _json(path, *_mark(path)))
        except (OSError, ValueError):
            return None

    def table(self, name: str) -> list[Row]:
        """A table's rows; none where it is not there."""
        if name == "renewals_predicted":
            return self._renewals()
        if name == "disagreements":
            return self._disagreements()
        path = self._folder / f"{name}.csv"
        if name not in self.figures["files"] or not path.is_file():
            return []
        return _rows(path, *_mark(path))

    def has(self, name: str) -> bool:
        """Whether there is such a table."""
        return name in self.figures["files"] or name in ("renewals_predicted", "disagreements")

    def lines(self, name: str) -> Iterator[str] | None:
        """A whole table as it was written, line by line; None where it is not there."""
        path = self._folder / f"{name}.csv"
        if name not in self.figures["files"] or not path.is_file():
            return None
        return _lines(path)

    def _renewals(self) -> list[Row]:
        """One row a renewal that was scored, and how it stands."""
        path, other = (self._folder / f"{name}.csv" for name in ("predictions", "outcomes"))
        if not (path.is_file() and other.is_file()):
            return []
        return _stands(path, other, *_mark(path))

    def _disagreements(self) -> list[Row]:
        """The judged predictions on one scorer's list of a morning and not on the other's."""
        path = self._folder / "duel_rows.csv"
        if not path.is_file():
            return []
        return _disputed(path, float(self.figures["meta"]["share"]), *_mark(path))


def _mark(path: Path) -> tuple[int, int]:
    of = path.stat()
    return of.st_mtime_ns, of.st_size


@lru_cache(maxsize=2)
def _json(path: Path, changed: int, size: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=32)
def _rows(path: Path, changed: int, size: int) -> list[Row]:
    return records(_frame(path))


@lru_cache(maxsize=2)
def _stands(path: Path, other: Path, changed: int, size: int) -> list[Row]:
    said = _frame(path)
    said = said[said["status"].eq("scored")].drop_duplicates(RENEWAL)
    known = _frame(other)[[*RENEWAL, "outcome", "arr_due", "known_on"]]
    rows = said[[*RENEWAL, "segment", "owner", "plan"]].merge(known, on=RENEWAL, how="left")
    outcome = rows["outcome"].fillna(OPEN)
    return records(rows.assign(stands=outcome.where(~outcome.isin(SETTLED), "settled")))


@lru_cache(maxsize=2)
def _disputed(path: Path, share: float, changed: int, size: int) -> list[Row]:
    rows = _frame(path)
    both = {name: pd.to_numeric(rows[name]) for name in ("model", "health")}
    sides = [
        agreement(both["model"].loc[places], both["health"].loc[places], share)
        for places in rows.groupby("as_of").groups.values()
    ]
    if not sides:
        return []
    rows = rows.assign(agreement=pd.concat(sides))
    shown = rows[rows["agreement"].isin(SIDES)]
    return records(shown.sort_values("arr", ascending=False, na_position="last", kind="stable"))


def _frame(path: Path) -> pd.DataFrame:
    types = dict.fromkeys(TEXT, str)
    with path.open(encoding="utf-8", newline="") as file:
        there = next(csv.reader(file), [])
    if path.stem == "duel_rows":
        types.pop("model")  # what the model says, where other tables have its name
    return pd.read_csv(
        io.StringIO(path.read_text(encoding="utf-8")),
        dtype={name: of for name, of in types.items() if name in there},
        keep_default_na=False,
        na_values=[""],
    )


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from file
