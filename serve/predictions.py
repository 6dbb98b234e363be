"""Predictions as they are published: their columns, and a folder that is there whole or not at all.

predictions.parquet   one row a renewal, the columns of COLUMNS
outcomes.parquet      one row a scored renewal: the whole tree and the ARR to expect, of OUTCOMES
*.csv                 the first two for a spreadsheet, without a cell that is a formula
record.parquet        what the ledger keeps of each renewal (serve/record.py)
health.parquet        the health score of each account by dimension, where it was assessed
the dossier           what is said of the accounts beyond that (serve/dossier.py), if anything is
MANIFEST.json         written last: the SHA-256 of each file, the counts and the identity
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from features.publication import manifest, published, read_frame, write_csv, write_parquet
from serve.dossier import Contents
from serve.record import PUBLISHED

MANIFEST = "MANIFEST.json"

COLUMNS: dict[str, str] = {
    "prediction_id": "VARCHAR",
    "as_of": "DATE",
    "target_cycle": "VARCHAR",
    "account_id": "VARCHAR",
    "name": "VARCHAR",
    "segment": "VARCHAR",
    "owner": "VARCHAR",
    "due_date": "DATE",
    "days_to_due": "BIGINT",
    "arr_due": "DOUBLE",
    "churn_probability": "DOUBLE",
    "churn_low": "DOUBLE",
    "churn_high": "DOUBLE",
    "upsell_probability": "DOUBLE",
    "arr_at_risk": "DOUBLE",
    "rank": "BIGINT",
    "risk_band": "VARCHAR",
    "health_score": "DOUBLE",
    "health_band": "VARCHAR",
    "health_coverage": "DOUBLE",
    "early_warning": "BOOLEAN",
    "agreement": "VARCHAR",
    "reason_1": "VARCHAR",
    "reason_2": "VARCHAR",
    "reason_3": "VARCHAR",
    "status": "VARCHAR",
    "status_reason": "VARCHAR",
    "model_version": "VARCHAR",
    "bundle_sha256": "VARCHAR",
    "features_sha256": "VARCHAR",
    "params_sha256": "VARCHAR",
}
OUTCOMES: dict[str, str] = {
    "prediction_id": "VARCHAR",
    "account_id": "VARCHAR",
    "due_date": "DATE",
    "p_churned": "DOUBLE",
    "p_contracted": "DOUBLE",
    "p_flat": "DOUBLE",
    "p_expanded": "DOUBLE",
    "share_seats": "DOUBLE",
    "share_plan": "DOUBLE",
    "share_product": "DOUBLE",
    "share_price": "DOUBLE",
    "expected_arr_renewed": "DOUBLE",
    "expected_arr": "DOUBLE",
}
PANDAS = {"BIGINT": "Int64", "BOOLEAN": "boolean"}  # types that can be missing
ORDER = ("rank NULLS LAST", "due_date", "account_id")
WHOSE = ("bundle_sha256", "features_sha256")
BY_DAY = ("due_date", "account_id")
SEALABLE = {name: sql for name, sql in PUBLISHED.items() if name != "sealed"}


class DamagedPublication(RuntimeError):
    """A folder of predictions is incomplete, or its files are not those of its manifest."""


@dataclass(frozen=True)
class Published:
    """A verified publication: `predictions`, `outcomes`, `health` (maybe empty), `record`, and its
    manifest."""

    predictions: pd.DataFrame
    outcomes: pd.DataFrame
    health: pd.DataFrame
    record: pd.DataFrame
    manifest: Mapping[str, object]


def of_publication(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What tells one publication from another, for figures that were worked out of it."""
    of = {name: manifest["identity"][name] for name in WHOSE}
    return {"as_of": manifest["as_of"], "due_within": manifest["due_within"], **of}


def publish(
    predictions: pd.DataFrame,
    outcomes: pd.DataFrame,
    health: pd.DataFrame,
    record: pd.DataFrame,
    about: Mapping[str, object],
    folder: Path,
    dossier: Contents | None = None,
) -> None:
    """Write a publication to `folder`; if anything fails, what stood there before stays.

    `about` goes into the manifest as it is: when, how much, from what. No clock time is written.
    """
    with published(folder) as new, duckdb.connect() as con:
        for name, frame, columns, order in (
            ("predictions", predictions, COLUMNS, ORDER),
            ("outcomes", outcomes, OUTCOMES, BY_DAY),
            ("record", record, SEALABLE, BY_DAY),
        ):
            con.register("given", frame)
            typed = ", ".join(f'CAST("{of}" AS {sql}) AS "{of}"' for of, sql in columns.items())
            parquet = new / f"{name}.parquet"
            write_parquet(con, f"SELECT {typed} FROM given", parquet, order)
            if name == "record":
                continue
            people = read_frame(parquet)
            for day in (of for of, sql in columns.items() if sql == "DATE"):
                people[day] = people[day].dt.strftime("%Y-%m-%d")
            write_csv(people, new / f"{name}.csv")
        if not health.empty:
            con.register("assessed", health)
            write_parquet(
                con, "SELECT * FROM assessed", new / "health.parquet", ("account_id", "as_of")
            )
        if dossier is not None:
            dossier.write(new)
        commit = {**about, "files": manifest(new)}
        text = json.dumps(commit, indent=2, sort_keys=True, allow_nan=False)
        (new / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> Published:
    """The publication in `folder`, once every file was found to be the one in its manifest."""
    try:
        commit = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DamagedPublication(
            f"{folder} holds no {MANIFEST}: nothing was published there, run `renewcast score`"
        ) from None
    except ValueError as error:
        raise DamagedPublication(
            f"{folder / MANIFEST} is not JSON ({error}): score again"
        ) from None
    there = {name: sha for name, sha in manifest(folder).items() if name != MANIFEST}
    if there != commit.get("files"):
        named = commit.get("files") or {}
        wrong = sorted(n for n in there.keys() | named.keys() if there.get(n) != named.get(n))
        raise DamagedPublication(
            f"{folder}: {', '.join(wrong)} differ from {MANIFEST}: score again, do not mend by hand"
        )
    health = folder / "health.parquet"
    types = {name: PANDAS[sql] for name, sql in COLUMNS.items() if sql in PANDAS}
    return Published(
        predictions=read_frame(folder / "predictions.parquet").astype(types),
        outcomes=read_frame(folder / "outcomes.parquet"),
        health=read_frame(health) if health.exists() else pd.DataFrame(),
        record=read_frame(folder / "record.parquet"),
        manifest=commit,
    )


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON can hold them: dates in ISO form, and null for everything that is missing.

    >>> days = pd.to_datetime(["2025-01-31", None])
    >>> records(pd.DataFrame({"p": [0.5, float("nan")], "day": days}))
    [{'p': 0.5, 'day': '2025-01-31'}, {'p': None, 'day': None}]
    """
    plain = frame.copy()
    for name, column in frame.items():
        if pd.api.types.is_datetime64_any_dtype(column):
            plain[name] = column.dt.strftime("%Y-%m-%d")
    rows = plain.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]
