"""A prediction that was published: by which run, on which morning, and whether it is made again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from features.publication import read_frame
from pipeline import files
from pipeline.experiments.run_record import UnknownRun
from pipeline.reproducing.clones import Failed
from pipeline.reproducing.locks import Difference
from serve.predictions import MANIFEST

TOLD = "record.parquet"  # what the ledger keeps of each prediction


@dataclass(frozen=True)
class Past:
    """`row` holds the columns of the ledger's record; `files` the publication's hashes by name,
    none where the ledger alone tells of it; `run` is the beginning of its run's identity."""

    prediction_id: str
    run: str
    as_of: date
    within: int
    row: Mapping[str, Any]
    files: Mapping[str, str]
    place: str


def find(given: str, publication: Path) -> Past | None:
    """The prediction whose id begins with `given`, in a publication or in the ledger, or None."""
    return _published(given, publication) or _sealed(given)


def _published(given: str, folder: Path) -> Past | None:
    if not (folder / MANIFEST).exists():
        return None
    told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    row = _row(read_frame(folder / TOLD), given)
    if row is None:
        return None
    return Past(
        row["prediction_id"],
        told["identity"]["model_version"],
        date.fromisoformat(told["as_of"]),
        told["due_within"],
        row,
        told["files"],
        folder.as_posix(),
    )


def _sealed(given: str) -> Past | None:
    from pipeline import ledger
    from pipeline.settings import load

    settings = load()
    if not ledger.begun(settings):
        return None
    held = ledger.opened(settings, create=False)
    row = _row(held.read().predictions.drop(columns="sealed"), given)
    if row is None:
        return None
    runs = held.runs()
    of = runs[runs["as_of"].eq(row["as_of"]) & runs["bundle_sha256"].eq(row["bundle_sha256"])]
    return Past(
        row["prediction_id"],
        row["model_version"],
        row["as_of"].date(),
        int(of["within"].max()),
        row,
        {},
        "the ledger",
    )


def _row(frame: pd.DataFrame, given: str) -> dict[str, Any] | None:
    found = frame[frame["prediction_id"].str.startswith(given).fillna(False).astype(bool)]
    if len(found) > 1:
        raise UnknownRun(f"{given} is the beginning of {len(found)} predictions: give more of one")
    return None if found.empty else {str(k): v for k, v in found.iloc[0].to_dict().items()}


def again(past: Past, scratch: Path) -> tuple[int, list[Difference]]:
    """How much of the publication is made again, and what differs: files of a publication, columns
    of a sealed row. The scratch clone's own cycle is taken if it is of the same morning."""
    folder = scratch / files.CYCLE
    told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if (told["as_of"], told["due_within"]) != (str(past.as_of), past.within):
        folder = scratch / "again"
        _score(past, folder.name, scratch)
        told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if past.files:
        then, now = past.files, told["files"]
        apart = [
            Difference("result", f"{past.place}/{name}", then.get(name), now.get(name))
            for name in sorted(then.keys() | now.keys())
            if then.get(name) != now.get(name)
        ]
        return len(then) - len(apart), apart
    row = _row(read_frame(folder / TOLD), past.prediction_id)
    if row is None:
        return 0, [Difference("result", f"prediction {past.prediction_id}", "sealed", None)]
    apart = [
        Difference("result", f"{name} of prediction {past.prediction_id[:12]}", value, row[name])
        for name, value in past.row.items()
        if name in row and not _equal(value, row[name])
    ]
    return len(past.row) - len(apart), apart


def _score(past: Past, out: str, scratch: Path) -> None:
    asked = ["score", "--as-of", str(past.as_of), "--due-within", str(past.within), "--no-seal"]
    command = [sys.executable, "-m", "pipeline.cli", *asked, "--out", out]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"the morning of {past.as_of} cannot be scored again: {done.stderr.strip()}")


def _equal(then: object, now: object) -> bool:
    return then == now or bool(pd.isna(then) and pd.isna(now))  # type: ignore[call-overload]
